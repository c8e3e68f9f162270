"""`/api/v1`: the page's own data as JSON, behind the same login or a bearer token. docs/api.md says how to use it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, abort, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.api_json import (
    AnswerJson,
    HealthJson,
    HistoryJson,
    QuestionJson,
    StateJson,
    StudiesJson,
    StudyJson,
    answer_json,
    problem,
    state_json,
    step_json,
    study_json,
)  # fmt: skip
from appliance.core.drops import is_ignored
from appliance.core.health import host_body
from appliance.core.jobs import Job, State
from appliance.core.report_json import report_schema
from appliance.errors import InputError, LumbarboxError
from appliance.web.openapi import BLUEPRINT, Operation, document, plain, says
from appliance.web.reports import dicom_of
from appliance.web.services import services

pages = Blueprint(BLUEPRINT, __name__, url_prefix="/api/v1")

MOST_STUDIES = 500
LARGEST_OFFSET = 10_000_000
_QUERY = (
    {"name": "state", "in": "query", "description": "Only these states.", "explode": True,
     "schema": {"type": "array", "items": {"type": "string", "enum": [s.value for s in State]}}},
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": MOST_STUDIES, "default": 50}},
    {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": LARGEST_OFFSET, "default": 0}},
)  # fmt: skip
_UPLOAD = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "properties": {
                "files": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1},
                "name": {"type": "string", "description": "What the study is called; it stays on the box."},
            },
            "required": ["files"],
        }
    }
}
_QUESTION = {"application/json": {"schema": plain(QuestionJson)}}
_ANY_OBJECT = {"type": "object"}
_ZIP = {"type": "string", "format": "binary"}


@pages.get("/openapi.json")
@says(Operation("This document.", _ANY_OBJECT))
def openapi() -> AnyResponse:
    return jsonify(document(current_app, str(services().facts().get("version", "0"))))


@pages.get("/health")
@says(Operation("How the box is.", HealthJson))
def health() -> AnyResponse:
    value = services().health()
    alarms = [{**asdict(a), "since": a.since.isoformat()} for a in value.alarms]
    body = {name: getattr(value, name) for name in ("reader_ready", "queue", "reading", "outbox")}
    return jsonify(
        {"status": value.verdict, "reasons": list(value.reasons), "alarms": alarms, **body, **host_body(value.host)}
    )


@pages.get("/studies")
@says(Operation("Studies, newest first.", StudiesJson, fails=(400,), query=_QUERY))
def studies() -> AnyResponse:
    states = _states(request.args.getlist("state"))
    limit, offset = _whole("limit", 50, 1, MOST_STUDIES), _whole("offset", 0, 0, LARGEST_OFFSET)
    found = services().ledger.newest(limit, offset, *states)
    return jsonify({"total": services().ledger.count(*states), "studies": [study_json(job) for job in found]})


@pages.post("/studies")
@says(Operation("Send one study: its files, or a zip.", StudyJson, 201, fails=(400, 403, 413, 415), body=_UPLOAD))
def send() -> tuple[AnyResponse, int]:
    if request.mimetype != "multipart/form-data":
        abort(415, "Send the files as multipart/form-data.")
    files = [f for f in request.files.getlist("files") if f.filename and not is_ignored(_last(f.filename))]
    name = request.form.get("name", "").strip() or (_last(files[0].filename or "") if files else "")
    named = ((file.filename or "", file.stream) for file in files)
    job = services().uploads.accept(name, named, request.content_length or 0, services().clock())
    services().accounts.note(g.user.name, f"uploaded {job.id}", services().clock())
    return jsonify(study_json(job)), 201


@pages.get("/studies/<job_id>")
@says(Operation("One study.", StudyJson, fails=(404,)))
def study(job_id: str) -> AnyResponse:
    return jsonify(study_json(_job(job_id)))


@pages.get("/studies/<job_id>/state")
@says(Operation("Where a study is; short, for asking often.", StateJson, fails=(404,)))
def state(job_id: str) -> AnyResponse:
    return jsonify(state_json(_job(job_id)))


@pages.get("/studies/<job_id>/history")
@says(Operation("What happened to a study.", HistoryJson, fails=(404,)))
def history(job_id: str) -> AnyResponse:
    return jsonify({"steps": [step_json(step) for step in services().ledger.history(_job(job_id).id)]})


@pages.get("/studies/<job_id>/report")
@says(Operation("The report, lumbarbox.report/1.", report_schema(), fails=(404,)))
def report(job_id: str) -> AnyResponse:
    source, found = _report(_job(job_id))
    services().accounts.note(g.user.name, f"saw {source.id}", services().clock())
    return jsonify(found)


@pages.get("/studies/<job_id>/dicom")
@says(Operation("The report as DICOM: a zip of its objects.", _ZIP, fails=(404,), media="application/zip"))
def dicom(job_id: str) -> AnyResponse:
    job = _job(job_id)
    source, found = _report(job)
    made = dicom_of(source, found)
    if made is None:
        abort(404, "The images of this study are no DICOM objects, so there is nothing a report could belong to.")
    return Response(made, mimetype="application/zip")


@pages.post("/studies/<job_id>/again")
@says(Operation("A failed study once more.", StudyJson, fails=(400, 403, 404)))
def again(job_id: str) -> AnyResponse:
    job = _job(job_id)
    if job.state not in (State.FAILED, State.QUARANTINED):
        abort(400, "Only a study that failed can be tried again.")
    tried = services().try_again(job)
    services().accounts.note(g.user.name, f"retried {job.id}", services().clock())
    return jsonify(study_json(tried))


@pages.post("/ask")
@says(Operation("Ask the assistant.", AnswerJson, fails=(400, 403, 415), body=_QUESTION))
def ask() -> AnyResponse:
    if request.mimetype != "application/json":
        abort(415, "Send the question as application/json.")
    sent = request.get_json(silent=True)
    if not isinstance(sent, dict) or not isinstance(sent.get("question"), str) or set(sent) != {"question"}:
        abort(400, 'Send {"question": "…"}.')
    return jsonify(answer_json(services().assistant.answer(sent["question"])))


def told(error: HTTPException) -> tuple[AnyResponse, int]:
    """In JSON, for every path below /api/."""
    code = error.code or 500
    words = error.description if code < 500 and error.description else "Something went wrong on the box."
    answer = jsonify({"error": problem(error.name.lower().replace(" ", "_"), words)})
    if code == 401:
        answer.headers["WWW-Authenticate"] = "Bearer"
    if code == 405 and isinstance(getattr(error, "valid_methods", None), list):
        answer.headers["Allow"] = ", ".join(error.valid_methods)  # type: ignore[attr-defined]
    return answer, code


def ours(error: LumbarboxError) -> tuple[AnyResponse, int]:
    status = 400 if isinstance(error, InputError) else 503
    return jsonify({"error": problem(error.code, error.message, error.action)}), status


def _job(job_id: str) -> Job:
    job = services().ledger.find(job_id)
    if job is None:
        abort(404, "There is no such study.")
    return job


def _report(job: Job) -> tuple[Job, dict[str, Any]]:
    source = _job(job.duplicate_of) if job.duplicate_of else job
    found = services().reports.load(source.id) if source.state is State.DONE else None
    if found is None:
        abort(404, "This study has no report.")
    return source, found


def _states(wanted: list[str]) -> list[State]:
    try:
        return [State(word) for word in wanted]
    except ValueError:
        abort(400, f"A state is one of {', '.join(State)}.")


def _whole(name: str, default: int, least: int, most: int) -> int:
    text: Any = request.args.get(name, default)
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        abort(400, f"{name} is a whole number from {least} to {most}.")
    return value


def _last(filename: str) -> str:
    return filename.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
