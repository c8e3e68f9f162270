"""History: every study that came to an end, newest first, a page at a time, searched by what a person remembers."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from typing import Any

from flask import Blueprint, g, render_template, request

from appliance.core.jobs import Search, State
from appliance.core.spine import SEVERITIES, Severity
from appliance.web.services import services, settings

pages = Blueprint("history", __name__)

PER_PAGE = 50
ENDED = (State.DONE, State.FAILED, State.QUARANTINED)
STATES = {"done": (State.DONE,), "failed": (State.FAILED, State.QUARANTINED)}


@pages.get("/history")
def show() -> str:
    asked = {key: value for key in ("since", "until", "severity", "state", "name", "patient") if (value := _asked(key))}
    wanted, page = _search(asked), max(request.args.get("page", 1, type=int), 1)
    jobs, total = services().ledger.search(wanted, PER_PAGE, (min(page, 1_000_000) - 1) * PER_PAGE)
    last = max(1, -(-total // PER_PAGE))
    if page > last:
        page, (jobs, total) = last, services().ledger.search(wanted, PER_PAGE, (last - 1) * PER_PAGE)
    if asked.get("patient"):
        services().accounts.note(g.user.name, "searched for a patient", services().clock())
    return render_template(
        "history.html",
        jobs=jobs,
        page=page,
        last=last,
        total=total,
        asked=asked,
        severities=SEVERITIES,
        patients=_patients(jobs),
        identifiers=settings().identifiers,
    )


def _search(asked: dict[str, str]) -> Search:
    """What makes no sense is left out: a bookmark of an older page still shows something."""
    severity = asked.get("severity", "")
    return Search(
        states=STATES.get(asked.get("state", ""), ENDED),
        worst=severity if severity in list(Severity) else "",
        since=_day(asked.get("since", "")),
        until=_day(asked.get("until", "")),
        name=asked.get("name", ""),
        ids=services().register.find_patient(asked["patient"]) if asked.get("patient") else None,
    )


def _asked(key: str) -> str:
    return "" if key == "patient" and not settings().identifiers else request.args.get(key, "").strip()[:80]


def _day(text: str) -> str:
    with suppress(ValueError):
        return date.fromisoformat(text).isoformat()
    return ""


def _patients(jobs: Any) -> dict[str, str]:
    """Names beside the studies, where they are kept."""
    if not settings().identifiers:
        return {}
    found = {job.id: services().register.patient(job.duplicate_of or job.id) for job in jobs}
    return {job_id: p.name.replace("^", " ").strip() or p.patient_id for job_id, p in found.items() if p is not None}
