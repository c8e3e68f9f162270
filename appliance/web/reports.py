"""From the id in an address to the job and the report that is shown for it."""

from __future__ import annotations

from typing import Any

from flask import abort

from appliance.core.jobs import Job, State
from appliance.web.services import services


def job_of(job_id: str) -> Job:
    job = services().ledger.find(job_id)
    if job is None:
        abort(404)
    return job


def report_job(job: Job) -> Job:
    """The job whose report it is: the same images sent again show the earlier one."""
    return job_of(job.duplicate_of) if job.duplicate_of else job


def report_of(job_id: str) -> tuple[Job, dict[str, Any]]:
    """The job whose report it is, and report.json's content; 404 where there is none."""
    source = report_job(job_of(job_id))
    report = services().reports.load(source.id) if source.state is State.DONE else None
    if report is None:
        abort(404)
    return source, report
