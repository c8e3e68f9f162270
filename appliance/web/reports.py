"""From the id in an address to the job and the report that is shown for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from flask import abort, g

from appliance.core.jobs import Job, State
from appliance.web.services import services

ONE_LOOK = timedelta(minutes=10)


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


def note_pictures(job_id: str) -> None:
    """Once for all the pictures one look at a study asks for."""
    services().accounts.note_once(g.user.name, f"saw the images of {job_id}", services().clock(), ONE_LOOK)


def dicom_of(source: Job, report: Mapping[str, Any]) -> bytes | None:
    """The zip of its DICOM objects, written down as downloaded; None where its images are no DICOM objects."""
    folder, patient = services().reports.folder(source.id), services().register.patient(source.id)
    made = services().dicom(report, folder, patient, str(services().facts().get("version", "0")))
    if made is not None:
        services().accounts.note(g.user.name, f"downloaded dicom.zip of {source.id}", services().clock())
    return made
