"""What is told to people about a job, the same on the page, in the receipts and on the terminal."""

from __future__ import annotations

from appliance.core.jobs import Job, State
from appliance.core.spine import Severity

OUTCOMES = {
    "read": "Read",
    "partly_read": "Read in part: not every place could be assessed",
    "not_evaluable": "Could not be evaluated: nothing was graded",
}

STAGES = {
    "files": "opening the images", "levels": "finding the levels", "canal on axial": "finding the canal",
    "canal": "grading the canal", "foraminal": "grading the foramina", "subarticular": "grading the recesses",
    "pictures": "drawing the pictures",
}  # fmt: skip


def in_words(job: Job) -> str:
    """One sentence on where a study is."""
    files = f"{job.manifest.files} files" if job.manifest else ""
    match job.state:
        case State.RECEIVED if job.stage == "upload":
            return f"Arriving through the page: {job.fraction:.0%}"
        case State.RECEIVED:
            return "Seen, arriving"
        case State.SETTLING:
            return "Arriving: still being copied"
        case State.QUEUED:
            return f"Received {files}, waiting to be read"
        case State.READING:
            return f"Being read: {STAGES.get(job.stage, job.stage) or 'starting'}, {job.fraction:.0%}"
        case State.DONE:
            return _done(job)
        case State.FAILED:
            return f"Could not be read: {job.reason.message if job.reason else 'unknown reason'}"
        case State.QUARANTINED:
            return f"Set aside: {job.reason.message if job.reason else 'it stopped the box twice'}"


def next_step(job: Job) -> str:
    """What a person does now; empty when nothing."""
    if job.state in (State.FAILED, State.QUARANTINED):
        return job.reason.action if job.reason else ""
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
    return said
