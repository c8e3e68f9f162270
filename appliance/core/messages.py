"""What the box says over MQTT: topics and payloads, built from plain values. docs/mqtt.md documents every one.

No name, date of birth, patient id, UID or picture is in any of them; `identifiers=True` adds the Study Instance UID.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from appliance.core.health import Alarm, Health
from appliance.core.jobs import Job, Transition

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
    """Versions, models, device, configuration."""
    return Message(topics.of("info"), _text("info", facts), 1, True)


def health(topics: Topics, value: Health, now: datetime) -> Message:
    return Message(topics.of("health"), _text("health", {"at": now.isoformat(), **health_body(value)}), 1, True)


def health_body(value: Health) -> dict[str, Any]:
    """The same on MQTT and on the page's /readyz."""
    return {
        "status": value.verdict.value,
        "reasons": list(value.reasons),
        "alarms": [alarm.code for alarm in value.alarms],
        "reader_ready": value.reader_ready,
        "queue": value.queue,
        "reading": value.reading,
        "outbox": value.outbox,
        **asdict(value.host),
    }


def state(topics: Topics, moved: Transition, job: Job) -> Message:
    body = {
        "rid": job.id,
        "state": moved.state.value,
        "at": moved.at.isoformat(),
        "stage": job.stage,
        "reason": job.reason.code if job.reason and moved.state is job.state else None,
        "files": job.manifest.files if job.manifest else None,
    }
    return Message(topics.of("study", job.id, "state"), _text("state", body), 0, False)


def alarm(topics: Topics, value: Alarm) -> Message:
    body = {"code": value.code, "message": value.message, "action": value.action, "since": value.since.isoformat()}
    return Message(topics.of("alarm", value.code), _text("alarm", body), 1, True)


def alarm_cleared(topics: Topics, code: str) -> Message:
    return Message(topics.of("alarm", code), "", 1, True)


def response(topics: Topics, verb: str, request_id: str | None, ok: bool, body: Mapping[str, Any]) -> Message:
    return Message(topics.of("rsp", verb), _text("response", {"id": request_id, "ok": ok, **body}), 1, False)


def result_id(report: Mapping[str, Any]) -> str:
    """The same for the same reading, whoever sends it and however often."""
    return f"{report['report_id']}.{report['revision']}"


def result_body(report: Mapping[str, Any], job_id: str, node: str, identifiers: bool) -> dict[str, Any]:
    """The result as it waits in the outbox: report.json without anything that names a person or a study."""
    body = {
        "id": result_id(report),
        "rid": job_id,
        "node": node,
        "report_id": report["report_id"],
        "revision": report["revision"],
        "outcome": report["outcome"],
        "findings": [_finding(f) for f in report["findings"]],
        "alerts": [_pick(a, "code", "message", "level") for a in report["alerts"]],
        "models": report["models"],
        "runtime": report["runtime"],
        "read_at": report["times"]["read_at"],
        "notice": report["notice"],
    }
    if identifiers:
        body["study_uid"] = report["study"]["study_uid"]
    return body


def result(topics: Topics, body: Mapping[str, Any], is_historical: bool, clock_synced: bool | None) -> Message:
    sent = {**body, "is_historical": is_historical, "clock_synced": clock_synced}
    return Message(topics.of("study", str(body["rid"]), "result"), _text("result", sent), 1, False)


def last_result(topics: Topics, live: Message) -> Message:
    """The same payload, kept by the broker for whoever comes later."""
    return Message(topics.of("last_result"), live.payload, 1, True)


def _finding(finding: Mapping[str, Any]) -> dict[str, Any]:
    return _pick(finding, "condition", "level", "status", "severity", "probabilities", "reason")


def _pick(source: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: source.get(key) for key in keys}


def _text(kind: str, body: Mapping[str, Any]) -> str:
    return json.dumps({"schema": f"{ROOT}.{kind}/1", **body}, ensure_ascii=False, allow_nan=False, default=str)
