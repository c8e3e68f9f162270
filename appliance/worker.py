"""The reading loop: take a job, read, write; what follows is `filing.py`'s.

The order makes a power cut harmless: the report is written and the ledger committed before a result is handed to the
outbox or a file is moved, and what was left undone is done at the next step. The branch of the error decides what
happens to the job; the one broad `except` of the box is in `guarded`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Protocol

from appliance.bell import Bell
from appliance.copies import Copies
from appliance.core.jobs import MAX_CRASHES, PAUSED, READER_SEEN, SELFTEST, SELFTEST_WANTED, Job, Reason, Result, State
from appliance.core.progress import overall
from appliance.core.report_summary import summary
from appliance.core.study import Patient
from appliance.errors import Code, InputError, LumbarboxError, ModelError, SystemicError
from appliance.filing import Filing
from appliance.gathering import is_read_already
from appliance.ports import Clock, Ledger, Progress, Reader, Reports, ToRead

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
        try:
            part.fault(exc, now)
        except Exception:  # the ledger itself is out of reach: the thread must live to see it come back
            log.exception("%s: the fault could not be noted", part.name)
        return False


class Worker:
    """Reads one study at a time. All it knows of the outside comes through the ports."""

    name = "reader"

    def __init__(
        self,
        ledger: Ledger,
        reader: Reader,
        copies: Copies,
        reports: Reports,
        filing: Filing,
        clock: Clock,
        remember: Callable[[str, Patient, str], None] = lambda job_id, patient, study_date: None,
    ) -> None:
        """`remember(job id, patient, study date)` notes whose study was read."""
        self._ledger, self._reader, self._copies, self._reports = ledger, reader, copies, reports
        self._filing, self._clock, self._remember = filing, clock, remember
        self._bell = Bell(ledger, "reader")
        self._prepared = False
        self._not_before: datetime | None = None
        self._job: Job | None = None

    def recover(self, now: datetime) -> None:
        """At start: a job left `reading` ended the last process. Once it is tried again, twice it is set aside."""
        self._ledger.set_fact("reader", {"ready": False, "why": "The models are not checked yet."})
        for job in self._ledger.in_state(State.READING):
            if job.attempts >= MAX_CRASHES:
                self._ledger.crashed(job.id, _CRASHED, now)
            else:
                self._ledger.interrupted(job.id, now)

    def step(self, now: datetime) -> bool:
        self._filing.settle(now)
        self._test_when_asked(now)
        if self._not_before is not None and now < self._not_before:
            return False
        if not self._prepared and not self._prepare(now):
            return False
        if self._ledger.fact(PAUSED):
            return False
        self._job = self._ledger.take(self._clock())  # making ready may have taken a while
        if self._job is None:
            return False
        self._read_and_decide(self._job)
        self._job = None
        self._filing.settle(self._clock())
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

    def _prepare(self, now: datetime) -> bool:
        try:
            facts = self._reader.prepare()
        except ModelError as exc:
            self._ledger.set_fact("reader", {"ready": False, "why": exc.message})
            self._pause(exc, now)
            return False
        self._bell.all_clear()
        self._ledger.set_fact(READER_SEEN, self._clock().isoformat())
        self._ledger.set_fact("reader", {"ready": True, **facts})
        self._prepared = True
        return True

    def _test_when_asked(self, now: datetime) -> None:
        """A self-test is what is done at start: the models are loaded anew and read the built-in study."""
        wanted = self._ledger.fact(SELFTEST_WANTED)
        if wanted and (self._ledger.fact(SELFTEST) or {}).get("wanted") != wanted:
            self._prepared = False
            well = self._prepare(now)
            why = "" if well else "the built-in study is not read as it should be"
            self._ledger.set_fact(SELFTEST, {"wanted": wanted, "why": why, "at": self._clock().isoformat()})

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
        earlier = self._ledger.study_read(job.study_uid) if job.study_uid else None
        before = self._read_before(job, earlier)
        if before is not None and before.result is not None:
            self._ledger.read(job.id, before.result, before.id, self._clock())
            return
        if earlier is not None:
            job = self._ledger.revise(job.id, earlier.id)
        revision = earlier.result.revision + 1 if earlier is not None and earlier.result is not None else 1
        what = ToRead(self._copies.to_read(job, earlier), job.study_uid, revision)
        tell = self._progress(job)
        reading = self._reader.read(what, self._clock(), tell)
        tell("report", 0, 1)
        result = summary(reading.report, self._reader.fingerprint)
        same = self._ledger.with_report(result.report_id) if earlier is None else None
        if same is None:
            self._reports.save(job.id, reading.write, _card(job, result))
            self._remember(job.id, reading.patient, reading.report["study"]["study_date"])
        self._ledger.read(job.id, result, same.id if same else "", self._clock())

    def _read_before(self, job: Job, earlier: Job | None) -> Job | None:
        """The same images, by these very models."""
        if not job.study_uid:
            return self._ledger.read_before(job.manifest.content if job.manifest else "", self._reader.fingerprint)
        if earlier is None or earlier.result is None or earlier.result.fingerprint != self._reader.fingerprint:
            return None
        return earlier if is_read_already(job, earlier, self._ledger.images_of) else None

    def _progress(self, job: Job) -> Progress:
        told = ("", 0.0)

        def tell(stage: str, done: int, total: int) -> None:
            nonlocal told
            fraction = overall(stage, done, total)
            if stage != told[0] or fraction >= told[1] + PROGRESS_STEP:
                told = (stage, fraction)
                self._ledger.progress(job.id, stage, fraction)

        return tell

    def _pause(self, exc: LumbarboxError, now: datetime) -> None:
        self._bell.ring(exc, now)
        self._not_before = now + PAUSE


_CRASHED = Reason(
    Code.CRASHED_TWICE,
    "Reading this study stopped the box twice.",
    "It is set aside so that others can be read. Report it; `lumbarbox jobs release` tries it once more.",
)


def _card(job: Job, result: Result) -> dict[str, Any]:
    """What a rebuilt ledger needs to know of a report."""
    content = job.manifest.content if job.manifest else ""
    return {
        "id": job.id, "name": job.name, "source": job.source, "study_uid": job.study_uid, "revises": job.revises,
        "images": job.images, "created_at": job.created_at.isoformat(), "updated_at": job.updated_at.isoformat(),
        "manifest": asdict(job.manifest) if job.manifest else None, "content": content, "result": asdict(result),
    }  # fmt: skip
