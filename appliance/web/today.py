"""Today: what is arriving, waiting, being read, done and failed; live by server-sent events, or by refresh.

An event stream here is one short answer: the browser asks again after `retry`. So no thread is held by a page that
someone left open on the wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from flask import Blueprint, Response, current_app, g, redirect, render_template, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.jobs import PAUSED, Job, State
from appliance.core.progress import about, seconds_left
from appliance.web.events import event
from appliance.web.language import chosen
from appliance.web.security import csrf_token
from appliance.web.services import services

pages = Blueprint("today", __name__)

SHOWN = 100
ASK_AGAIN_MS = 1500
DRAWN_FOR_SECONDS = 3
"""The host's figures and the time that is left move without the ledger."""
Group = tuple[str, list[Job]]
GROUPS = ("Needs a person", "Being read", "Waiting", "Arriving", "Done")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a study is, for people."""

    percent: int
    left: str = ""
    """In words; empty when nobody knows."""
    before: int = 0
    """Studies that are read before this one."""
    paused: bool = False
    """It waits because someone paused the reading."""


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
    return event(_drawn(), ASK_AGAIN_MS)


@pages.post("/today/resume")
def resume() -> AnyResponse:
    """Reading goes on after someone paused it, from whichever door."""
    services().ledger.set_fact(PAUSED, None)
    services().accounts.note(g.user.name, "resumed the reading", services().clock())
    return redirect(url_for("today.show"))


def _drawn() -> str:
    """The live part, drawn once for all who watch in a language, and anew when the ledger changed or some seconds passed."""
    key = services().ledger.version(), int(services().clock().timestamp() // DRAWN_FOR_SECONDS)
    drawn: dict[str, tuple[object, str]] = current_app.extensions.setdefault("today", {})
    known = drawn.get(chosen())
    if known is None or known[0] != key:
        known = drawn[chosen()] = key, _live()
    return known[1]


def recent_groups() -> list[Group]:
    """What is open, and what came to an end in the last 24 hours; what waits for a person first."""
    jobs = services().ledger.newest(SHOWN)
    recent = services().clock() - timedelta(hours=24)
    members = (
        _latest([j for j in _in(jobs, State.FAILED, State.QUARANTINED) if j.updated_at > recent]),
        _in(jobs, State.READING),
        _in(jobs, State.QUEUED)[::-1],
        _in(jobs, State.RECEIVED, State.SETTLING),
        _latest([j for j in _in(jobs, State.DONE) if j.updated_at > recent]),
    )
    return list(zip(GROUPS, members, strict=True))


def progress_of(job: Job) -> Progress:
    """Of one study; the queue is asked only when it waits."""
    if job.state is State.READING:
        elapsed = (services().clock() - job.updated_at).total_seconds()
        return Progress(round(job.fraction * 100), about(seconds_left(job.fraction, elapsed)))
    if job.state is State.QUEUED:
        waiting = services().ledger.in_state(State.READING, State.QUEUED)
        before = next((n for n, other in enumerate(waiting) if other.id == job.id), 0)
        return Progress(0, before=before, paused=bool(services().ledger.fact(PAUSED)))
    return Progress(round(job.fraction * 100))


def _live() -> str:
    groups = recent_groups()
    reading = {job.id: progress_of(job) for _, jobs in groups for job in jobs if job.state is State.READING}
    return render_template("_live.html", groups=groups, progress=reading, health=services().health())


def _latest(jobs: list[Job]) -> list[Job]:
    """By the time that is shown with each."""
    return sorted(jobs, key=lambda job: job.updated_at, reverse=True)


def _in(jobs: tuple[Job, ...], *states: State) -> list[Job]:
    return [job for job in jobs if job.state in states]
