"""Two readings of one patient side by side: what changed, place by place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, g, render_template

from appliance.core.spine import CONDITIONS, LEVELS, Severity
from appliance.web.reports import report_of
from appliance.web.services import services

pages = Blueprint("compare", __name__)

WORSE, BETTER, SAME, UNKNOWN = "worse", "better", "same", "cannot be compared"


@pages.get("/study/<job_id>/with/<other_id>")
def show(job_id: str, other_id: str) -> str:
    """Only studies of the same patient are laid side by side."""
    (one, report), (other, before) = report_of(job_id), report_of(other_id)
    if other.id not in (job for job, _ in services().register.others(one.id)):
        abort(404)
    if before["study"]["study_date"] > report["study"]["study_date"]:
        (one, report), (other, before) = (other, before), (one, report)
    services().accounts.note(g.user.name, f"compared {one.id} with {other.id}", services().clock())
    cells = {(c.value, level.value): _cell(before, report, c.value, level.value) for c in CONDITIONS for level in LEVELS}
    return render_template(
        "compare.html",
        job=one,
        report=report,
        other=other,
        before=before,
        cells=cells,
        levels=LEVELS,
        conditions=CONDITIONS,
        changed=sum(change in (WORSE, BETTER) for _, _, change in cells.values()),
        same_models=_models(report) == _models(before),
        same_numbering=report.get("numbering_shift", 0) == before.get("numbering_shift", 0),
    )


def change_of(before: str | None, now: str | None) -> str:
    """Grades are compared, not probabilities: two readings differ by a little even of the same images."""
    if before is None or now is None:
        return UNKNOWN
    was, is_now = Severity(before).rank, Severity(now).rank
    return SAME if was == is_now else WORSE if is_now > was else BETTER


def _cell(before: Mapping[str, Any], now: Mapping[str, Any], condition: str, level: str) -> tuple[str, str, str]:
    was, is_now = (_severity(report, condition, level) for report in (before, now))
    return was or "", is_now or "", change_of(was, is_now)


def _severity(report: Mapping[str, Any], condition: str, level: str) -> str | None:
    found = next(f for f in report["findings"] if (f["condition"], f["level"]) == (condition, level))
    severity = found["severity"]
    return str(severity) if severity is not None else None


def _models(report: Mapping[str, Any]) -> list[str]:
    return sorted(m["sha256"] for m in report["models"])
