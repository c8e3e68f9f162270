"""What may go: copies of studies that are read, slices for the viewer, old reports; by age, sooner where space is short.

Never a result the broker has not acknowledged, never anything of a study that is still on its way, and nothing on the
share unless it is asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from appliance.core.jobs import Job, State
from appliance.ports import Ledger, Outbox, Reports, Spool

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=10)
FOREVER = timedelta(0)
ARRIVING = timedelta(hours=1)
"""A copy younger than this may belong to an upload that is not in the ledger yet."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long; zero for reports means always."""

    images: timedelta
    slices: timedelta
    reports: timedelta
    warn_mb: int
    """With less than this free, what is kept for convenience goes at once, oldest first."""


class Retention:
    """Runs in the intake's loop, every ten minutes."""

    name = "retention"

    def __init__(
        self,
        ledger: Ledger,
        spool: Spool,
        reports: Reports,
        outbox: Outbox,
        keeping: Keeping,
        free_mb: Callable[[], int],
        discard_slices: Callable[[Path], None],
    ) -> None:
        """`discard_slices` takes those of one report's folder away, where it has any."""
        self._discard_slices = discard_slices
        self._ledger, self._spool, self._reports, self._outbox = ledger, spool, reports, outbox
        self._keeping, self._free_mb = keeping, free_mb
        self._next: datetime | None = None

    def step(self, now: datetime) -> bool:
        if self._next is not None and self._next - EVERY <= now < self._next:
            return False
        self._next = now + EVERY
        self.tidy(now)
        return False

    def fault(self, exc: Exception, now: datetime) -> None:
        """Logged where it was caught; the next round tries again."""

    def tidy(self, now: datetime) -> None:
        self._spool.sweep(self._ledger.spool_needed(now - self._keeping.images), now - ARRIVING)
        for folder, written in self._reports.folders():
            if now - written > self._keeping.slices:
                self._discard_slices(folder)
        if self._keeping.reports > FOREVER:
            for job in self._ledger.done_before(now - self._keeping.reports):
                self._forget(job, "age")
        if self._is_short():
            self._make_room(now)

    def _make_room(self, now: datetime) -> None:
        """Copies kept for late slices first, then slices for the viewer, then reports; the oldest of each first."""
        needed = self._ledger.spool_needed(now)
        for drop_id in self._spool.held():
            if self._is_short() and drop_id not in needed:
                self._spool.discard(drop_id)
        for folder, _ in self._reports.folders():
            if self._is_short():
                self._discard_slices(folder)
        if self._keeping.reports > FOREVER:
            for job in self._ledger.done_before(now - timedelta(days=1)):
                if self._is_short():
                    self._forget(job, "space")

    def _forget(self, job: Job, why: str) -> None:
        """The report; the job's line in the ledger stays."""
        if job.state is not State.DONE or job.result is None or not (job.handed_over and job.filed):
            return
        if not self._outbox.holds(f"{job.result.report_id}.{job.result.revision}"):
            self._reports.discard(job.id)
            self._ledger.forgotten(job.id)
            log.info("the report of %s was deleted: %s", job.id, why)

    def _is_short(self) -> bool:
        return self._free_mb() < self._keeping.warn_mb
