"""Reports on the box's own disk: a folder a job, whole or absent."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.durable import sync
from appliance.errors import Code, from_os

REPORT, REVISIONS, AS_READ = "report.json", "revisions", "as_read.json"
Card = Mapping[str, Any]
CARD = ".job.json"
"""Beside each report; it never leaves the box."""


class Reports:
    """Job ids are the box's own, so no path here holds anything a stranger wrote."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def folder(self, job_id: str) -> Path:
        return self._root / job_id

    def save(self, job_id: str, write: Callable[[Path], None], card: Card) -> None:
        """Written beside, synced, renamed. `card` is what a rebuilt ledger needs to know of it."""
        part = self._root / f"{job_id}.part"
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            write(part)
            (part / CARD).write_text(json.dumps(card), "utf-8")
            self._put_in_place(part, job_id)
        except OSError as exc:
            raise from_os(exc, "The folder of the reports", Code.FAULT) from exc

    def revise(self, job_id: str, write: Callable[[Path], None]) -> None:
        """A new revision: what `write` makes takes the place of the files; the slices and the reports before stay."""
        part, now = self._root / f"{job_id}.part", self.folder(job_id)
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            for kept in (entry for entry in now.iterdir() if entry.is_dir()):
                shutil.copytree(kept, part / kept.name, copy_function=os.link)
            (part / REVISIONS).mkdir(exist_ok=True)
            before = self.load(job_id)
            if before is not None:
                os.link(now / REPORT, part / REVISIONS / f"{before['revision']}.json")
                if not (part / REVISIONS / AS_READ).exists():
                    os.link(now / REPORT, part / REVISIONS / AS_READ)
            if (now / CARD).exists():
                os.link(now / CARD, part / CARD)
            write(part)
            self._put_in_place(part, job_id)
        except OSError as exc:
            raise from_os(exc, "The folder of the reports", Code.FAULT) from exc

    def as_read(self, job_id: str) -> dict[str, Any] | None:
        """report.json as the models wrote it, before any person moved its level names."""
        first = self.folder(job_id) / REVISIONS / AS_READ
        return _json(first) if first.exists() else self.load(job_id)

    def revision(self, job_id: str, number: int) -> dict[str, Any] | None:
        """report.json as it stood at that revision."""
        current = self.load(job_id)
        if current is not None and current["revision"] == number:
            return current
        return _json(self.folder(job_id) / REVISIONS / f"{number}.json")

    def load(self, job_id: str) -> dict[str, Any] | None:
        """report.json; None when there is none that can be read."""
        return _json(self.folder(job_id) / REPORT)

    def cards(self) -> tuple[Card, ...]:
        """Of every report that lies here whole, oldest first."""
        found = []
        for path in sorted(self._root.glob(f"*/{CARD}"), key=lambda p: p.stat().st_mtime):
            try:
                card = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(card, dict) and not path.parent.name.endswith(".part"):
                found.append(card)
        return tuple(found)

    def pictures(self, job_id: str) -> tuple[Path, ...]:
        """The marked pictures, in order of their names."""
        return tuple(sorted(self.folder(job_id).glob("*.png")))

    def discard(self, job_id: str) -> None:
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def folders(self) -> tuple[tuple[Path, datetime], ...]:
        """Every report's folder and when it was first written, oldest first."""
        found = [(f, f.stat().st_mtime) for f in self._root.iterdir() if f.is_dir() and f.suffix != ".part"]
        return tuple((f, datetime.fromtimestamp(at, UTC)) for f, at in sorted(found, key=lambda one: one[1]))

    def _put_in_place(self, part: Path, job_id: str) -> None:
        for entry in (*part.iterdir(), part):  # slices can be made again from the originals: they are not waited for
            sync(entry)
        self.discard(job_id)
        part.rename(self.folder(job_id))
        sync(self._root)


def _json(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
