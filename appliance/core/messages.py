"""What the box says over MQTT: topics and payloads, built from plain values. docs/mqtt.md documents every one.

The payloads' types, and what may not be in them, stand in `mqtt_payloads.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from appliance.core.health import Alarm, Health, host_body, words_of
from appliance.core.jobs import Job, Transition
from appliance.core.mqtt_payloads import (
    AlarmPayload,
    HealthBody,
    HealthPayload,
    InfoPayload,
    ResponsePayload,
    ResultBody,
    ResultPayload,
    StatePayload,
)
from appliance.core.report import Outcome
from appliance.core.spine import SEVERITIES, Severity

ROOT = "lumbarbox"
ONLINE, STOPPED, OFFLINE = "online", "stopped", "offline"



@dataclass(frozen=True, slots=True)
class Message:
    """One publication."""

    topic: str
    payload: str
    qos: int = 1
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One message that came in."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Topics:
    """The names of one box's topics."""

    node: str

    def of(self, *parts: str) -> str:
        return "/".join((ROOT, self.node, *parts))

    @property
    def commands(self) -> str:
        return self.of("cmd", "+")

    def verb(self, topic: str) -> str:
        """`ping` of `lumbarbox/box/cmd/ping`."""
        return topic.rsplit("/", 1)[-1]


def availability(topics: Topics, word: str) -> Message:
    """The one payload that is a bare word, so that any dashboard can use it."""
    return Message(topics.of("availability"), word, 1, True)


def info(topics: Topics, facts: Mapping[str, Any]) -> Message:
    """`facts` is an InfoPayload but for its schema."""
    body = cast(InfoPayload, {"schema": "lumbarbox.info/1", **facts})
    return Message(topics.of("info"), _text(body), 1, True)


def health(topics: Topics, value: Health, now: datetime) -> Message:
    body: HealthPayload = {"schema": "lumbarbox.health/1", "at": now.isoformat(), **health_body(value)}
    return Message(topics.of("health"), _text(body), 1, True)


def health_body(value: Health) -> HealthBody:
    """The same on MQTT and on the page's /readyz."""
    return {
        "status": value.verdict,
        "reasons": list(value.reasons_for_outside),
        "alarms": [alarm.code for alarm in value.alarms],
        "reader_ready": value.reader_ready,
        "paused": value.paused,
        "queue": value.queue,
        "reading": value.reading,
        "outbox": value.outbox,
        "outbox_oldest_at": value.outbox_since.isoformat() if value.outbox_since else None,
        **host_body(value.host),
    }


def state(topics: Topics, moved: Transition, job: Job) -> Message:
    body: StatePayload = {
        "schema": "lumbarbox.state/1",
        "rid": job.id,
        "state": moved.state,
        "at": moved.at.isoformat(),
        "stage": job.stage,
        "reason": job.reason.code if job.reason and moved.state is job.state else None,
        "files": job.manifest.files if job.manifest else None,
    }
    return Message(topics.of("study", job.id, "state"), _text(body), 0, False)


def alarm(topics: Topics, value: Alarm) -> Message:
    """In the fixed words of its code: those of the alarm itself may name a patient's folder."""
    message, action = words_of(value.code)
    body: AlarmPayload = {
        "schema": "lumbarbox.alarm/1",
        "code": value.code,
        "message": message,
        "action": action,
        "since": value.since.isoformat(),
    }
    return Message(topics.of("alarm", value.code), _text(body), 1, True)


def alarm_cleared(topics: Topics, code: str) -> Message:
    return Message(topics.of("alarm", code), "", 1, True)


def response(
    topics: Topics, verb: str, request_id: str | None, ok: bool, now: datetime, body: Mapping[str, Any]
) -> Message:
    sent = cast(
        ResponsePayload,
        {"schema": "lumbarbox.response/1", "id": request_id, "ok": ok, "at": now.isoformat(), **body},
    )
    return Message(topics.of("rsp", verb), _text(sent), 1, False)


def result_id(report: Mapping[str, Any]) -> str:
    """The same for the same reading, whoever sends it and however often."""
    return f"{report['report_id']}.{report['revision']}"


def result_body(
    report: Mapping[str, Any], job: Job, node: str, identifiers: bool, clock_synced: bool | None
) -> ResultBody:
    """The result as it waits in the outbox: report.json without anything that names a person or, unless `identifiers`
    are wanted, a study."""
    body: ResultBody = {
        "id": result_id(report),
        "rid": job.id,
        "node": node,
        "report_id": report["report_id"],
        "revision": report["revision"],
        "supersedes": job.revises or None,
        "outcome": Outcome(report["outcome"]),
        "worst": worst_of(report["findings"]),
        "findings": [
            {
                "condition": f["condition"],
                "level": f["level"],
                "status": f["status"],
                "severity": f["severity"],
                "probabilities": f["probabilities"],
                "reason": f["reason"],
                "disagreement": f.get("disagreement", False),
            }
            for f in report["findings"]
        ],
        "disagreements": sum(f.get("disagreement", False) for f in report["findings"]),
        "alerts": [{"code": a["code"], "message": a["message"], "level": a["level"]} for a in report["alerts"]],
        "models": report["models"],
        "runtime": report["runtime"],
        "read_at": report["times"]["read_at"],
        "clock_synced": clock_synced,
        "notice": report["notice"],
    }
    if identifiers:
        body["study_uid"] = report["study"]["study_uid"]
    return body


def worst_of(findings: list[Mapping[str, Any]]) -> Severity | None:
    """The gravest severity graded; None when nothing was."""
    graded = [Severity(f["severity"]) for f in findings if f["severity"] is not None]
    return max(graded, key=SEVERITIES.index, default=None)


def result(topics: Topics, body: Mapping[str, Any], is_historical: bool, identifiers: bool) -> Message:
    """What was switched off after it was put away does not leave either."""
    kept = {key: value for key, value in body.items() if identifiers or key != "study_uid"}
    sent = cast(ResultPayload, {"schema": "lumbarbox.result/1", **kept, "is_historical": is_historical})
    return Message(topics.of("study", str(body["rid"]), "result"), _text(sent), 1, False)


def last_result(topics: Topics, body: Mapping[str, Any], identifiers: bool) -> Message:
    """The newest live result, kept by the broker for whoever comes later."""
    return Message(topics.of("last_result"), result(topics, body, False, identifiers).payload, 1, True)


def _text(body: Mapping[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, allow_nan=False)
