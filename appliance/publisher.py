"""The publishing loop: what the ledger and the outbox hold goes to the broker; a result leaves the outbox only when the
broker has acknowledged it.

A broker that is away costs the reading nothing: this loop has its own thread, and results wait on disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from appliance.bell import Bell
from appliance.core import messages
from appliance.core.commands import Command, parse
from appliance.core.health import ALARM_CODES, Health
from appliance.core.messages import Message, Topics
from appliance.errors import Code, DeliveryError
from appliance.ports import Ledger
from appliance.vitals import Vitals

log = logging.getLogger(__name__)

IN_FLIGHT = 20
PUMP_SECONDS = 0.2
SLOWEST_RETRY = timedelta(seconds=60)


class Link(Protocol):
    """See adapters/mqtt.py."""

    @property
    def connected(self) -> bool: ...
    def connect(self, subscribe: str = "") -> None: ...
    def send(self, message: Message) -> int: ...
    def pump(self, seconds: float) -> None: ...
    def take_acknowledged(self) -> tuple[int, ...]: ...
    def take_refused(self) -> tuple[tuple[int, str], ...]: ...
    def take_received(self) -> tuple[Any, ...]: ...
    def close(self, last: Message | None = None) -> None: ...


class Drain(Protocol):
    """See adapters/outbox.py."""

    def oldest(self, limit: int) -> tuple[Any, ...]: ...
    def acknowledged(self, number: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Manners:
    """How the publisher behaves; values of the configuration."""

    health_every: timedelta
    live_for: timedelta
    commands: tuple[str, ...]


class Publisher:
    """One box, one broker."""

    name = "publisher"

    def __init__(
        self,
        ledger: Ledger,
        outbox: Drain,
        vitals: Vitals,
        link: Link,
        topics: Topics,
        manners: Manners,
        facts: Callable[[], Mapping[str, Any]],
        rescan: Callable[[], None],
    ) -> None:
        self._ledger, self._outbox, self._vitals, self._link = ledger, outbox, vitals, link
        self._topics, self._manners, self._facts, self._rescan = topics, manners, facts, rescan
        self._bell = Bell(ledger, self.name)
        self._told_until = ledger.last_transition()
        self._in_flight: dict[int, int] = {}
        self._told_alarms: frozenset[str] = frozenset()
        self._told_info: Mapping[str, Any] | None = None
        self._told_health: tuple[Health, datetime] | None = None
        self._next_try: datetime | None = None
        self._wait = timedelta(seconds=1)

    def step(self, now: datetime) -> bool:
        try:
            if not self._link.connected and not self._connect(now):
                return False
            self._link.pump(PUMP_SECONDS)
            self._settle_acknowledged()
            self._answer_commands(now)
            self._tell_news(now)
            return self._send_results(now)
        except DeliveryError as exc:
            self._lost(exc, now)
            return False

    def stop(self) -> None:
        """In order: `stopped`, not `offline`."""
        self._link.close(messages.availability(self._topics, messages.STOPPED))

    def fault(self, exc: Exception, now: datetime) -> None:
        self._lost(DeliveryError(Code.FAULT, f"The publisher made a mistake ({type(exc).__name__}).", ""), now)
        self._link.close()

    def _connect(self, now: datetime) -> bool:
        """`availability` goes last, when everything else of this box can already be seen."""
        if self._next_try is not None and now < self._next_try:
            return False
        self._link.connect(self._topics.commands)
        self._in_flight.clear()
        self._wait, self._next_try = timedelta(seconds=1), None
        self._bell.all_clear()
        self._told_alarms, self._told_info, self._told_health = frozenset(ALARM_CODES), None, None
        self._tell_standing(now)
        self._link.send(messages.availability(self._topics, messages.ONLINE))
        return True

    def _lost(self, exc: DeliveryError, now: datetime) -> None:
        self._in_flight.clear()
        self._next_try = now + self._wait
        self._wait = min(self._wait * 2, SLOWEST_RETRY)
        self._bell.ring(exc, now)

    def _settle_acknowledged(self) -> None:
        for number in self._link.take_acknowledged():
            if number in self._in_flight:
                self._outbox.acknowledged(self._in_flight.pop(number))
        for number, why in self._link.take_refused():
            self._in_flight.pop(number, None)
            raise DeliveryError(
                Code.BROKER, f"The broker refused a message: {why}.", "Check its access rules (docs/mqtt.md)."
            )

    def _send_results(self, now: datetime) -> bool:
        """Oldest first, a bounded number on the way at once."""
        sending = set(self._in_flight.values())
        room = IN_FLIGHT - len(sending)
        waiting = [w for w in self._outbox.oldest(IN_FLIGHT) if w.number not in sending][:room]
        synced = self._vitals.take().host.clock_synced if waiting else None
        for item in waiting:
            late = now - item.put_at > self._manners.live_for
            message = messages.result(self._topics, item.body, late, synced)
            self._in_flight[self._link.send(message)] = item.number
            if not late:
                self._link.send(messages.last_result(self._topics, message))
        return bool(waiting)

    def _tell_news(self, now: datetime) -> None:
        self._tell_standing(now)
        for moved in self._ledger.transitions_after(self._told_until):
            job = self._ledger.find(moved.job_id)
            if job is not None:
                self._link.send(messages.state(self._topics, moved, job))
            self._told_until = moved.number

    def _tell_standing(self, now: datetime) -> None:
        """What the broker keeps for whoever comes later: info, health, alarms; said again when it changes."""
        info = self._facts()
        if info != self._told_info:
            self._link.send(messages.info(self._topics, info))
            self._told_info = info
        self._tell_health(now)
        self._tell_alarms()

    def _tell_health(self, now: datetime) -> None:
        health = self._vitals.take()
        told = self._told_health
        if told is None or _changed(told[0], health) or now - told[1] >= self._manners.health_every:
            self._link.send(messages.health(self._topics, health, now))
            self._told_health = (health, now)

    def _tell_alarms(self) -> None:
        raised = {alarm.code: alarm for alarm in self._ledger.alarms()}
        for code in sorted(self._told_alarms - raised.keys()):
            self._link.send(messages.alarm_cleared(self._topics, code))
        for code in sorted(raised.keys() - (self._told_alarms if self._told_alarms != ALARM_CODES else set())):
            self._link.send(messages.alarm(self._topics, raised[code]))
        self._told_alarms = frozenset(raised)

    def _answer_commands(self, now: datetime) -> None:
        for received in self._link.take_received():
            if received.retained:
                continue
            verb = self._topics.verb(received.topic)
            request = parse(verb, received.payload, self._manners.commands, now)
            if isinstance(request, Command):
                body, ok = self._obey(request, now), True
            else:
                body, ok = {"reason": request.reason}, False
            self._link.send(messages.response(self._topics, request.verb, request.id, ok, body))

    def _obey(self, command: Command, now: datetime) -> dict[str, Any]:
        if command.verb == "rescan":
            self._rescan()
        if command.verb == "status":
            return {"at": now.isoformat(), "health": messages.health_body(self._vitals.take())}
        return {"at": now.isoformat()}


def _changed(before: Health, after: Health) -> bool:
    """Whether anything but the host's ever-moving figures is new."""
    return replace(before, host=after.host) != after
