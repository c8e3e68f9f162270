"""Commands that come over MQTT: what is obeyed, what is refused and with which words."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Command:
    """A request that may be carried out."""

    verb: str
    id: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is answered with a reason only."""

    verb: str
    id: str | None
    reason: str


def parse(verb: str, payload: bytes, allowed: tuple[str, ...], now: datetime) -> Command | Refusal:
    """`{"id": "...", "expires_at": "ISO 8601 with zone"}` to a Command; anything else to a Refusal."""
    if verb not in allowed:
        return Refusal(verb[:32], None, f"unknown or not allowed; allowed: {', '.join(allowed)}")
    try:
        body = json.loads(payload if len(payload) <= MAX_BYTES else b"")
        request_id, expires = str(body["id"])[:64], datetime.fromisoformat(str(body["expires_at"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Refusal(verb, None, "malformed: a JSON object with id and expires_at is needed")
    if expires.tzinfo is None:
        return Refusal(verb, request_id, "expires_at has no time zone")
    if expires <= now:
        return Refusal(verb, request_id, "expired")
    return Command(verb, request_id)
