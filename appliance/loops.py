"""Threads for the parts of the box, and how they end: in order, with nothing half-done."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from appliance.ports import Clock
from appliance.worker import Part, guarded

STALE = timedelta(minutes=20)
"""A part that has not come round for this long is stuck; systemd is then no longer told that all is well."""


class Loop:
    """One part in one thread: at once again after work, else after `seconds` or when woken."""

    def __init__(self, part: Part, clock: Clock, seconds: float) -> None:
        self._part, self._clock, self._seconds = part, clock, seconds
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._beat: datetime = clock()
        self._thread = self._made_thread()

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    def stop(self, seconds: float) -> bool:
        """Whether it ended in time."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def leave(self) -> None:
        """Not to be waited for: a thread that is stuck ends whenever it comes loose."""
        self._stopping.set()
        self._woken.set()

    def revive(self) -> bool:
        """A thread that ended unasked (not even `guarded` catches everything) is replaced; whether it was."""
        if self._thread.is_alive() or self._stopping.is_set():
            return False
        self._thread = self._made_thread()
        self._thread.start()
        return True

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def silent_for(self) -> timedelta:
        """Since its last round."""
        return self._clock() - self._beat

    def is_well(self) -> bool:
        return self._thread.is_alive() and self.silent_for() < STALE

    def _made_thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name=self._part.name, daemon=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            worked = guarded(self._part, self._clock())
            self._beat = self._clock()
            if not worked and not self._stopping.is_set():
                self._woken.wait(self._seconds)
                self._woken.clear()
