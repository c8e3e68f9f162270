"""What a doctor says of a reading: beside the model's findings, never over them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.core.spine import Condition, Level, Severity


@dataclass(frozen=True, slots=True)
class Opinion:
    """One person's grade of one place, and what the model had said there at that moment."""

    job_id: str
    condition: Condition
    level: Level
    severity: Severity
    model_severity: Severity | None
    """None where the model had not assessed the place."""
    revision: int
    """Of the report it was given on: level names may have moved since."""
    reviewer: str
    at: datetime
    comment: str = ""

    @property
    def agrees(self) -> bool:
        return self.severity is self.model_severity


COLUMNS = (
    "report_id", "revision", "numbering_shift", "study_uid", "condition", "level", "model_severity",
    "p_normal_mild", "p_moderate", "p_severe", "reviewer_severity", "agrees", "reviewer", "reviewed_at", "comment",
    "sop_uid", "frame", "x0", "y0", "x1", "y1", "models",
)  # fmt: skip


def table(opinions: Iterable[tuple[Opinion, Mapping[str, Any]]]) -> Iterator[Sequence[object]]:
    """Each opinion with the report it was given on (report.json's content): a line to train on later. Heads first."""
    yield COLUMNS
    for opinion, report in opinions:
        yield _row(opinion, report)


def _row(opinion: Opinion, report: Mapping[str, Any]) -> list[object]:
    found = next(
        f for f in report["findings"] if (f["condition"], f["level"]) == (opinion.condition.value, opinion.level.value)
    )
    triple = found["probabilities"] or {"normal_mild": "", "moderate": "", "severe": ""}
    evidence = found["evidence"] or {"sop_uid": "", "frame": "", "box_px": ("", "", "", "")}
    return [
        *(report["report_id"], opinion.revision, report.get("numbering_shift", 0), report["study"]["study_uid"]),
        *(opinion.condition.value, opinion.level.value, _word(opinion.model_severity)),
        *(triple["normal_mild"], triple["moderate"], triple["severe"]),
        *(opinion.severity.value, int(opinion.agrees), opinion.reviewer, opinion.at.isoformat()),
        *(opinion.comment, evidence["sop_uid"], evidence["frame"], *evidence["box_px"]),
        " ".join(f"{m['name']}:{m['sha256'][:12]}" for m in report["models"]),
    ]


def _word(severity: Severity | None) -> str:
    return severity.value if severity is not None else "not_assessed"
