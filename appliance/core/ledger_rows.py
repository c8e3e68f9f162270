"""From a row of the ledger's tables to the value it holds. Pure: a row is anything that answers to column names."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Protocol

from appliance.core.gathering import Image
from appliance.core.jobs import Event, Job, Manifest, Reason, Result, Source, State, Transition
from appliance.core.printable import from_text
from appliance.core.study import Role


class Row(Protocol):
    def __getitem__(self, column: str, /) -> Any: ...


def job_of(row: Row) -> Job:
    return Job(
        id=row["id"],
        name=row["name"],
        source=Source(row["source"]),
        state=State(row["state"]),
        entry=from_text(row["entry"]),
        created_at=datetime.fromisoformat(row["created_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        manifest=Manifest(row["content"], row["files"], row["bytes"]) if row["content"] else None,
        attempts=row["attempts"],
        stage=row["stage"],
        fraction=row["fraction"],
        reason=Reason(**json.loads(row["reason"])) if row["reason"] else None,
        result=Result(**json.loads(row["result"])) if row["result"] else None,
        duplicate_of=row["duplicate_of"],
        handed_over=bool(row["handed_over"]),
        filed=bool(row["filed"]),
        filed_as=row["filed_as"],
        study_uid=row["study_uid"],
        images=row["images"],
        missing=tuple(Role(word) for word in row["missing"].split(",") if word),
        due_at=datetime.fromisoformat(row["due_at"]) if row["due_at"] else None,
        hurried=bool(row["hurried"]),
        joined=row["joined"],
        revises=row["revises"],
        superseded_by=row["superseded_by"],
        forgotten=bool(row["forgotten"]),
    )


def transition_of(row: Row) -> Transition:
    at = datetime.fromisoformat(row["at"])
    return Transition(row["number"], row["job_id"], at, Event(row["event"]), State(row["state"]), row["note"])


def image_of(row: Row) -> Image:
    names = ("file", "study_uid", "series_uid", "sop_uid", "modality", "digest")
    return Image(role=Role(row["role"]), **{name: row[name] for name in names})
