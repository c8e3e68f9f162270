"""A part's own alarms: it takes back what it raised, and nothing another part raised."""

from __future__ import annotations

import logging
from datetime import datetime

from appliance.errors import LumbarboxError
from appliance.ports import Alarms

log = logging.getLogger(__name__)


class Bell:
    """One for each part of the box, by its name."""

    def __init__(self, alarms: Alarms, part: str) -> None:
        self._alarms, self._part = alarms, part
        self._may_ring = True
        """At first an earlier process may have left its alarms."""
        self._rung: tuple[str, str, str] | None = None

    def ring(self, error: LumbarboxError, now: datetime) -> None:
        """The same words again are neither written nor logged again."""
        words = (error.code, error.message, error.action)
        if words != self._rung:
            log.warning("%s: %s", self._part, " ".join(words[1:]).strip())
            self._may_ring = True
            self._alarms.raise_alarm(self._part, *words, now)
            self._rung = words

    def all_clear(self) -> None:
        """What this part was in trouble with works again."""
        if self._may_ring:
            if self._rung is not None:
                log.info("%s: well again", self._part)
            self._alarms.clear_alarms(self._part)
            self._may_ring, self._rung = False, None
