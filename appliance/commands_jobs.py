"""`lumbarbox jobs list|show|retry|release|pause|resume`: looking after a box from its terminal."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from appliance.core.jobs import PAUSED, Job, State
from appliance.core.words import in_words, lacking, next_step
from appliance.errors import UsageError
from appliance.wiring import read_config

if TYPE_CHECKING:
    from appliance.box import Box

WELL = 0
_WAITS = "It is not finished yet. To read it with what there is: lumbarbox jobs now {job.id}"
WHAT_TO_DO = {
    State.RECEIVED: _WAITS,
    State.SETTLING: _WAITS,
    State.QUEUED: "It is read when its turn comes; nothing needs to be done.",
    State.READING: "It is being read; nothing needs to be done.",
    State.DONE: "To have it read again, drop the study into the shared folder again.",
    State.FAILED: "To try it again: lumbarbox jobs retry {job.id}",
    State.QUARANTINED: "To try it once more: lumbarbox jobs release {job.id}",
    State.JOINED: "Another job stands for it: lumbarbox jobs show {job.joined}",
}
"""For a person whose command does not fit the state."""


def add_commands(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`jobs`."""
    jobs = subparsers.add_parser("jobs", help="list, show, retry or release studies")
    jobs.add_argument("--data", metavar="DIR", help="the box's folder, over box.data")
    verbs = jobs.add_subparsers(metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="newest last")
    listing.add_argument("--state", choices=[s.value for s in State])
    listing.add_argument("--limit", type=int, default=50)
    listing.set_defaults(run=_list)
    for verb, text, run in (
        ("show", "all that is known of one", _show),
        ("retry", "try a failed study again", _again),
        ("release", "try a quarantined study again", _again),
        ("now", "read a study that waits for its rest with what there is", _now),
    ):
        one = verbs.add_parser(verb, help=text)
        one.add_argument("job")
        one.set_defaults(run=run, wanted=State.FAILED if verb == "retry" else State.QUARANTINED)
    pause = verbs.add_parser("pause", help="take no new study into reading; the one being read is finished")
    pause.set_defaults(run=_pause, paused=True)
    verbs.add_parser("resume", help="go on after pause").set_defaults(run=_pause, paused=False)


def open_box(args: argparse.Namespace) -> Box:
    """The box of `--config` and `--data`, with nothing running in it."""
    from appliance.box import Box  # here, so that `lumbarbox read` does not load a web server

    return Box(read_config(args.config, args.data))


def _list(args: argparse.Namespace) -> int:
    from appliance.box import clock

    box = open_box(args)
    states = (State(args.state),) if args.state else tuple(State)
    for job in reversed(box.ledger.newest(args.limit, 0, *states)):
        words = in_words(job, clock(), box.ledger.find(job.joined))
        print(f"{job.id}  {job.updated_at:%Y-%m-%d %H:%M}  {job.state:<11}  {job.name}: {words}")
    return WELL


def _show(args: argparse.Namespace) -> int:
    from appliance.box import clock

    box = open_box(args)
    job = _job(box, args.job)
    print(f"{job.name}\n{in_words(job, clock())}\n{next_step(job)}".rstrip())
    facts = {
        "job": job.id,
        "state": job.state,
        "from": job.source,
        "attempts": job.attempts,
        "on the share": job.filed_as,
    }
    if job.images:
        facts |= {"images": job.images, "missing": lacking(job) or "nothing"}
    if job.due_at is not None and job.state is State.SETTLING:
        facts |= {"read at": f"{job.due_at:%Y-%m-%d %H:%M:%S}"}
    if job.revises or job.superseded_by:
        facts |= {"revises": job.revises, "superseded by": job.superseded_by}
    if job.result is not None:
        facts |= {"report": job.result.report_id, "folder": box.reports.folder(job.duplicate_of or job.id)}
    for name, value in facts.items():
        print(f"  {name:<13} {value}")
    for step in box.ledger.history(job.id):
        print(f"  {step.at:%Y-%m-%d %H:%M:%S}  {step.event:<11} -> {step.state}  {step.note}".rstrip())
    return WELL


def _again(args: argparse.Namespace) -> int:
    box = open_box(args)
    job = _job(box, args.job)
    if job.state is not args.wanted:
        raise _does_not_fit(job)
    print(in_words(box.try_again(job)))
    return WELL


def _now(args: argparse.Namespace) -> int:
    from appliance.box import clock

    box = open_box(args)
    job = _job(box, args.job)
    if job.state not in (State.RECEIVED, State.SETTLING):
        raise _does_not_fit(job)
    print(in_words(box.read_now(job), clock()))
    return WELL


def _pause(args: argparse.Namespace) -> int:
    box = open_box(args)
    box.ledger.set_fact(PAUSED, {"since": datetime.now().astimezone().isoformat()} if args.paused else None)
    print("Reading is paused. Go on with: lumbarbox jobs resume" if args.paused else "Reading goes on.")
    return WELL


def _job(box: Box, job_id: str) -> Job:
    found = box.ledger.find(job_id)
    if found is None:
        raise UsageError(f"There is no job {job_id}.", "See: lumbarbox jobs list")
    return found


def _does_not_fit(job: Job) -> UsageError:
    """The verb is for jobs in another state: which it is in, and what can be done there."""
    return UsageError(f"{job.name} ({job.id}) is {job.state}: {in_words(job)}.", WHAT_TO_DO[job.state].format(job=job))
