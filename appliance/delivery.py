"""Results on their way to the broker: oldest first, what was read just now before what is old, few at once, and none
leaves the outbox before the broker has acknowledged it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from appliance.core import messages
from appliance.core.messages import Topics
from appliance.core.timing import passed
from appliance.ports import Link, Outbox, WaitingResult

IN_FLIGHT = 20
MOST_DOUBLINGS = 9


@dataclass(frozen=True, slots=True)
class Pace:
    """How results are sent; values of the configuration."""

    live_for: timedelta
    replay_per_second: int
    identifiers: bool


class Delivery:
    """One outbox, one link. `forget` after a connection has ended: what was on its way is sent again."""

    def __init__(self, outbox: Outbox, link: Link, topics: Topics, pace: Pace) -> None:
        self._outbox, self._link, self._topics, self._pace = outbox, link, topics, pace
        self._in_flight: dict[int, WaitingResult] = {}
        self._late: set[int] = set()
        self._put_off: set[int] = set()
        self._allowance = 0
        self._counted_at: datetime | None = None
        self.sent = 0
        """Acknowledged so far."""

    def forget(self) -> None:
        """A new connection, perhaps to a broker with other rules: everything may be tried."""
        self._in_flight.clear()
        self._put_off.clear()
        self._outbox.put_off_ended()

    @property
    def refused(self) -> bool:
        """Whether some result was refused on this connection and not taken since."""
        return bool(self._put_off)

    def settle(self, now: datetime) -> str:
        """Let go of what the broker has; returns its word for what it refused, empty when nothing."""
        done = [self._in_flight.pop(n) for n in self._link.take_acknowledged() if n in self._in_flight]
        if done:
            self._keep_newest(done)
            self._outbox.acknowledged([item.number for item in done])
            self._put_off -= {item.number for item in done}
            self.sent += len(done)
        refusals = self._link.take_refused()
        for number, _ in refusals:
            item = self._in_flight.pop(number, None)
            if item is not None:
                self._put_off.add(item.number)
                self._outbox.put_off(item.number, now + _put_off(item.tries))
        return refusals[0][1] if refusals else ""

    def send(self, now: datetime) -> bool:
        """Fill the room on the wire. True when something was sent or is on its way."""
        room = IN_FLIGHT - len(self._in_flight)
        if room > 0:
            self._send_all(self._live(room, now), now, late=False)
            room = min(IN_FLIGHT - len(self._in_flight), self._allowed(now))
        if room > 0:
            self._send_all(self._outbox.sendable(room, self._sending(), None, now), now, late=True)
        return bool(self._in_flight)

    def _live(self, room: int, now: datetime) -> tuple[WaitingResult, ...]:
        return self._outbox.sendable(room, self._sending(), now - self._pace.live_for, now)

    def _send_all(self, items: tuple[WaitingResult, ...], now: datetime, late: bool) -> None:
        for item in items:
            message = messages.result(self._topics, item.body, late, self._pace.identifiers)
            self._in_flight[self._link.send(message)] = item
            if late:
                self._late.add(item.number)
                self._allowance -= 1

    def _sending(self) -> list[int]:
        return [item.number for item in self._in_flight.values()]

    def _keep_newest(self, done: list[WaitingResult]) -> None:
        """The newest live result is said on `last_result` too, once the broker has it."""
        live = [item for item in done if item.number not in self._late]
        self._late -= {item.number for item in done}
        if live:
            newest = max(live, key=lambda item: item.number)
            self._outbox.keep_last(newest.body)
            self._link.send(messages.last_result(self._topics, newest.body, self._pace.identifiers))

    def _allowed(self, now: datetime) -> int:
        """Late results per second, so that a narrow line is left for what is new."""
        if passed(self._counted_at, now, timedelta(seconds=1)):
            self._allowance, self._counted_at = self._pace.replay_per_second, now
        return self._allowance


def _put_off(tries: int) -> timedelta:
    """5 s at first, 43 minutes at most."""
    return timedelta(seconds=5 << min(tries, MOST_DOUBLINGS))
