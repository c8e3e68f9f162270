"""The publishing loop: what the ledger and the outbox hold goes to the broker.

A broker that is away costs the reading nothing: this loop has its own thread, and results wait on disk.
"""

from __future__ import annotations

import logging
import zlib
from contextlib import suppress
from datetime import datetime, timedelta

from appliance.bell import Bell
from appliance.core import messages
from appliance.core.messages import Topics
from appliance.core.timing import passed
from appliance.delivery import Delivery
from appliance.errors import Code, DeliveryError, LumbarboxError, SystemicError
from appliance.orders import Orders
from appliance.ports import Ledger, Link, Outbox
from appliance.standing import Standing

log = logging.getLogger(__name__)

PUMP_SECONDS = 0.2
SLOWEST_RETRY = timedelta(seconds=60)
TAKEN_RETRY = timedelta(minutes=5)
"""Two boxes of one name: each tries so seldom that they do not throw each other out all the time."""
HELD = timedelta(minutes=1)
"""A connection that lasted so long is nobody else's."""
QUIET = timedelta(minutes=5)
"""Nothing refused for so long: the access rules were put right."""
MOST_STATES = 200
"""States are told while they are news; after an outage only the newest so many."""


class Publisher:
    """One box, one broker."""

    name = "publisher"

    def __init__(
        self,
        ledger: Ledger,
        outbox: Outbox,
        link: Link,
        topics: Topics,
        standing: Standing,
        delivery: Delivery,
        orders: Orders,
        *,
        obeys: bool,
    ) -> None:
        self._ledger, self._outbox, self._link, self._topics = ledger, outbox, link, topics
        self._standing, self._delivery, self._orders = standing, delivery, orders
        self._subscribe = topics.commands if obeys else ""
        self._away, self._taken, self._refusal = (Bell(ledger, part) for part in ("publisher", "client_id", "refusal"))
        self._told_until = ledger.last_transition()
        self._connected_at: datetime | None = None
        self._lost_at: datetime | None = None
        self._refused_at: datetime | None = None
        self._wait, self._retries = timedelta(0), 0

    def step(self, now: datetime) -> bool:
        try:
            if not self._link.connected and not self._connect(now):
                return False
            self._link.pump(PUMP_SECONDS)
            self._settle(now)
            self._answer_commands(now)
            self._standing.tell(now)
            self._tell_states()
            return self._delivery.send(now)
        except (DeliveryError, SystemicError) as exc:
            self._lost(exc, now)
            return False

    def stop(self) -> None:
        """In order: what was just acknowledged is noted, then `stopped`, not `offline`."""
        if self._connected_at is not None:
            with suppress(DeliveryError):
                self._link.pump(PUMP_SECONDS)
                self._delivery.settle(self._connected_at)
        self._link.close(messages.availability(self._topics, messages.STOPPED))

    def abandon(self) -> None:
        """Called from outside when this publisher's thread is stuck: another one takes its place."""
        self._link.abandon()

    def fault(self, exc: Exception, now: datetime) -> None:
        self._lost(DeliveryError(Code.FAULT, f"The publisher made a mistake ({type(exc).__name__}).", ""), now)

    def _connect(self, now: datetime) -> bool:
        """`availability` goes last, when everything else of this box can already be seen."""
        if not passed(self._lost_at, now, self._wait):
            return False
        self._link.connect(self._subscribe)
        log.info("connected to the broker; %d results wait", self._outbox.count())
        self._connected_at, self._lost_at, self._retries = now, None, 0
        self._away.all_clear()
        self._delivery.forget()
        self._standing.forget()
        self._told_until = max(self._told_until, self._ledger.last_transition() - MOST_STATES)
        self._standing.tell(now)
        self._link.send(messages.availability(self._topics, messages.ONLINE))
        return True

    def _lost(self, exc: LumbarboxError, now: datetime) -> None:
        """The next connection is a new one. Dropped without a word, so that the broker says `offline`."""
        self._link.drop()
        self._connected_at, self._lost_at = None, now
        self._wait = TAKEN_RETRY if exc.code is Code.CLIENT_ID_TAKEN else self._backoff()
        self._retries += 1
        (self._taken if exc.code is Code.CLIENT_ID_TAKEN else self._away).ring(exc, now)

    def _backoff(self) -> timedelta:
        """Doubling, and a little different in each box: after a broker's restart they do not come all at once."""
        spread = zlib.crc32(f"{self._topics.node} {self._retries}".encode()) % 1000 / 1000
        return min(timedelta(seconds=1 << min(self._retries, 6)), SLOWEST_RETRY) * (0.75 + spread / 2)

    def _settle(self, now: datetime) -> None:
        refused = self._delivery.settle(now)
        if refused:
            self._refused_at = now
            what = f"The broker refuses messages: {refused}."
            self._refusal.ring(DeliveryError(Code.BROKER, what, "Check its access rules (docs/mqtt.md)."), now)
        elif not self._delivery.refused and passed(self._refused_at, now, QUIET):
            self._refusal.all_clear()
        if self._connected_at is not None and passed(self._connected_at, now, HELD):
            self._taken.all_clear()

    def _answer_commands(self, now: datetime) -> None:
        answers = [self._orders.answer(received, now) for received in self._link.take_received()]
        for message in (*answers, *self._orders.due(now)):
            if message is not None:
                self._link.send(message)

    def _tell_states(self) -> None:
        for moved in self._ledger.transitions_after(self._told_until):
            job = self._ledger.find(moved.job_id)
            if job is not None:
                self._link.send(messages.state(self._topics, moved, job))
            self._told_until = moved.number
