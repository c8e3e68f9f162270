"""What is told to people about a job, the same on the page, in the receipts and on the terminal."""

from __future__ import annotations

from datetime import datetime

from appliance.core.jobs import Job, State
from appliance.core.spine import Severity
from appliance.core.study import Role

OUTCOMES = {
    "read": "Read",
    "partly_read": "Read in part: not every place could be assessed",
    "not_evaluable": "Could not be evaluated: nothing was graded",
}

STAGES = {
    "files": "opening the images", "levels": "finding the levels", "canal on axial": "finding the canal",
    "canal": "grading the canal", "foraminal": "grading the foramina", "subarticular": "grading the recesses",
    "report": "writing the report",
}  # fmt: skip


SERIES = {Role.SAGITTAL_T1: "sagittal T1", Role.SAGITTAL_T2: "sagittal T2", Role.AXIAL_T2: "axial T2"}


def in_words(job: Job, now: datetime | None = None, study: Job | None = None) -> str:
    """One sentence on where a study is; with `now`, how long it still waits; with `study`, of which it became part."""
    match job.state:
        case State.RECEIVED if job.stage == "upload":
            return f"Arriving through the page: {job.fraction:.0%}"
        case State.RECEIVED:
            return "Seen, arriving"
        case State.SETTLING:
            return _gathering(job, now) if job.is_claimed else "Arriving: still being copied"
        case State.QUEUED:
            return f"Received {_amount(job)}, waiting to be read"
        case State.READING:
            return f"Being read: {STAGES.get(job.stage, job.stage) or 'starting'}, {job.fraction:.0%}"
        case State.DONE:
            return _done(job)
        case State.JOINED if study is not None:
            return f"Part of the study {study.name}. {in_words(study, now)}"
        case State.JOINED:
            return "Part of another study that was received with it"
        case State.FAILED:
            return f"Could not be read: {job.reason.message if job.reason else 'unknown reason'}"
        case State.QUARANTINED:
            return f"Set aside: {job.reason.message if job.reason else 'it stopped the box twice'}"


def lacking(job: Job) -> str:
    """Which of the three series are not there yet: `the axial T2 series`; empty when all are."""
    names = [SERIES[role] for role in job.missing]
    if not names:
        return ""
    first = ", ".join(names[:-1])
    return f"the {first} and {names[-1]} series" if first else f"the {names[-1]} series"


def _amount(job: Job) -> str:
    if job.images:
        return f"{job.images} image" + ("s" if job.images != 1 else "")
    files = job.manifest.files if job.manifest else 0
    return f"{files} file" + ("s" if files != 1 else "")


def _gathering(job: Job, now: datetime | None) -> str:
    waited_for = f"waiting for {lacking(job)}" if job.missing else "all three series are there"
    return f"Received {_amount(job)}, {waited_for}{_countdown(job, now)}"


def _countdown(job: Job, now: datetime | None) -> str:
    """In steps of ten seconds above ten: whoever reads it from a file does not see every second."""
    if job.due_at is None:
        return ""
    if now is None:
        return f", read at {job.due_at:%H:%M:%S}"
    left = max(0.0, (job.due_at - now).total_seconds())
    if not left:
        return ", about to be read"
    shown = -(-left // 10) * 10 if left > 10 else -(-left // 5) * 5
    return f", reading in {shown:.0f} s" if shown < 120 else f", reading in {shown / 60:.0f} min"


def next_step(job: Job) -> str:
    """What a person does now; empty when nothing."""
    if job.state in (State.FAILED, State.QUARANTINED):
        return job.reason.action if job.reason else ""
    if job.state is State.SETTLING and job.missing:
        return "Send the missing series, or press Read now on the page."
    if job.superseded_by:
        return "More images came later: a newer report of this study counts."
    if job.state is State.DONE and job.result and job.result.outcome != "read":
        return "Open the report: it says what is missing and why."
    return ""


def _done(job: Job) -> str:
    if job.result is None:
        return "Done"
    said = OUTCOMES.get(job.result.outcome, job.result.outcome)
    if job.result.graded:
        said += f"; gravest finding: {Severity(job.result.worst).label.lower()}"
    if job.duplicate_of:
        said += ". These images were read before: the earlier report is shown"
    elif job.result.revision > 1:
        said += f". Revision {job.result.revision} of its report"
    return said
