"""The box's health at this moment, put together from the ledger, the outbox and the host."""

from __future__ import annotations

from appliance.core.health import Health, judge
from appliance.core.jobs import State
from appliance.ports import Clock, Host, Ledger, Outbox
from appliance.pulse import is_silent


class Vitals:
    """Asked by the page and by the publisher."""

    def __init__(self, ledger: Ledger, outbox: Outbox, host: Host, warn_mb: int, clock: Clock) -> None:
        self._ledger, self._outbox, self._host, self._warn_mb, self._clock = ledger, outbox, host, warn_mb, clock

    def take(self) -> Health:
        ready = bool((self._ledger.fact("reader") or {}).get("ready"))
        silent = ready and is_silent(self._ledger, self._clock())
        return judge(
            self._host.facts(),
            self._ledger.alarms(),
            queue=self._ledger.count(State.RECEIVED, State.SETTLING, State.QUEUED),
            reading=self._ledger.count(State.READING),
            outbox=self._outbox.count(),
            reader_ready=ready and not silent,
            reader_silent=silent,
            warn_mb=self._warn_mb,
            paused=bool(self._ledger.fact("paused")),
            outbox_since=self._outbox.since(),
        )
