"""What becomes of a job whose end is committed: its result handed over, its files moved to where people look for them.

Every step may be repeated after a power cut and ends in the same place; the share being gone holds it up, and nothing else.
"""

from __future__ import annotations

from datetime import datetime

from appliance.bell import Bell
from appliance.copies import Copies
from appliance.core.drops import SeenFile, plain_name
from appliance.core.jobs import Job, Reason, State
from appliance.errors import PAUSES_ALL, Code, SystemicError
from appliance.ports import HandOver, Ledger, Reports, Shelf


class Filing:
    """Oldest first; what cannot be done now is done at the next round."""

    def __init__(self, ledger: Ledger, copies: Copies, reports: Reports, hand_over: HandOver, shelf: Shelf) -> None:
        self._ledger, self._copies, self._reports = ledger, copies, reports
        self._hand_report_over, self._shelf = hand_over, shelf
        self._bell = Bell(ledger, "filing")

    def settle(self, now: datetime) -> None:
        """Hand over results and file away studies whose end is committed. Safe to repeat."""
        trouble: SystemicError | None = None
        for job in self._ledger.unfinished_business():
            try:
                self._hand_over(job, now)
                self._file_away(job, now)
            except SystemicError as exc:
                if exc.code in PAUSES_ALL:
                    trouble = exc
                    break
                trouble = trouble or SystemicError(exc.code, f"{job.name} cannot be filed away. {exc.message}", exc.action)
        if trouble is None:
            self._bell.all_clear()
        else:
            self._bell.ring(trouble, now)

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
        claimed, copies = self._ledger.claimed_files(job.id), self._copies.to_file(job)
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
            self._shelf.file_failed(job, place, reason, claimed, copies, self._copies.lent(job))
        self._ledger.filed(job.id)

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
