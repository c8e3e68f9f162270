"""Today: what is arriving, waiting, being read, done and failed; live by server-sent events, or by refresh.

An event stream here is one short answer: the browser asks again after `retry`. So no thread is held by a page that
someone left open on the wall.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.jobs import Job, State
from appliance.web.security import csrf_token
from appliance.web.services import services

pages = Blueprint("today", __name__)

SHOWN = 100
ASK_AGAIN_MS = 1500


@pages.get("/")
def home() -> AnyResponse:
    return redirect(url_for("today.show"))


@pages.get("/today")
def show() -> str:
    csrf_token()
    return render_template("today.html", live=_live())


@pages.get("/today/events")
def events() -> Response:
    """The live part, when it is not what the browser has already."""
    live = _live()
    mark = hashlib.sha256(live.encode()).hexdigest()[:16]
    lines = [f"retry: {ASK_AGAIN_MS}"]
    if request.headers.get("Last-Event-ID") != mark:
        lines += [f"id: {mark}", *(f"data: {line}" for line in live.splitlines())]
    return Response("\n".join(lines) + "\n\n", mimetype="text/event-stream")


def _live() -> str:
    jobs = services().ledger.newest(SHOWN)
    recent = services().clock() - timedelta(hours=24)
    groups = [
        ("Being read", _in(jobs, State.READING)),
        ("Waiting", _in(jobs, State.QUEUED)[::-1]),
        ("Arriving", _in(jobs, State.RECEIVED, State.SETTLING)),
        ("Needs a person", [j for j in _in(jobs, State.FAILED, State.QUARANTINED) if j.updated_at > recent]),
        ("Done", [j for j in _in(jobs, State.DONE) if j.updated_at > recent]),
    ]
    return render_template("_live.html", groups=groups, health=services().health())


def _in(jobs: tuple[Job, ...], *states: State) -> list[Job]:
    return [job for job in jobs if job.state in states]
