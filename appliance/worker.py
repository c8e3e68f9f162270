"""The reading loop: take a job, read, write, hand over, file away.

The order makes a power cut harmless: the report is written and the ledger committed before a result is handed to the
outbox or a file is moved, and what was left undone is done at the next step. The branch of the error decides what
happens to the job; the one broad `except` of the box is in `guarded`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from appliance.bell import Bell
from appliance.core import messages
from appliance.core.jobs import MAX_CRASHES, Job, Reason, State
from appliance.core.progress import overall
from appliance.core.report_summary import summary
from appliance.core.study import Patient
from appliance.errors import Code, InputError, LumbarboxError, ModelError, SystemicError
from appliance.ports import Clock, Ledger, Outbox, Progress, Reader, Reports, Shelf, Spool

log = logging.getLogger(__name__)

PAUSE = timedelta(seconds=10)
PROGRESS_STEP = 0.03


class Part(Protocol):
    """One loop of the box."""

    name: str

    def step(self, now: datetime) -> bool:
        """One round; True when there was work, so that the next round follows at once."""
        ...

    def fault(self, exc: Exception, now: datetime) -> None:
        """Something nobody foresaw came out of `step`."""
        ...


def guarded(part: Part, now: datetime) -> bool:
    """One step of a part that may not end its thread: the one place where everything is caught."""
    try:
        return part.step(now)
    except Exception as exc:
        log.exception("%s: fault", part.name)
        part.fault(exc, now)
        return False


class Worker:
    """Reads one study at a time. All it knows of the outside comes through the ports."""

    name = "reader"

    def __init__(
        self,
        ledger: Ledger,
        spool: Spool,
        reports: Reports,
        outbox: Outbox,
        shelf: Shelf,
        reader: Reader,
        clock: Clock,
        *,
        node: str,
        identifiers: bool = False,
        remember: Callable[[str, Patient, str], None] = lambda job_id, patient, study_date: None,
    ) -> None:
        self._ledger, self._spool, self._reports, self._outbox = ledger, spool, reports, outbox
        self._shelf, self._reader, self._clock = shelf, reader, clock
        self._node, self._identifiers, self._remember = node, identifiers, remember
        self._bell, self._filing_bell = Bell(ledger, "reader"), Bell(ledger, "filing")
        self._prepared = False
        self._not_before: datetime | None = None
        self._job: Job | None = None

    def recover(self, now: datetime) -> None:
        """At start: a job left `reading` ended the last process. Once it is tried again, twice it is set aside."""
        for job in self._ledger.in_state(State.READING):
            if job.attempts >= MAX_CRASHES:
                self._ledger.crashed(job.id, _CRASHED, now)
            else:
                self._ledger.interrupted(job.id, now)

    def step(self, now: datetime) -> bool:
        self.settle_accounts(now)
        if self._not_before is not None and now < self._not_before:
            return False
        if not self._prepared and not self._prepare(now):
            return False
        self._job = self._ledger.take(now)
        if self._job is None:
            return False
        self._read_and_decide(self._job)
        self._job = None
        self.settle_accounts(self._clock())
        return True

    def fault(self, exc: Exception, now: datetime) -> None:
        """A fault in our own code: the study at hand fails loudly, it is never taken for one without findings."""
        job, self._job = self._job, None
        if job is not None and self._ledger.job(job.id).state is State.READING:
            words = f"The box made a mistake while reading this study ({type(exc).__name__})."
            self._ledger.refuse(
                job.id, Reason(Code.FAULT, words, "Report it with the box's log; other studies go on."), now
            )

    def give_back(self, now: datetime) -> None:
        """The box stops and cannot wait: the study at hand goes back to its place, its attempt not counted."""
        job = self._job
        if job is not None and self._ledger.job(job.id).state is State.READING:
            self._ledger.postpone(job.id, Reason(Code.FAULT, "The box was stopped."), now)

    def settle_accounts(self, now: datetime) -> None:
        """Hand over results and file away studies whose end is committed. Safe to repeat."""
        for job in self._ledger.unfinished_business():
            try:
                self._hand_over(job, now)
                self._file_away(job, now)
            except SystemicError as exc:
                self._filing_bell.ring(exc, now)
                return
        self._filing_bell.all_clear()

    def _prepare(self, now: datetime) -> bool:
        try:
            facts = self._reader.prepare()
        except ModelError as exc:
            self._ledger.set_fact("reader", {"ready": False, "why": exc.message})
            self._pause(exc, now)
            return False
        self._bell.all_clear()
        self._ledger.set_fact("reader", {"ready": True, **facts})
        self._prepared = True
        return True

    def _read_and_decide(self, job: Job) -> None:
        """The error's branch decides."""
        try:
            self._read(job)
        except InputError as exc:
            self._ledger.refuse(job.id, Reason(exc.code, exc.message, exc.action), self._clock())
        except (SystemicError, ModelError) as exc:
            self._prepared = self._prepared and not isinstance(exc, ModelError)
            self._ledger.postpone(job.id, Reason(exc.code, exc.message, exc.action), self._clock())
            self._pause(exc, self._clock())
        else:
            self._bell.all_clear()
            self._not_before = None

    def _read(self, job: Job) -> None:
        content = job.manifest.content if job.manifest else ""
        before = self._ledger.read_before(content, self._reader.fingerprint)
        if before is not None and before.result is not None:
            self._ledger.read(job.id, before.result, before.id, self._clock())
            return
        reading = self._reader.read(_what_to_read(self._spool.folder(job.id)), self._clock(), self._progress(job))
        result = summary(reading.report, self._reader.fingerprint)
        earlier = self._ledger.with_report(result.report_id)
        if earlier is None:
            self._reports.save(job.id, reading.write)
            self._remember(job.id, reading.patient, reading.report["study"]["study_date"])
        self._ledger.read(job.id, result, earlier.id if earlier else "", self._clock())

    def _progress(self, job: Job) -> Progress:
        told = ("", 0.0)

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal told
            fraction = overall(stage, done, total)
            if stage != told[0] or fraction >= told[1] + PROGRESS_STEP:
                told = (stage, fraction)
                self._ledger.progress(job.id, stage, fraction)

        return tell

    def _hand_over(self, job: Job, now: datetime) -> None:
        if job.state is not State.DONE or job.handed_over:
            return
        report = self._reports.load(job.id)
        if report is not None:
            body = messages.result_body(report, job.id, self._node, self._identifiers)
            self._outbox.put(messages.result_id(report), body, now)
        self._ledger.handed_over(job.id)

    def _file_away(self, job: Job, now: datetime) -> None:
        """The place is written down before anything moves, so a second try ends in the same place."""
        if job.filed:
            return
        spooled = self._spool.folder(job.id)
        if job.state is State.DONE:
            place = job.filed_as or self._shelf.place_done(job, now.date())
            self._ledger.filing(job.id, place)
            report = self._reports.folder(job.duplicate_of or job.id)
            self._shelf.file_done(job, place, report, spooled, self._note(job))
        else:
            reason = job.reason or Reason(Code.FAULT, "The reason was not written down.")
            place = job.filed_as or self._shelf.place_failed(job, reason)
            self._ledger.filing(job.id, place)
            self._shelf.file_failed(job, place, reason, spooled)
        self._ledger.filed(job.id)
        if job.state is not State.QUARANTINED:
            self._spool.discard(job.id)

    def _note(self, job: Job) -> str:
        if not job.duplicate_of:
            return ""
        before = self._ledger.find(job.duplicate_of)
        when = before.updated_at.strftime("%Y-%m-%d %H:%M") if before else "earlier"
        name = before.name if before else job.duplicate_of
        return f"These images were read before, on {when}, as {name}. The report here is that one.\n"

    def _pause(self, exc: LumbarboxError, now: datetime) -> None:
        self._bell.ring(exc, now)
        self._not_before = now + PAUSE


_CRASHED = Reason(
    Code.CRASHED_TWICE,
    "Reading this study stopped the box twice.",
    "It is set aside so that others can be read. Report it; `lumbarbox jobs release` tries it once more.",
)


def _what_to_read(folder: Path) -> Path:
    """A drop of one file is read as that file, so that it keeps the meaning of a zip or a picture."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 else folder
