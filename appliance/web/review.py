"""A doctor's part: agree with a finding or correct it, move the level names, export what was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.renumbering import new_name
from appliance.core.review import Opinion, table
from appliance.core.roles import Role
from appliance.core.spine import Condition, Level, Severity
from appliance.errors import InputError
from appliance.web.reports import report_of
from appliance.web.security import at_least
from appliance.web.services import services
from appliance.web.tables import csv_file
from appliance.web.told import here, told

pages = Blueprint("review", __name__)

LONGEST_COMMENT = 500
Place = tuple[str, str]


@pages.post("/study/<job_id>/review")
@at_least(Role.DOCTOR)
def give(job_id: str) -> AnyResponse:
    """One opinion for each place a grade was chosen for. They are added; what was said before stays."""
    source, report = report_of(job_id)
    if request.form.get("revision") != str(report["revision"]):
        abort(400, "The level names were moved meanwhile. Load the study again and repeat.")
    given = [o for f in report["findings"] if (o := _opinion(source.id, f, report["revision"])) is not None]
    for opinion in given:
        services().register.add_opinion(opinion)
    if given:
        services().accounts.note(g.user.name, f"reviewed {len(given)} findings of {source.id}", services().clock())
    return redirect(url_for("study.show", job_id=job_id) + "#findings")


@pages.post("/study/<job_id>/numbering")
@at_least(Role.DOCTOR)
def renumber(job_id: str) -> AnyResponse:
    source, _ = report_of(job_id)
    shift = request.form.get("shift", type=int)
    if shift is None:
        abort(400, "Choose where the level names should go.")
    try:
        services().revising.renumber(source, shift, services().clock())
    except InputError as exc:
        abort(400, exc.message)
    services().accounts.note(g.user.name, f"moved the level names of {source.id} to {shift:+d}", services().clock())
    return redirect(url_for("study.show", job_id=job_id) + "#findings")


@pages.get("/reviews.csv")
@at_least(Role.DOCTOR)
def export() -> Response:
    """Every opinion ever given, with the finding it was given on: to train on later."""
    services().accounts.note(g.user.name, "exported all reviews", services().clock())
    return csv_file("reviews.csv", table(_with_reports(services().register.opinions())))


def latest(job_id: str) -> dict[Place, list[Opinion]]:
    """By place, each reviewer's last word; where level names were moved since, it follows its disc."""
    shown: dict[tuple[Place, str], Opinion] = {}
    for o in services().register.opinions(job_id):
        level = new_name(o.level, _shift(job_id) - _shift(job_id, o.revision))
        if level is not None:
            shown[(o.condition.value, level.value), o.reviewer] = replace(o, level=level)
    found: dict[Place, list[Opinion]] = {}
    for (place, _), opinion in shown.items():
        found.setdefault(place, []).append(opinion)
    return found


def _shift(job_id: str, revision: int | None = None) -> int:
    """Of the report as it is now, or as it was at a revision."""
    reports = services().reports
    report = reports.load(job_id) if revision is None else reports.revision(job_id, revision)
    return int(report.get("numbering_shift", 0)) if report is not None else 0


def reviewed_lines(job_id: str) -> Iterator[str]:
    """For the printed sheet: who agrees with how much, and each correction."""
    said = [o for found in latest(job_id).values() for o in found]
    for reviewer in sorted({o.reviewer for o in said}):
        agreed = sum(o.agrees for o in said if o.reviewer == reviewer)
        changed = [o for o in said if o.reviewer == reviewer and not o.agrees]
        if agreed:
            yield here().say("{who} agrees with {count} of the findings.", who=reviewer, count=agreed)
        for o in changed:
            was = told(o.model_severity.label.lower() if o.model_severity else "not assessed")
            comment = f" ({o.comment})" if o.comment else ""
            place = f"{told(o.condition.label)}, {o.level.label}: {told(o.severity.label)}"
            yield f"{reviewer}: {place}, {here().say('model: {grade}', grade=was)}{comment}"


def _opinion(job_id: str, finding: dict[str, Any], revision: int) -> Opinion | None:
    """What the form says of one place; None where it says nothing."""
    condition, level = finding["condition"], finding["level"]
    chosen = request.form.get(f"{condition}.{level}", "")
    if not chosen and request.form.get("agree_with_rest") and finding["severity"]:
        chosen = finding["severity"]
    if not chosen:
        return None
    if chosen not in list(Severity):
        abort(400, "That grade is unknown.")
    return Opinion(
        job_id=job_id,
        condition=Condition(condition),
        level=Level(level),
        severity=Severity(chosen),
        model_severity=Severity(finding["severity"]) if finding["severity"] else None,
        revision=revision,
        reviewer=g.user.name,
        at=services().clock(),
        comment=request.form.get("comment", "").strip()[:LONGEST_COMMENT],
    )


def _with_reports(opinions: tuple[Opinion, ...]) -> Iterator[tuple[Opinion, dict[str, Any]]]:
    """The report as it stood at the opinion's revision; level names may have moved since."""
    for opinion in opinions:
        report = services().reports.revision(opinion.job_id, opinion.revision)
        if report is not None:
            yield opinion, report


