"""The publisher's supervisor: its thread may die or hang in a name server, and is then replaced together with its link."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from appliance.errors import LumbarboxError
from appliance.loops import Loop
from appliance.ports import Clock
from appliance.publisher import Publisher

log = logging.getLogger(__name__)

WAITS_SECONDS = 0.1
STUCK = timedelta(minutes=2)
"""Connecting takes seconds, a round less than one."""
LOOKS = 2
"""Stuck at two looks in a row: at one, the clock may just have been put right."""


class Publishing:
    """`make` builds a publisher with a link of its own."""

    def __init__(self, make: Callable[[], Publisher], clock: Clock) -> None:
        self._make, self._clock = make, clock
        self._stuck_looks = 0
        self._start()

    def supervise(self) -> None:
        """Call every few seconds."""
        if self.loop.revive():
            log.error("the publisher's thread had died; it is started again")
        self._stuck_looks = self._stuck_looks + 1 if self.loop.silent_for() >= STUCK else 0
        if self._stuck_looks >= LOOKS:
            log.error("the publisher is stuck; another one takes its place")
            self._publisher.abandon()
            self.loop.leave()
            self._start()

    def stop(self, seconds: float) -> None:
        """The loop ends, then the box says `stopped`."""
        if self.loop.stop(seconds):
            with suppress(LumbarboxError):
                self._publisher.stop()

    def _start(self) -> None:
        self._stuck_looks = 0
        self._publisher = self._make()
        self.loop = Loop(self._publisher, self._clock, WAITS_SECONDS)
        self.loop.start()
