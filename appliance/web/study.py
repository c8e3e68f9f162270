"""One study: where it is while it is on its way, its report once it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, abort, g, redirect, render_template, send_file, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.jobs import Job, State
from appliance.core.spine import CONDITIONS, LEVELS
from appliance.web.formatting import CONDITION_HEADS
from appliance.web.services import services

pages = Blueprint("study", __name__, url_prefix="/study/<job_id>")

DOWNLOADS = {"report.json": "application/json", "report.csv": "text/csv", "report.txt": "text/plain"}


@pages.get("")
def show(job_id: str) -> str | tuple[str, int] | AnyResponse:
    job = _job(job_id)
    if job.joined:
        return redirect(url_for("study.show", job_id=job.joined))
    if job.state is not State.DONE:
        return render_template("progress.html", job=job, history=services().ledger.history(job.id))
    source = _report_job(job)
    report = services().reports.load(source.id)
    if report is None:
        return render_template("error.html", code=500, words="The report of this study cannot be read.", detail=""), 500
    services().accounts.note(g.user.name, f"saw {source.id}", services().clock())
    return render_template(
        "study.html",
        job=job,
        source=source,
        report=report,
        cells={(f["condition"], f["level"]): f for f in report["findings"]},
        levels=LEVELS,
        heads=CONDITION_HEADS,
        conditions=CONDITIONS,
        missing=missing(report),
        pictures=in_order(p.stem for p in services().reports.pictures(source.id)),
        downloads=[name for name in DOWNLOADS if (services().reports.folder(source.id) / name).is_file()],
        seconds=sum(report["runtime"]["milliseconds"].values()) / 1000,
    )


@pages.get("/picture/<name>")
def picture(job_id: str, name: str) -> Response:
    """Only what the report's folder really holds; no path is built from the request."""
    found = next((p for p in services().reports.pictures(_report_job(_job(job_id)).id) if p.stem == name), None)
    if found is None:
        abort(404)
    return send_file(found.resolve(), mimetype="image/png")


@pages.get("/<name>")
def download(job_id: str, name: str) -> Response:
    if name not in DOWNLOADS:
        abort(404)
    source = _report_job(_job(job_id))
    path = services().reports.folder(source.id) / name
    if not path.is_file():
        abort(404)
    services().accounts.note(g.user.name, f"downloaded {name} of {source.id}", services().clock())
    return send_file(path.resolve(), mimetype=DOWNLOADS[name], as_attachment=True, download_name=f"{source.id}-{name}")


@pages.post("/again")
def again(job_id: str) -> AnyResponse:
    """A failed study, once more."""
    job = _job(job_id)
    if job.state not in (State.FAILED, State.QUARANTINED):
        abort(400, "Only a study that failed can be tried again.")
    services().try_again(job)
    services().accounts.note(g.user.name, f"retried {job.id}", services().clock())
    return redirect(url_for("study.show", job_id=job.id))


@pages.post("/now")
def now(job_id: str) -> AnyResponse:
    """A study that waits for its rest, read without it."""
    job = services().read_now(_job(job_id))
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


def _job(job_id: str) -> Job:
    job = services().ledger.find(job_id)
    if job is None:
        abort(404)
    return job


def _report_job(job: Job) -> Job:
    """The job whose report it is: the same images sent again show the earlier one."""
    return _job(job.duplicate_of) if job.duplicate_of else job
