"""What `/api/v1` answers, as types: the contract of docs/api.md and of the OpenAPI document. Pure: values to JSON values."""

from __future__ import annotations

from typing import TypedDict

from appliance.core.assistant import Answer, Kind
from appliance.core.health import HostBody
from appliance.core.jobs import Job, Source, State, Transition
from appliance.core.knowledge import Passage
from appliance.core.words import in_words, next_step


class ProblemDetail(TypedDict):
    """What went wrong, in words, and what to do."""

    code: str
    message: str
    action: str


class ProblemJson(TypedDict):
    """Every answer that is not a success."""

    error: ProblemDetail


class ResultJson(TypedDict):
    """What is known of a report without opening it."""

    report_id: str
    revision: int
    outcome: str
    worst: str
    alerts: int
    graded: int


class StateJson(TypedDict):
    """Where a study is."""

    id: str
    state: State
    stage: str
    fraction: float
    said: str
    next_step: str
    updated_at: str


class StudyJson(TypedDict):
    """One study on its way, or read. `duplicate_of` names the study whose report is shown."""

    id: str
    name: str
    source: Source
    state: State
    stage: str
    fraction: float
    said: str
    next_step: str
    created_at: str
    updated_at: str
    files: int | None
    bytes: int | None
    reason: ProblemDetail | None
    result: ResultJson | None
    duplicate_of: str | None


class StudiesJson(TypedDict):
    """A page of studies, newest first; `total` counts all that fit the question."""

    total: int
    studies: list[StudyJson]


class StepJson(TypedDict):
    """One line of a study's history."""

    at: str
    event: str
    state: State
    note: str


class HistoryJson(TypedDict):
    steps: list[StepJson]


class AlarmJson(TypedDict):
    code: str
    message: str
    action: str
    since: str


class HealthJson(HostBody):
    """How the box is: `well`, `degraded` or `stopped`, with the reasons."""

    status: str
    reasons: list[str]
    alarms: list[AlarmJson]
    reader_ready: bool
    queue: int
    reading: int
    outbox: int


class QuestionJson(TypedDict):
    """In English, about the lumbar spine or the box; at most 500 letters are looked at."""

    question: str


class PassageJson(TypedDict):
    id: str
    topic: str
    title: str
    text: str
    sources: list[str]


class OfferedJson(TypedDict):
    id: str
    title: str


class AnswerJson(TypedDict):
    """`answered` with passages; `unknown` with titles offered; `advice` and `instruction` are refusals."""

    kind: Kind
    passages: list[PassageJson]
    offered: list[OfferedJson]


def study_json(job: Job) -> StudyJson:
    return {
        "id": job.id,
        "name": job.name,
        "source": job.source,
        "state": job.state,
        "stage": job.stage,
        "fraction": job.fraction,
        "said": in_words(job),
        "next_step": next_step(job),
        "created_at": job.created_at.isoformat(),
        "updated_at": job.updated_at.isoformat(),
        "files": job.manifest.files if job.manifest else None,
        "bytes": job.manifest.bytes if job.manifest else None,
        "reason": problem(job.reason.code, job.reason.message, job.reason.action) if job.reason else None,
        "result": _result(job),
        "duplicate_of": job.duplicate_of or None,
    }


def state_json(job: Job) -> StateJson:
    whole = study_json(job)
    return {
        "id": whole["id"],
        "state": whole["state"],
        "stage": whole["stage"],
        "fraction": whole["fraction"],
        "said": whole["said"],
        "next_step": whole["next_step"],
        "updated_at": whole["updated_at"],
    }


def step_json(step: Transition) -> StepJson:
    return {"at": step.at.isoformat(), "event": step.event.value, "state": step.state, "note": step.note}


def problem(code: str, message: str, action: str = "") -> ProblemDetail:
    return {"code": code, "message": message, "action": action}


def answer_json(answer: Answer) -> AnswerJson:
    return {
        "kind": answer.kind,
        "passages": [_passage(p) for p in answer.passages],
        "offered": [{"id": p.id, "title": p.title} for p in answer.offered],
    }


def _passage(p: Passage) -> PassageJson:
    return {"id": p.id, "topic": p.topic, "title": p.title, "text": p.text, "sources": list(p.sources)}


def _result(job: Job) -> ResultJson | None:
    if job.result is None:
        return None
    found = job.result
    return {
        "report_id": found.report_id,
        "revision": found.revision,
        "outcome": found.outcome,
        "worst": found.worst,
        "alerts": found.alerts,
        "graded": found.graded,
    }
