"""The reading loop: take a job, read, write, hand over, file away.

The order makes a power cut harmless: the report is written and the ledger committed before a result is handed to the
outbox or a file is moved, and what was left undone is done at the next step. The branch of the error decides what
happens to the job; the one broad `except` of the box is in `guarded`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from appliance.bell import Bell
from appliance.core.drops import SeenFile, plain_name
from appliance.core.gathering import Image
from appliance.core.jobs import (
    MAX_CRASHES,
    PAUSED,
    READER_SEEN,
    SELFTEST,
    SELFTEST_WANTED,
    Job,
    Reason,
    Result,
    Source,
    State,
)
from appliance.core.progress import overall
from appliance.core.report_summary import summary
from appliance.core.study import Patient
from appliance.errors import Code, InputError, LumbarboxError, ModelError, SystemicError
from appliance.gathering import is_read_already
from appliance.ports import Clock, HandOver, Ledger, Progress, Reader, Reports, Shelf, Spool, ToRead

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
        spool: Spool,
        reports: Reports,
        hand_over: HandOver,
        shelf: Shelf,
        reader: Reader,
        clock: Clock,
        *,
        remember: Callable[[str, Patient, str], None] = lambda job_id, patient, study_date: None,
    ) -> None:
        self._ledger, self._spool, self._reports, self._hand_report_over = ledger, spool, reports, hand_over
        self._shelf, self._reader, self._clock = shelf, reader, clock
        self._remember = remember
        self._bell, self._filing_bell = Bell(ledger, "reader"), Bell(ledger, "filing")
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
        self.settle_accounts(now)
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
        what = ToRead(self._files(job, earlier), job.study_uid, revision)
        reading = self._reader.read(what, self._clock(), self._progress(job))
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

    def _files(self, job: Job, earlier: Job | None) -> tuple[Path, ...]:
        """The copies that hold this job's study, each image once, the newest drop first."""
        chosen: list[Path] = []
        seen: set[tuple[str, str]] = set()
        for drop_id in self._ledger.parts(job.id):
            files = self._spool.files(drop_id)
            images = self._ledger.images_in(drop_id)
            chosen += files_of_study(files, images, job.study_uid, frozenset(seen))
            seen |= {image.key for image in images} if files else set()
        lost = {image.key for image in self._ledger.images_of(job.id, job.study_uid)} - seen if job.study_uid else set()
        if lost and earlier is not None:
            raise InputError(
                Code.EARLIER_IMAGES_GONE,
                f"These images belong to a study that was read on {earlier.updated_at:%Y-%m-%d %H:%M}; the box does not "
                f"keep its other {len(lost)} images any more.",
                "Drop the whole study again. Its earlier report still stands.",
            )
        return tuple(chosen)

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
            self._hand_report_over(report, job, now)
        self._ledger.handed_over(job.id)

    def _file_away(self, job: Job, now: datetime) -> None:
        """The place is written down before anything moves, so a second try ends in the same place."""
        if job.filed:
            return
        claimed, copies = self._ledger.claimed_files(job.id), self._copies(job)
        if job.state is State.DONE:
            place = self._ledger.filing(job.id, job.filed_as or self._shelf.place_done(job, now.date())).filed_as
            report = self._reports.folder(job.duplicate_of or job.id)
            self._shelf.file_done(job, place, report, claimed, copies, self._note(job))
            self._mark_superseded(job, place)
        elif job.state is State.JOINED:
            place = self._ledger.filing(job.id, job.filed_as or self._place_joined(job, claimed)).filed_as
            self._shelf.file_joined(job, place, claimed, copies)
        else:
            reason = job.reason or Reason(Code.FAULT, "The reason was not written down.")
            place = self._ledger.filing(job.id, job.filed_as or self._shelf.place_failed(job, reason)).filed_as
            self._shelf.file_failed(job, place, reason, claimed, copies, self._lent(job))
        self._ledger.filed(job.id)

    def _copies(self, job: Job) -> tuple[Path, ...]:
        """The copies of a drop; for a second study of one, those of its images."""
        own = self._spool.files(job.id)
        if own or job.source is not Source.SHARE or job.entry:
            return own
        drops = ((self._spool.files(d), self._ledger.images_in(d)) for d in self._ledger.parts(job.id))
        return tuple(f for files, images in drops for f in files_of_study(files, images, job.study_uid, frozenset()))

    def _lent(self, job: Job) -> dict[str, tuple[Path, ...]]:
        """Copies of this study's images in drops whose originals lie with another study, by the drop's name.

        Without them a failed study, tried again, would be read without these images. Those of an earlier reading are
        found again by the study's UID.
        """
        found: dict[str, tuple[Path, ...]] = {}
        own = {job.id, *(self._ledger.parts(job.revises) if job.revises else ())}
        for drop_id in self._ledger.parts(job.id) if job.entry else ():
            drop = self._ledger.find(drop_id)
            if drop_id in own or drop is None or drop.joined == job.id:
                continue
            images = self._ledger.images_in(drop_id)
            found[drop.name] = tuple(files_of_study(self._spool.files(drop_id), images, job.study_uid, frozenset()))
        return found

    def _place_joined(self, job: Job, claimed: frozenset[SeenFile]) -> str:
        """Beside the originals of the study it is part of; among them, where it came in the same folder."""
        target = self._ledger.job(job.joined)
        base = f"{target.filed_as}/originals" if target.state is State.DONE else target.filed_as
        in_folder = not job.entry or any(seen.path.startswith(f"{job.entry}/") for seen in claimed)
        same_folder = job.entry and job.entry == target.entry
        return f"{base}/{plain_name(job.name)}" if in_folder and not same_folder else base

    def _mark_superseded(self, job: Job, place: str) -> None:
        earlier = self._ledger.find(job.revises) if job.revises and not job.duplicate_of else None
        if earlier is not None and earlier.state is State.DONE and earlier.filed_as:
            self._shelf.mark_superseded(earlier.filed_as, place)

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


def files_of_study(
    files: Sequence[Path], images: Sequence[Image], study_uid: str, known: frozenset[tuple[str, str]]
) -> list[Path]:
    """Of one drop's copies those that hold images of the study not among `known`, and those that hold nothing known.

    What no header could be read of goes with the only study of its drop, so that the report names it as not read.
    """
    studies = {image.study_uid for image in images}
    inside: dict[str, list[Image]] = {}
    for image in images:
        inside.setdefault(image.file.split("/")[0], []).append(image)
    wanted = []
    for file in files:
        held = inside.get(file.name)
        if held is None:
            take = studies <= {study_uid}
        else:
            take = any(image.study_uid == study_uid and image.key not in known for image in held)
        if take:
            wanted.append(file)
    return wanted


def _card(job: Job, result: Result) -> dict[str, Any]:
    """What a rebuilt ledger needs to know of a report."""
    content = job.manifest.content if job.manifest else ""
    return {
        "id": job.id, "name": job.name, "source": job.source, "study_uid": job.study_uid, "revises": job.revises,
        "images": job.images, "created_at": job.created_at.isoformat(), "updated_at": job.updated_at.isoformat(),
        "manifest": asdict(job.manifest) if job.manifest else None, "content": content, "result": asdict(result),
    }  # fmt: skip
