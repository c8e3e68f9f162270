"""Commands over MQTT, carried out and answered. Whatever is not obeyed is answered with a reason.

A request that comes twice (QoS 1 may do so) is carried out once. What a command wants of another part of the box goes
through the ledger, so the parts may be processes of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from appliance.core import messages
from appliance.core.commands import Command, parse
from appliance.core.jobs import PAUSED, READ_FIRST, SELFTEST, SELFTEST_WANTED, Job, State
from appliance.core.messages import Message, Received, Topics
from appliance.errors import LumbarboxError
from appliance.ports import Ledger
from appliance.vitals import Vitals

REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Hands:
    """What can be done from here besides writing into the ledger."""

    wake: Callable[[], None]
    try_again: Callable[[Job], Job]
    read_now: Callable[[Job], Job]


class _RefusedError(Exception):
    """A command that cannot be carried out as things are; its text is the reason."""


class Orders:
    """One box's commands."""

    def __init__(self, ledger: Ledger, vitals: Vitals, topics: Topics, allowed: tuple[str, ...], hands: Hands) -> None:
        self._ledger, self._vitals, self._topics, self._allowed, self._hands = ledger, vitals, topics, allowed, hands
        self._answered: OrderedDict[Command, Message | None] = OrderedDict()
        self._testing: list[Command] = []
        self._wanted = ""
        self._verbs: Mapping[str, Callable[[Command, datetime], Mapping[str, Any]]] = {
            "ping": lambda command, now: {},
            "status": lambda command, now: {"health": messages.health_body(self._vitals.take())},
            "rescan": self._rescan,
            "read_now": self._read_now,
            "retry": self._retry,
            "pause": self._pause,
            "resume": self._resume,
        }

    def answer(self, received: Received, now: datetime) -> Message | None:
        """The answer to send; None when it comes later, by `due`."""
        verb = self._topics.verb(received.topic)
        request = parse(verb, received.payload, received.retained, self._allowed, now)
        if not isinstance(request, Command):
            return messages.response(self._topics, request.verb, request.id, False, now, {"reason": request.reason})
        if request not in self._answered:
            self._answered[request] = self._obey(request, now)
            while len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)
        return self._answered[request]

    def due(self, now: datetime) -> tuple[Message, ...]:
        """Answers of self-tests that are done, or that nobody has done in time."""
        if not self._testing:
            return ()
        found = self._ledger.fact(SELFTEST) or {}
        done = found.get("wanted") == self._wanted
        ready = [c for c in self._testing if done or c.expires_at <= now]
        self._testing = [c for c in self._testing if c not in ready]
        why = found.get("why", "") if done else "not done in time: the reader is busy or not running"
        return tuple(self._told(c, now, {"reason": why} if why else {}, ok=not why) for c in ready)

    def _obey(self, command: Command, now: datetime) -> Message | None:
        if command.verb == "selftest":
            self._wanted = f"{command.id} {now.isoformat()}"
            self._ledger.set_fact(SELFTEST_WANTED, self._wanted)
            self._testing.append(command)
            self._hands.wake()
            return None
        try:
            body = self._verbs[command.verb](command, now)
        except _RefusedError as exc:
            return self._told(command, now, {"reason": str(exc)}, ok=False)
        except LumbarboxError as exc:
            return self._told(command, now, {"reason": f"it cannot be done now ({exc.code})"}, ok=False)
        return self._told(command, now, body, ok=True)

    def _told(self, command: Command, now: datetime, body: Mapping[str, Any], *, ok: bool) -> Message:
        return messages.response(self._topics, command.verb, command.id, ok, now, body)

    def _rescan(self, command: Command, now: datetime) -> Mapping[str, Any]:
        self._hands.wake()
        return {}

    def _read_now(self, command: Command, now: datetime) -> Mapping[str, Any]:
        job = self._job(command)
        if job.state in (State.RECEIVED, State.SETTLING):
            return {"rid": job.id, "state": self._hands.read_now(job).state}
        if job.state is not State.QUEUED:
            raise _RefusedError(f"it does not wait: it is {job.state}")
        self._ledger.set_fact(READ_FIRST, job.id)
        self._hands.wake()
        return {"rid": job.id, "state": job.state}

    def _retry(self, command: Command, now: datetime) -> Mapping[str, Any]:
        job = self._job(command)
        if job.state is not State.FAILED:
            raise _RefusedError(f"it did not fail: it is {job.state}")
        return {"rid": job.id, "state": self._hands.try_again(job).state}

    def _pause(self, command: Command, now: datetime) -> Mapping[str, Any]:
        self._ledger.set_fact(PAUSED, {"since": now.isoformat()})
        return {}

    def _resume(self, command: Command, now: datetime) -> Mapping[str, Any]:
        self._ledger.set_fact(PAUSED, None)
        self._hands.wake()
        return {}

    def _job(self, command: Command) -> Job:
        found = self._ledger.find(command.rid)
        if found is None:
            raise _RefusedError("there is no such study here")
        return found
