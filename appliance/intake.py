"""The intake loop: look at the share, wait until a drop stands still, copy it into the spool, queue it.

The same path is walked at start-up as later. A share that is gone pauses it and raises an alarm; nothing is failed
and nothing is taken for deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import IO

from appliance.bell import Bell
from appliance.core.drops import Drop, Settling, plain_name
from appliance.core.jobs import Job, Reason, Source, State
from appliance.errors import Code, InputError, LumbarboxError, SystemicError
from appliance.ports import Inbox, Ledger, Receipts, Spool


class Intake:
    """Watches one drop area."""

    name = "intake"

    def __init__(
        self,
        ledger: Ledger,
        inbox: Inbox,
        spool: Spool,
        receipts: Receipts,
        settling: Settling,
        new_id: Callable[[], str],
        *,
        most_files: int,
        most_bytes: int,
    ) -> None:
        self._ledger, self._inbox, self._spool, self._receipts = ledger, inbox, spool, receipts
        self._settling, self._new_id, self._bell = settling, new_id, Bell(ledger, self.name)
        self._most_files, self._most_bytes = most_files, most_bytes

    def recover(self) -> None:
        """At start: an upload that was cut off leaves nothing; spool folders no job needs are taken away."""
        for job in self._ledger.in_state(State.RECEIVED, State.SETTLING):
            if job.source is Source.UPLOAD:
                self._ledger.withdraw(job.id)
        open_jobs = self._ledger.in_state(State.QUEUED, State.READING, State.QUARANTINED)
        self._spool.sweep(job.id for job in (*open_jobs, *self._ledger.unfinished_business()))

    def step(self, now: datetime) -> bool:
        try:
            claimed = self._take_in(self._inbox.look(), now)
            self._receipts.write(self._ledger.newest(200))
        except SystemicError as exc:
            self._bell.ring(exc, now)
            return False
        self._bell.all_clear()
        return claimed

    def fault(self, exc: Exception, now: datetime) -> None:
        what = f"The intake made a mistake ({type(exc).__name__})."
        self._bell.ring(SystemicError(Code.FAULT, what, "Report it with the box's log."), now)

    def _take_in(self, drops: tuple[Drop, ...], now: datetime) -> bool:
        busy = self._ledger.entries_being_worked_on()
        fresh = tuple(d for d in drops if d.name not in busy)
        settled = self._settling.look(fresh, now)
        known = self._note_arrivals(fresh, now)
        for drop in settled:
            self._claim(known[drop.name], drop, now)
        return bool(settled)

    def _note_arrivals(self, drops: tuple[Drop, ...], now: datetime) -> dict[str, Job]:
        """A job for each drop from the first look on, so that people see it arriving."""
        known = self._ledger.waiting_in_drop_area()
        for drop in drops:
            if drop.name not in known:
                known[drop.name] = self._ledger.receive(self._new_id(), drop.name, drop.name, Source.SHARE, now)
            elif known[drop.name].state is State.RECEIVED and self._settling.is_changing(drop.name):
                known[drop.name] = self._ledger.changed(known[drop.name].id, now)
        for name in known.keys() - {drop.name for drop in drops}:
            self._ledger.withdraw(known[name].id)
        return known

    def _claim(self, job: Job, drop: Drop, now: datetime) -> None:
        try:
            self._refuse_oversize(drop)
            manifest = self._spool.claim(job.id, self._inbox.files_of(drop))
        except InputError as exc:
            self._spool.discard(job.id)
            self._ledger.refuse(job.id, Reason(exc.code, exc.message, exc.action), now)
            return
        if manifest is None:
            self._settling.forget(drop.name)
        else:
            self._ledger.claimed(job.id, manifest, now)

    def _refuse_oversize(self, drop: Drop) -> None:
        if not drop.files:
            raise InputError(Code.EMPTY, "The folder is empty.", "Copy the study into it, or delete it.")
        if len(drop.files) > self._most_files:
            raise InputError(
                Code.TOO_LARGE,
                f"It holds more than {self._most_files} files.",
                "Send one study at a time, or raise limits.files.",
            )
        if drop.bytes > self._most_bytes:
            raise InputError(
                Code.TOO_LARGE,
                f"It is larger than {self._most_bytes >> 20} MB.",
                "Send one study at a time, or raise limits.study_mb.",
            )


class Uploads:
    """Studies that come through the page. A broken one leaves nothing behind."""

    def __init__(self, ledger: Ledger, spool: Spool, new_id: Callable[[], str], *, most_files: int) -> None:
        self._ledger, self._spool, self._new_id, self._most_files = ledger, spool, new_id, most_files

    def accept(self, name: str, files: Iterable[tuple[str, IO[bytes]]], expected_bytes: int, now: datetime) -> Job:
        """Into the spool, then into the queue. Raises InputError or SystemicError, having kept nothing."""
        job_id = self._new_id()
        try:
            self._spool.begin_upload(job_id, expected_bytes)
            sums = [self._add(job_id, number, *file) for number, file in enumerate(files, start=1)]
            if not sums:
                raise InputError(Code.EMPTY, "No file was chosen.", "Choose the study's files, its folder or its zip.")
            manifest = self._spool.finish_upload(job_id, sums)
            self._ledger.receive(job_id, plain_name(name), "", Source.UPLOAD, now)
            return self._ledger.claimed(job_id, manifest, now)
        except (LumbarboxError, OSError):
            self._spool.discard(job_id)
            raise

    def _add(self, job_id: str, number: int, name: str, stream: IO[bytes]) -> tuple[str, int]:
        if number > self._most_files:
            raise InputError(
                Code.TOO_LARGE, f"More than {self._most_files} files were sent.", "Send one study at a time."
            )
        return self._spool.add_upload(job_id, number, name, stream)


def try_again(job: Job, ledger: Ledger, shelf_bring_back: Callable[[Job], str], now: datetime) -> Job:
    """A failed or quarantined job, by a person's decision: its originals go back to the drop area."""
    entry = shelf_bring_back(job)
    return ledger.release(job.id, entry, now) if job.state is State.QUARANTINED else ledger.retry(job.id, entry, now)
