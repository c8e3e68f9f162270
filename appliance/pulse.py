"""The reader's pulse, in the ledger: the page and the publisher may run in processes of their own and cannot see it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from appliance.core.jobs import READER_SEEN
from appliance.ports import Ledger

EVERY_SECONDS = 15.0
SILENT = timedelta(seconds=75)
"""A reader that was not seen for this long is taken for dead: four beats missed, and a slow disk's patience."""


class Pulse:
    """Beats in a thread beside the reader's, so that a long reading is no silence; not for a reader that is stuck."""

    name = "pulse"

    def __init__(self, ledger: Ledger, is_well: Callable[[], bool]) -> None:
        self._ledger, self._is_well = ledger, is_well

    def step(self, now: datetime) -> bool:
        if self._is_well():
            self._ledger.set_fact(READER_SEEN, now.isoformat())
        return False

    def fault(self, exc: Exception, now: datetime) -> None:
        """Logged where it was caught; a ledger that cannot be written has its own alarm."""


def is_silent(ledger: Ledger, now: datetime) -> bool:
    """Whether the reader was not seen lately. Either way round: a clock that was put right is no sign of life."""
    seen = ledger.fact(READER_SEEN)
    return seen is None or abs(now - datetime.fromisoformat(seen)) > SILENT
