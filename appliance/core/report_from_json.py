"""`lumbarbox.report/1` back to a Report: what the box wrote, it can take up again. Pure; the mirror of `report_json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.models import ModelIdentity, Vote
from appliance.core.report import (
    Alert,
    Evidence,
    Finding,
    LocatedLevel,
    Outcome,
    Reason,
    Report,
    Runtime,
    SeriesUse,
    SourceImage,
    Times,
    Triple,
)
from appliance.core.spine import SEVERITIES, Condition, Level
from appliance.core.study import Role


def from_json(written: Mapping[str, Any]) -> Report:
    """Raises KeyError or ValueError where it is not a report."""
    return Report(
        report_id=written["report_id"],
        revision=written["revision"],
        outcome=Outcome(written["outcome"]),
        study_uid=written["study"]["study_uid"],
        series=tuple(SeriesUse(**{**s, "role": Role(s["role"])}) for s in written["series"]),
        levels=tuple(_level(level) for level in written["levels"]),
        findings=tuple(_finding(f) for f in written["findings"]),
        alerts=tuple(_alert(a) for a in written["alerts"]),
        warnings=tuple(written["warnings"]),
        models=tuple(ModelIdentity(**m) for m in written["models"]),
        runtime=_runtime(written["runtime"]),
        times=Times(written["times"]["read_at"], written["study"]["study_date"]),
        notice=written["notice"],
        numbering_shift=written.get("numbering_shift", 0),
        images=tuple(SourceImage(**image) for image in written.get("images", ())),
    )


def _level(written: Mapping[str, Any]) -> LocatedLevel:
    return LocatedLevel(
        level=Level(written["level"]),
        sop_uid=written["sop_uid"],
        center_px=tuple(written["center_px"]),
        box_px=tuple(written["box_px"]),
        position_mm=_position(written),
        score=written["score"],
        frame=written["frame"],
    )


def _finding(written: Mapping[str, Any]) -> Finding:
    condition, level = Condition(written["condition"]), Level(written["level"])
    if written["reason"] is not None:
        return Finding(condition, level, reason=Reason(written["reason"]))
    votes = tuple(Vote(v["model"], _triple(v["probabilities"])) for v in written.get("votes", ()))
    return Finding(condition, level, _triple(written["probabilities"]), _evidence(written["evidence"]), votes=votes)


def _triple(written: Mapping[str, float]) -> Triple:
    normal_mild, moderate, severe = (written[s.value] for s in SEVERITIES)
    return normal_mild, moderate, severe


def _evidence(written: Mapping[str, Any]) -> Evidence:
    return Evidence(
        sop_uid=written["sop_uid"],
        box_px=tuple(written["box_px"]),
        position_mm=_position(written),
        attention=written["attention"],
        slices=written["slices"],
        frame=written["frame"],
    )


def _position(written: Mapping[str, Any]) -> tuple[float, float, float] | None:
    if written["position_mm"] is None:
        return None
    x, y, z = written["position_mm"]
    return x, y, z


def _alert(written: Mapping[str, Any]) -> Alert:
    return Alert(written["code"], written["message"], Level(written["level"]) if written["level"] else None)


def _runtime(written: Mapping[str, Any]) -> Runtime:
    return Runtime(
        written["device"], written["precision"], written["fallback"], tuple(written["milliseconds"].items())
    )
