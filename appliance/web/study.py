"""One study: where it is while it is on its way, its report once it is read, its downloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, render_template, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.dicom_identity import can_be_dicom
from appliance.core.jobs import Job, State
from appliance.core.letterhead import Letterhead
from appliance.core.renumbering import SHIFTS
from appliance.core.report_from_json import from_json
from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES
from appliance.core.study import Patient
from appliance.web.events import ended, event
from appliance.web.formatting import study_day
from appliance.web.reports import dicom_of, job_of, note_pictures, report_job, report_of
from appliance.web.review import latest, reviewed_lines
from appliance.web.services import services
from appliance.web.today import progress_of
from appliance.web.told import here

pages = Blueprint("study", __name__, url_prefix="/study/<job_id>")

DOWNLOADS = {"report.json": "application/json", "report.csv": "text/csv", "report.txt": "text/plain"}
ASK_AGAIN_MS = 1000


@pages.get("")
def show(job_id: str) -> str | tuple[str, int] | AnyResponse:
    job = job_of(job_id)
    if job.joined:
        return redirect(url_for("study.show", job_id=job.joined))
    if job.state is not State.DONE:
        history = services().ledger.history(job.id)
        return render_template("progress.html", job=job, live=_live(job), history=history)
    source = report_job(job)
    report = services().reports.load(source.id)
    if report is None:
        return render_template("error.html", code=500, words="The report of this study cannot be read.", detail=""), 500
    services().accounts.note(g.user.name, f"saw {source.id}", services().clock())
    folder = services().reports.folder(source.id)
    return render_template(
        "study.html",
        job=job,
        source=source,
        report=report,
        patient=services().register.patient(source.id),
        earlier=_earlier(source),
        cells={(f["condition"], f["level"]): f for f in report["findings"]},
        opinions=latest(source.id),
        levels=LEVELS,
        conditions=CONDITIONS,
        severities=SEVERITIES,
        shifts=SHIFTS,
        missing=missing(report),
        voted=[f for f in report["findings"] if f.get("votes")],
        has_slices=services().slices(folder) is not None,
        pictures=in_order(p.stem for p in services().reports.pictures(source.id)),
        downloads=[name for name in DOWNLOADS if (folder / name).is_file()],
        dicom=can_be_dicom(from_json(report)),
        seconds=sum(report["runtime"]["milliseconds"].values()) / 1000,
    )


@pages.get("/events")
def events(job_id: str) -> Response:
    """How far this one is; when it has ended the browser is told to load the page anew."""
    job = job_of(job_id)
    if job.state.is_final:
        return ended()
    return event(_live(job), ASK_AGAIN_MS)


@pages.get("/picture/<name>")
def picture(job_id: str, name: str) -> Response:
    """Only what the report's folder really holds; no path is built from the request."""
    source = report_job(job_of(job_id))
    found = next((p for p in services().reports.pictures(source.id) if p.stem == name), None)
    if found is None:
        abort(404)
    note_pictures(source.id)
    return send_file(found.resolve(), mimetype="image/png")


@pages.get("/report.pdf")
def pdf(job_id: str) -> Response:
    """One sheet, with the name of the study and what a doctor said; the share's copy has neither."""
    source, report = report_of(job_id)
    patient = services().register.patient(source.id)
    head = Letterhead(job_of(job_id).name, _told(patient) if patient else "", tuple(reviewed_lines(source.id)))
    sheet = services().pdf(report, services().reports.folder(source.id), head, here())
    services().accounts.note(g.user.name, f"downloaded report.pdf of {source.id}", services().clock())
    headers = {"Content-Disposition": f'inline; filename="{source.id}-report.pdf"'}
    return Response(sheet, mimetype="application/pdf", headers=headers)


@pages.get("/dicom.zip")
def dicom(job_id: str) -> Response:
    """The report for an archive: structured report and pictures."""
    source, report = report_of(job_id)
    made = dicom_of(source, report)
    if made is None:
        abort(404)
    headers = {"Content-Disposition": f'attachment; filename="{source.id}-dicom.zip"'}
    return Response(made, mimetype="application/zip", headers=headers)


@pages.get("/<name>")
def download(job_id: str, name: str) -> Response:
    source = report_job(job_of(job_id))
    path = _file(services().reports.folder(source.id), name)
    if path is None:
        abort(404)
    services().accounts.note(g.user.name, f"downloaded {path.name} of {source.id}", services().clock())
    kind = DOWNLOADS[path.name]
    return send_file(path.resolve(), mimetype=kind, as_attachment=True, download_name=f"{source.id}-{path.name}")


@pages.post("/again")
def again(job_id: str) -> AnyResponse:
    """A failed study, once more."""
    job = job_of(job_id)
    if job.state not in (State.FAILED, State.QUARANTINED):
        abort(400, "Only a study that failed can be tried again.")
    services().try_again(job)
    services().accounts.note(g.user.name, f"retried {job.id}", services().clock())
    return redirect(url_for("study.show", job_id=job.id))


@pages.post("/now")
def now(job_id: str) -> AnyResponse:
    """A study that waits for its rest, read without it."""
    job = services().read_now(job_of(job_id))
    services().accounts.note(g.user.name, f"hurried {job.id}", services().clock())
    return redirect(url_for("study.show", job_id=job.id))


def missing(report: Mapping[str, Any]) -> dict[str, list[tuple[str, list[str]]]]:
    """Reason in words to the places it holds for: (condition, its levels)."""
    found: dict[str, dict[str, list[str]]] = {}
    for finding in report["findings"]:
        if finding["status"] == "not_assessed":
            text = finding.get("reason_text") or finding["reason"]
            found.setdefault(text, {}).setdefault(finding["condition"], []).append(finding["level"])
    return {text: list(places.items()) for text, places in found.items()}


def in_order(names: Iterable[str]) -> list[tuple[str, str, tuple[str, str] | None]]:
    """Pictures as a reader wants them: overviews, then from the head down. Name, title, and the cell it belongs to."""
    places = {f"{c.value}_{level.value}": (level, c) for level in LEVELS for c in CONDITIONS}
    order = {name: number for number, name in enumerate(places)}
    found: list[tuple[str, str, tuple[str, str] | None]] = []
    for name in sorted(names, key=lambda n: (order.get(n, -1), n)):
        if name in places:
            level, condition = places[name]
            found.append((name, f"{level.label} · {condition.label}", (condition.value, level.value)))
        else:
            found.append((name, name.replace("_", " ").strip().capitalize(), None))
    return found


def _live(job: Job) -> str:
    return render_template("_progress.html", job=job, progress=progress_of(job))


def _told(patient: Patient) -> str:
    """Whose sheet it is, as far as the images said."""
    name = patient.name.replace("^", " ").strip()
    number = f"ID {patient.patient_id}" if patient.patient_id else ""
    born = here().say("born {day}", day=study_day(patient.birth_date)) if patient.birth_date else ""
    return "    ".join(part for part in (name, number, born) if part)


def _earlier(source: Job) -> list[tuple[Job, str]]:
    """Other readings of the same patient that ended well, newest study first, with the study's day."""
    others = ((services().ledger.find(job_id), day) for job_id, day in services().register.others(source.id))
    return [(job, day) for job, day in others if job is not None and job.state is State.DONE and not job.superseded_by]


def _file(folder: Path, name: str) -> Path | None:
    """Only files the folder really holds, of the kinds that are offered."""
    if name not in DOWNLOADS:
        return None
    return next((p for p in folder.iterdir() if p.name == name and p.is_file()), None) if folder.is_dir() else None
