"""The intake loop: look at the share, wait until a drop stands still, copy it into the spool, find the study it belongs to.

The same path is walked at start-up as later. A share that is gone pauses it and raises an alarm; nothing is failed
and nothing is taken for deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import IO

from appliance.bell import Bell
from appliance.core.drops import HELD_PATIENCE_SECONDS, LOOSE, MAX_DEPTH, Drop, SeenFile, Settling, plain_name, together
from appliance.core.jobs import Job, Reason, Source, State
from appliance.core.printable import printable
from appliance.errors import PAUSES_ALL, Code, InputError, LumbarboxError, SystemicError
from appliance.gathering import Gathering
from appliance.ports import Inbox, Inspector, Ledger, Receipts, Spool

CLAIMS_A_STEP = 5
"""Then the loop comes round: what was dropped meanwhile is seen and has its receipt, and nobody takes it for stuck."""

HOLD, LONGEST_HOLD = timedelta(seconds=5), timedelta(seconds=40)
"""A full disk is not asked at every look, and ever less often."""

PARTS_START = timedelta(minutes=1)
"""The parts of the box, each a process or all in one, start within this: an alarm of before belongs to an earlier start."""

LOOSE_TITLE = "Loose files"


@dataclass(frozen=True, slots=True)
class Walls:
    """How large one drop may be."""

    files: int
    bytes: int


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
        inspector: Inspector,
        gathering: Gathering,
        new_id: Callable[[], str],
        walls: Walls,
    ) -> None:
        self._ledger, self._inbox, self._spool, self._receipts = ledger, inbox, spool, receipts
        self._settling, self._inspector, self._gathering = settling, inspector, gathering
        self._new_id, self._walls, self._bell = new_id, walls, Bell(ledger, self.name)
        self._busy = _Busy(ledger)
        self._told: tuple[int, int] | None = None
        self._trouble: SystemicError | None = None
        self._tried: tuple[Drop, ...] | None = None
        self._hold = HOLD
        self._held_until = datetime.min.replace(tzinfo=UTC)

    def recover(self, now: datetime) -> None:
        """At start: an upload that was cut off leaves nothing, and what an earlier start said of the ledger was seen."""
        rebuilt = [alarm for alarm in self._ledger.alarms() if alarm.code == Code.LEDGER_REBUILT]
        if rebuilt and now - rebuilt[0].since > PARTS_START:
            self._ledger.clear_alarms("recovery")
        for job in self._ledger.in_state(State.RECEIVED, State.SETTLING):
            if job.source is Source.UPLOAD and not job.is_claimed:
                self._ledger.withdraw(job.id)

    def step(self, now: datetime) -> bool:
        try:
            worked = self._gathering.complete(now)
            worked = self._take_in(self._inbox.look(now), now) or worked
            self._tell(now)
            if self._inbox.troubles:
                raise self._inbox.troubles[0]
        except SystemicError as exc:
            self._bell.ring(exc, now)
            with suppress(SystemicError):
                self._tell(now)  # whoever has only the share is told why nothing moves
            return False
        self._bell.all_clear()
        return worked

    def fault(self, exc: Exception, now: datetime) -> None:
        what = f"The intake made a mistake ({type(exc).__name__})."
        self._bell.ring(SystemicError(Code.FAULT, what, "Report it with the box's log."), now)

    def _tell(self, now: datetime) -> None:
        """Receipts, where anything can have changed: the ledger, or what still counts down."""
        version, waiting = self._ledger.version(), bool(self._ledger.gathering())
        if waiting or version != self._told:
            self._receipts.write(self._ledger.newest(200, 0, *State), self._ledger.alarms(), now)
            self._told = self._ledger.version()

    def _take_in(self, drops: tuple[Drop, ...], now: datetime) -> bool:
        if self._trouble is not None and now < self._held_until and drops is self._tried:
            raise self._trouble  # nothing has changed that would end it
        self._trouble, self._tried = None, drops
        fresh = self._said_done(self._busy.fresh(drops), now)
        still = (drop for drop in self._settling.look(fresh, now) if not self._is_held(drop, now))
        settled = together(still, self._walls.files)[:CLAIMS_A_STEP]
        known = self._note_arrivals(fresh, now)
        if settled:
            self._tell(now)  # copying takes its time, and may find the disk full
        for drop in settled:
            job = known.pop(drop.name, None) or self._arrived(drop.name, now)
            try:
                self._claim(job, drop, now)
            except SystemicError as exc:
                self._trouble = self._trouble or exc
                if exc.code in PAUSES_ALL:
                    break
        if self._trouble is not None:
            self._held_until = now + self._hold
            self._hold = min(2 * self._hold, LONGEST_HOLD)
            raise self._trouble
        self._hold = HOLD
        return bool(settled)

    def _is_held(self, drop: Drop, now: datetime) -> bool:
        """Whether it stands still only because a line stalls: somebody is still copying it."""
        return self._settling.still_for(drop.name, now) < HELD_PATIENCE_SECONDS and self._inbox.is_being_written(drop)

    def _said_done(self, drops: tuple[Drop, ...], now: datetime) -> tuple[Drop, ...]:
        """A `DONE` that came after its folder was copied ends the waiting of that folder's study."""
        left = []
        for drop in drops:
            owner = self._busy.owner(drop.name) if drop.files and not drop.study_files else None
            if owner is None:
                left.append(drop)
                continue
            self._ledger.add_claims(owner, drop.files)
            job = self._ledger.job(owner)
            job = self._ledger.job(job.joined) if job.joined else job
            if job.state is State.SETTLING:
                self._ledger.hurry(job.id, now)
        return tuple(left)

    def _note_arrivals(self, drops: tuple[Drop, ...], now: datetime) -> dict[str, Job]:
        """A job for each drop from the first look on, so that people see it arriving; one for all loose files."""
        known = self._ledger.waiting_in_drop_area()
        there: dict[str, bool] = {}
        for drop in drops:
            name = LOOSE if drop.loose else drop.name
            there[name] = there.get(name, False) or self._settling.is_changing(drop.name)
        for name, changing in there.items():
            if name not in known:
                known[name] = self._arrived(name, now)
            elif known[name].state is State.RECEIVED and changing:
                known[name] = self._ledger.changed(known[name].id, now)
        for name in known.keys() - there.keys():
            self._ledger.withdraw(known.pop(name).id)
        return known

    def _arrived(self, name: str, now: datetime) -> Job:
        title = LOOSE_TITLE if name == LOOSE else printable(name)
        return self._ledger.receive(self._new_id(), title, name, Source.SHARE, now)

    def _claim(self, job: Job, drop: Drop, now: datetime) -> None:
        """Copied, looked into and placed, or refused; one transaction, so that a power cut leaves the drop as it was."""
        job = self._ledger.rename(job.id, drop.title, drop.entry) if drop.loose else job
        try:
            self._refuse_oversize(drop)
            card = {"id": job.id, "name": job.name, "entry": job.entry, "source": job.source}
            manifest = self._spool.claim(job.id, self._inbox.files_of(drop), card)
            images = self._inspector.inspect(self._spool.files(job.id)) if manifest else ()
        except InputError as exc:
            self._spool.discard(job.id)
            self._ledger.refuse(job.id, Reason(exc.code, exc.message, exc.action), now, drop.files)
            self._settling.forget(drop.name)  # an empty folder has no files to be known by until it is moved away
            return
        if manifest is None:
            self._settling.forget(drop.name)
            return
        with self._ledger.transaction():
            claimed = self._ledger.claimed(job.id, job.entry, manifest, drop.files, images, now)
            self._gathering.place(claimed, images, drop.says_done, now)

    def _refuse_oversize(self, drop: Drop) -> None:
        if not drop.study_files and not drop.is_cut:
            raise InputError(Code.EMPTY, "The folder is empty.", "Copy the study into it, or delete it.")
        if len(drop.files) > self._walls.files:
            raise InputError(
                Code.TOO_LARGE,
                f"It holds more than {self._walls.files} files.",
                "Send one study at a time, or raise limits.files.",
            )
        if drop.is_cut:
            raise InputError(
                Code.TOO_LARGE,
                f"Its folders lie more than {MAX_DEPTH} deep in each other.",
                "Copy the folder that holds the images, alone.",
            )
        if drop.bytes > self._walls.bytes:
            raise InputError(
                Code.TOO_LARGE,
                f"It is larger than {self._walls.bytes >> 20} MB.",
                "Send one study at a time, or raise limits.study_mb.",
            )


