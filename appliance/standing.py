"""What the broker keeps for whoever comes later: info, health, alarms, the last result, Home Assistant's device. Said at
every connect and again when it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from appliance.core import home_assistant, messages
from appliance.core.health import ALARM_CODES, Health
from appliance.core.messages import Topics
from appliance.core.timing import passed
from appliance.ports import Alarms, Link, Outbox
from appliance.vitals import Vitals

LOOK_EVERY = timedelta(seconds=1)
FACT = "home_assistant"
"""In the ledger: the topic a device was announced on, so that it can be removed when this is switched off."""


class Standing:
    """One box's retained topics, but `availability`."""

    def __init__(
        self,
        ledger: Alarms,
        outbox: Outbox,
        vitals: Vitals,
        link: Link,
        topics: Topics,
        facts: Callable[[], Mapping[str, Any]],
        *,
        health_every: timedelta,
        identifiers: bool,
        home_assistant_prefix: str,
    ) -> None:
        self._ledger, self._outbox, self._vitals, self._link = ledger, outbox, vitals, link
        self._topics, self._facts, self._identifiers = topics, facts, identifiers
        self._health_every, self._prefix = health_every, home_assistant_prefix
        self._looked_at: datetime | None = None
        self._announced: str | None = None
        self._told_alarms: frozenset[str] | None = None
        self._told_info: Mapping[str, Any] | None = None
        self._told_health: tuple[Health, datetime] | None = None

    def forget(self) -> None:
        """The next `tell` says everything: the broker may have lost its memory."""
        self._told_alarms = self._told_info = self._told_health = None
        self._looked_at = self._announced = None

    def tell(self, now: datetime) -> None:
        """What is new since it was last said; looked at once a second, whatever the pace of the loop."""
        if not passed(self._looked_at, now, LOOK_EVERY):
            return
        at_connect = self._told_info is None
        self._looked_at = now
        self._note_announced()
        self._tell_info()
        self._tell_health(now)
        self._tell_alarms()
        if at_connect:
            self._tell_last_result()
            self._tell_home_assistant()

    def _tell_info(self) -> None:
        info = self._facts()
        if info != self._told_info:
            self._link.send(messages.info(self._topics, info))
            self._told_info = info

    def _tell_health(self, now: datetime) -> None:
        health, told = self._vitals.take(), self._told_health
        if told is None or _changed(told[0], health) or passed(told[1], now, self._health_every):
            self._link.send(messages.health(self._topics, health, now))
            self._told_health = (health, now)

    def _tell_alarms(self) -> None:
        raised = {alarm.code: alarm for alarm in self._ledger.alarms()}
        told = self._told_alarms
        for code in sorted((ALARM_CODES if told is None else told) - raised.keys()):
            self._link.send(messages.alarm_cleared(self._topics, code))
        for code in sorted(raised.keys() - (told or frozenset())):
            self._link.send(messages.alarm(self._topics, raised[code]))
        self._told_alarms = frozenset(raised)

    def _tell_last_result(self) -> None:
        body = self._outbox.last()
        if body is not None:
            self._link.send(messages.last_result(self._topics, body, self._identifiers))

    def _tell_home_assistant(self) -> None:
        wanted = home_assistant.topic(self._prefix, self._topics.node) if self._prefix else ""
        announced = self._ledger.fact(FACT) or ""
        if announced and announced != wanted:
            self._link.send(home_assistant.remove(announced))
        if wanted:
            version = str(self._facts().get("version", ""))
            self._link.send(home_assistant.announce(self._prefix, self._topics, version))
        if announced != wanted:
            self._announced = wanted

    def _note_announced(self) -> None:
        """One look later, when the connection still holds: a removal that was cut off is said again."""
        if self._announced is not None:
            self._ledger.set_fact(FACT, self._announced)
            self._announced = None


def _changed(before: Health, after: Health) -> bool:
    """Whether anything but the host's ever-moving figures is new."""
    other = replace(before, host=after.host) != after
    return other or before.host.clock_synced != after.host.clock_synced
