"""The JSON payloads of every MQTT topic as types: what is sent is checked against them, the shipped schemas come from them.

No name, date of birth, patient id, UID or picture is in any of them, but `study_uid` of a result, which is there only
when `privacy.mqtt_identifiers` is on.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

from appliance.core.health import HostBody, Verdict
from appliance.core.jobs import State
from appliance.core.report import Outcome, Reason, Status
from appliance.core.report_json import AlertJson, ModelJson, ProbabilitiesJson, RuntimeJson
from appliance.core.spine import Condition, Level, Severity


class InfoPayload(TypedDict):
    """What this box is: versions, models and their hashes, device, configuration without secrets."""

    schema: Literal["lumbarbox.info/1"]
    node: str
    version: str
    reader: dict[str, Any]
    configuration: dict[str, dict[str, Any]]


class HealthBody(HostBody):
    """How this box is. Megabytes; degrees Celsius; `null` where the machine does not know."""

    status: Verdict
    reasons: list[str]
    alarms: list[str]
    reader_ready: bool
    paused: bool
    queue: int
    reading: int
    outbox: int
    outbox_oldest_at: str | None


class HealthPayload(HealthBody):
    """`health`: the body with its time."""

    schema: Literal["lumbarbox.health/1"]
    at: str


class StatePayload(TypedDict):
    """One step of a study through the box. `reason` is a code of docs/errors.md."""

    schema: Literal["lumbarbox.state/1"]
    rid: str
    state: State
    at: str
    stage: str
    reason: str | None
    files: int | None


class AlarmPayload(TypedDict):
    """Something that stays wrong until it is put right. The words are those of its code, never of a file or a person."""

    schema: Literal["lumbarbox.alarm/1"]
    code: str
    message: str
    action: str
    since: str


class ResultFinding(TypedDict):
    """One of the 25 places: graded, or not assessed with a reason."""

    condition: Condition
    level: Level
    status: Status
    severity: Severity | None
    probabilities: ProbabilitiesJson | None
    reason: Reason | None
    disagreement: bool


class ResultBody(TypedDict):
    """A result as it waits in the outbox. `disagreements`: places on which two models named different severities."""

    id: str
    rid: str
    node: str
    report_id: str
    revision: int
    supersedes: str | None
    outcome: Outcome
    worst: Severity | None
    findings: list[ResultFinding]
    disagreements: int
    alerts: list[AlertJson]
    models: list[ModelJson]
    runtime: RuntimeJson
    read_at: str
    clock_synced: bool | None
    notice: str
    study_uid: NotRequired[str]


class ResultPayload(ResultBody):
    """`study/<rid>/result` and `last_result`. `id` is the same however often it is sent."""

    schema: Literal["lumbarbox.result/1"]
    is_historical: bool


class CommandPayload(TypedDict):
    """A request on `cmd/<verb>`. `rid` names the study for `retry` and `read_now`."""

    id: str
    expires_at: str
    rid: NotRequired[str]


class ResponsePayload(TypedDict):
    """The answer on `rsp/<verb>`. `at` is the box's own clock; `reason` is there when `ok` is false."""

    schema: Literal["lumbarbox.response/1"]
    id: str | None
    ok: bool
    at: str
    reason: NotRequired[str]
    health: NotRequired[HealthBody]
    rid: NotRequired[str]
    state: NotRequired[State]


PAYLOADS: dict[str, type[Any]] = {
    "info": InfoPayload,
    "health": HealthPayload,
    "state": StatePayload,
    "result": ResultPayload,
    "alarm": AlarmPayload,
    "command": CommandPayload,
    "response": ResponsePayload,
}
"""By the word in the schema's name."""