class _Busy:
    """Which files of the drop area are copied already and only wait to be moved away."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._mark: tuple[int, int] | None = None
        self._claimed: frozenset[SeenFile] = frozenset()
        self._drops: tuple[Drop, ...] = ()
        self._fresh: tuple[Drop, ...] = ()

    def fresh(self, drops: tuple[Drop, ...]) -> tuple[Drop, ...]:
        """What is not claimed. Where neither the share nor the claims changed, the last answer."""
        mark = self._ledger.claims_mark()
        if mark == self._mark and drops is self._drops:
            return self._fresh
        if mark != self._mark:
            self._claimed = self._ledger.claimed_files()
        whole = {claim.path for claim in self._claimed if claim.is_all_of_it}
        drops_left = tuple(drop for drop in drops if drop.name not in whole)
        rest = (drop if drop.files.isdisjoint(self._claimed) else drop.without(self._claimed) for drop in drops_left)
        self._fresh = tuple(left for left, drop in zip(rest, drops_left, strict=True) if left.files or not drop.files)
        self._mark, self._drops = mark, drops
        return self._fresh

    def owner(self, entry: str) -> str | None:
        """The drop that was claimed from this entry last."""
        return self._ledger.claimant(entry)


class Uploads:
    """Studies that come through the page. A broken one leaves nothing behind."""

    def __init__(
        self, ledger: Ledger, spool: Spool, inspector: Inspector, gathering: Gathering, new_id: Callable[[], str],
        most_files: int,
    ) -> None:  # fmt: skip
        self._ledger, self._spool, self._inspector, self._gathering = ledger, spool, inspector, gathering
        self._new_id, self._most_files = new_id, most_files

    def accept(self, name: str, files: Iterable[tuple[str, IO[bytes]]], expected_bytes: int, now: datetime) -> Job:
        """Into the spool, then into the queue. Raises InputError or SystemicError, having kept nothing."""
        job_id, title = self._new_id(), plain_name(name)
        try:
            self._spool.begin_upload(job_id, expected_bytes)
            sums = [self._add(job_id, number, *file) for number, file in enumerate(files, start=1)]
            if not sums:
                raise InputError(Code.EMPTY, "No file was chosen.", "Choose the study's files, its folder or its zip.")
            card = {"id": job_id, "name": title, "entry": "", "source": Source.UPLOAD}
            manifest = self._spool.finish_upload(job_id, sums, card)
            images = self._inspector.inspect(self._spool.files(job_id))
            with self._ledger.transaction():
                self._ledger.receive(job_id, title, "", Source.UPLOAD, now)
                claimed = self._ledger.claimed(job_id, "", manifest, (), images, now)
                self._gathering.place(claimed, images, True, now)
                self._gathering.complete(now)
            return self._ledger.job(job_id)
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


def read_now(job: Job, ledger: Ledger, now: datetime) -> Job:
    """A person will not wait for the rest of a study. Nothing happens to one that is not waiting."""
    waits = job.state in (State.RECEIVED, State.SETTLING)
    return ledger.hurry(job.id, now) if waits else job
