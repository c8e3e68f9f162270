"""The report as `lumbarbox.report/1`. Pure: values to plain JSON values, and the JSON Schema from the same types.

The types below are the contract; `to_json` is checked against them by mypy, the shipped schema is made from them.
"""

from __future__ import annotations

from typing import Any, Literal, TypedDict

from appliance.core.json_schema import schema_of
from appliance.core.models import Vote
from appliance.core.report import (
    Evidence,
    Finding,
    LocatedLevel,
    Outcome,
    Reason,
    Report,
    SourceImage,
    Status,
    Triple,
)
from appliance.core.spine import Condition, Level, Severity
from appliance.core.study import Role

Point = tuple[float, float]
Position = tuple[float, float, float]
BoxPx = tuple[float, float, float, float]


class StudyJson(TypedDict):
    """Which study. No name, no identifier of the patient."""

    study_uid: str
    study_date: str


class SeriesJson(TypedDict):
    """What one series was taken for, and why."""

    series_uid: str
    role: Role
    plane: str
    slices: int
    why: str


class LevelJson(TypedDict):
    """Where one disc is, in the pixels of the image `sop_uid` and in the patient."""

    level: Level
    sop_uid: str
    frame: int
    center_px: Point
    box_px: BoxPx
    position_mm: Position | None
    score: float


class ProbabilitiesJson(TypedDict):
    """Sums to 1."""

    normal_mild: float
    moderate: float
    severe: float


class EvidenceJson(TypedDict):
    """The slice that decided, and the square that was graded on it."""

    sop_uid: str
    frame: int
    box_px: BoxPx
    position_mm: Position | None
    attention: float
    slices: int


class VoteJson(TypedDict):
    """What one of two models said by itself."""

    model: str
    severity: Severity
    probabilities: ProbabilitiesJson


class FindingJson(TypedDict):
    """Graded with probabilities, severity and evidence; or not assessed, with a reason. Votes only of two models."""

    condition: Condition
    level: Level
    status: Status
    reason: Reason | None
    reason_text: str
    probabilities: ProbabilitiesJson | None
    severity: Severity | None
    evidence: EvidenceJson | None
    votes: list[VoteJson]
    disagreement: bool


class AlertJson(TypedDict):
    """What a person must look at first."""

    code: str
    message: str
    level: Level | None


class ModelJson(TypedDict):
    """Which weights spoke."""

    name: str
    version: str
    sha256: str
    precision: str


class RuntimeJson(TypedDict):
    """On what it was read; milliseconds by stage."""

    device: str
    precision: str
    fallback: bool
    milliseconds: dict[str, float]


class TimesJson(TypedDict):
    """ISO 8601 with zone."""

    read_at: str


class ImageJson(TypedDict):
    """An image the report points to, as another DICOM object must name it."""

    sop_uid: str
    sop_class_uid: str
    series_uid: str
    rows: int
    columns: int


class ReportJson(TypedDict):
    schema: Literal["lumbarbox.report/1"]
    report_id: str
    revision: int
    outcome: Outcome
    study: StudyJson
    series: list[SeriesJson]
    levels: list[LevelJson]
    findings: list[FindingJson]
    alerts: list[AlertJson]
    warnings: list[str]
    models: list[ModelJson]
    runtime: RuntimeJson
    times: TimesJson
    notice: str
    numbering_shift: int
    images: list[ImageJson]


def to_json(report: Report) -> ReportJson:
    """Plain values, ready for `json.dumps`."""
    return {
        "schema": "lumbarbox.report/1",
        "report_id": report.report_id,
        "revision": report.revision,
        "outcome": report.outcome,
        "study": {"study_uid": report.study_uid, "study_date": report.times.study_date},
        "series": [
            {"series_uid": s.series_uid, "role": s.role, "plane": s.plane, "slices": s.slices, "why": s.why}
            for s in report.series
        ],
        "levels": [_level(level) for level in report.levels],
        "findings": [_finding(finding) for finding in report.findings],
        "alerts": [{"code": a.code, "message": a.message, "level": a.level} for a in report.alerts],
        "warnings": list(report.warnings),
        "models": [
            {"name": m.name, "version": m.version, "sha256": m.sha256, "precision": m.precision} for m in report.models
        ],
        "runtime": {
            "device": report.runtime.device,
            "precision": report.runtime.precision,
            "fallback": report.runtime.fallback,
            "milliseconds": dict(report.runtime.milliseconds),
        },
        "times": {"read_at": report.times.read_at},
        "notice": report.notice,
        "numbering_shift": report.numbering_shift,
        "images": [_image(image) for image in report.images],
    }


def report_schema() -> dict[str, Any]:
    """JSON Schema of report.json."""
    return schema_of(ReportJson, "Lumbarbox report, version 1")


def _level(level: LocatedLevel) -> LevelJson:
    x, y = level.center_px
    return {
        "level": level.level,
        "sop_uid": level.sop_uid,
        "frame": level.frame,
        "center_px": (round(x, 2), round(y, 2)),
        "box_px": _box(level.box_px),
        "position_mm": level.position_mm,
        "score": round(level.score, 4),
    }


def _image(image: SourceImage) -> ImageJson:
    return {
        "sop_uid": image.sop_uid,
        "sop_class_uid": image.sop_class_uid,
        "series_uid": image.series_uid,
        "rows": image.rows,
        "columns": image.columns,
    }


def _finding(finding: Finding) -> FindingJson:
    return {
        "condition": finding.condition,
        "level": finding.level,
        "status": finding.status,
        "reason": finding.reason,
        "reason_text": finding.reason.label if finding.reason is not None else "",
        "probabilities": _probabilities(finding.probabilities) if finding.probabilities is not None else None,
        "severity": finding.severity,
        "evidence": _evidence(finding.evidence) if finding.evidence is not None else None,
        "votes": [_vote(vote) for vote in finding.votes],
        "disagreement": finding.disagreement,
    }


def _vote(vote: Vote) -> VoteJson:
    return {"model": vote.model, "severity": vote.severity, "probabilities": _probabilities(vote.probabilities)}


def _probabilities(triple: Triple) -> ProbabilitiesJson:
    normal_mild, moderate, severe = (round(p, 6) for p in triple)
    return {"normal_mild": normal_mild, "moderate": moderate, "severe": severe}


def _evidence(evidence: Evidence) -> EvidenceJson:
    return {
        "sop_uid": evidence.sop_uid,
        "frame": evidence.frame,
        "box_px": _box(evidence.box_px),
        "position_mm": evidence.position_mm,
        "attention": round(evidence.attention, 4),
        "slices": evidence.slices,
    }


def _box(box: BoxPx) -> BoxPx:
    x0, y0, x1, y1 = (round(v, 2) for v in box)
    return x0, y0, x1, y1
