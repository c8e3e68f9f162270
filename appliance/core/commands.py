"""Commands that come over MQTT: what is obeyed, what is refused and with which words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MAX_BYTES = 4096
LONGEST_ID = 64

VERBS: dict[str, str] = {
    "ping": "answer, and say what time it is here",
    "status": "answer with the health",
    "rescan": "look at the share at once",
    "read_now": "read the waiting study `rid` before the others",
    "retry": "try the failed study `rid` again",
    "pause": "take no new study into reading until `resume`; the one being read is finished",
    "resume": "go on after `pause`",
    "selftest": "load the models anew and read the built-in study; the answer comes when it is done",
}
"""Every command there is; `mqtt.commands` says which are obeyed."""

NEED_STUDY = frozenset({"read_now", "retry"})


@dataclass(frozen=True, slots=True)
class Command:
    """A request that may be carried out."""

    verb: str
    id: str
    expires_at: datetime
    rid: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is answered with a reason only."""

    verb: str
    id: str | None
    reason: str


def parse(verb: str, payload: bytes, retained: bool, allowed: tuple[str, ...], now: datetime) -> Command | Refusal:
    """`{"id": "...", "expires_at": "ISO 8601 with zone"}` to a Command; anything else to a Refusal."""
    body = _body(payload)
    request_id = _id_of(body)
    if retained:
        return Refusal(_shown(verb), request_id, "retained: send commands without the retain flag, and clear this one")
    if verb not in allowed:
        return Refusal(_shown(verb), request_id, f"unknown or not allowed; allowed: {', '.join(allowed) or 'none'}")
    if body is None or request_id is None or "expires_at" not in body:
        return Refusal(verb, request_id, "malformed: a JSON object with id and expires_at is needed")
    return _timely(verb, request_id, body, now)


def _timely(verb: str, request_id: str, body: dict[str, Any], now: datetime) -> Command | Refusal:
    try:
        expires = datetime.fromisoformat(str(body["expires_at"]))
    except ValueError:
        return Refusal(verb, request_id, "malformed: expires_at is no ISO 8601 time")
    if expires.tzinfo is None:
        return Refusal(verb, request_id, "malformed: expires_at has no time zone")
    if expires <= now:
        return Refusal(verb, request_id, "expired")
    rid = body.get("rid", "")
    if verb in NEED_STUDY and not (isinstance(rid, str) and rid):
        return Refusal(verb, request_id, "malformed: rid, the study's, is needed")
    return Command(verb, request_id, expires, rid if isinstance(rid, str) else "")


def _body(payload: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(payload if len(payload) <= MAX_BYTES else b"")
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _id_of(body: dict[str, Any] | None) -> str | None:
    """A text or a whole number of at most 64 characters."""
    found = (body or {}).get("id")
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    text = str(found)
    return text if 0 < len(text) <= LONGEST_ID else None


def _shown(verb: str) -> str:
    """A stranger's word becomes part of a topic only when it is a plain one."""
    return verb if re.fullmatch(r"[a-z0-9_-]{1,32}", verb) else "unknown"
