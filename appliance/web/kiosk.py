"""The view for a monitor on the wall: how the work stands, nobody's name, nobody's finding. Opened by a key, not a login."""

from __future__ import annotations

from flask import Blueprint, Response, abort, render_template

from appliance.core.jobs import Job, State
from appliance.web.events import event
from appliance.web.services import services
from appliance.web.today import GROUPS, Group, recent_groups

pages = Blueprint("kiosk", __name__, url_prefix="/kiosk/<token>")

ASK_AGAIN_MS = 3000
WORDS = {
    State.RECEIVED: "arriving",
    State.SETTLING: "arriving",
    State.QUEUED: "waiting",
    State.READING: "being read",
    State.DONE: "report ready",
    State.FAILED: "needs a person",
    State.QUARANTINED: "needs a person",
}


@pages.get("")
def show(token: str) -> str:
    return render_template("kiosk.html", live=_live(token), token=token)


@pages.get("/events")
def events(token: str) -> Response:
    return event(_live(token), ASK_AGAIN_MS)


def label(job: Job) -> str:
    """What a technician can tell apart without a name: when it came, and the first of its number."""
    return f"{job.created_at.strftime('%H:%M')} · {job.id[:4]}"


def _live(token: str) -> str:
    if not services().accounts.opens_kiosk(token):
        abort(404)
    groups: list[Group] = recent_groups()
    counts = {title: len(jobs) for title, jobs in groups}
    return render_template(
        "_kiosk.html", groups=groups, counts=counts, titles=GROUPS, words=WORDS, label=label, health=services().health()
    )
