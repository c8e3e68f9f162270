"""A person moves the level names of a report: a new revision on the box, on the share and over MQTT.

The share comes first: when it is gone nothing is changed anywhere, and it is said so. The first report is kept beside.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from appliance.core.jobs import Job
from appliance.core.renumbering import SHIFTS, renumbered
from appliance.core.report import Report
from appliance.core.report_from_json import from_json
from appliance.core.report_summary import summary
from appliance.errors import Code, InputError, SystemicError
from appliance.ports import Ledger, Reports, Shelf

WriteAgain = Callable[[Report, Path, str], None]


class Revising:
    """`write_again` writes all files of a job's revised report into a folder that holds the slices."""

    def __init__(self, ledger: Ledger, reports: Reports, shelf: Shelf, write_again: WriteAgain) -> None:
        self._ledger, self._reports, self._shelf, self._write_again = ledger, reports, shelf, write_again

    def renumber(self, job: Job, shift: int, now: datetime) -> Job:
        """`shift` counts from the numbering as read: -1, 0 or 1. Raises InputError or SystemicError."""
        as_read, current = self._reports.as_read(job.id), self._reports.load(job.id)
        if as_read is None or current is None or job.result is None:
            raise SystemicError(Code.FAULT, "The report of this study cannot be read.", "Look at the box's log.")
        if shift not in SHIFTS or shift == current.get("numbering_shift", 0):
            raise InputError(Code.FAULT, "The level names stand so already.", "Choose another numbering.")
        new = renumbered(from_json(as_read), shift, current["revision"] + 1)
        before = _names(self._reports.folder(job.id))
        self._shelf.check()
        self._reports.revise(job.id, lambda folder: self._write_again(new, folder, job.id))
        written = self._reports.load(job.id)
        assert written is not None, "it has just been written"
        revised = self._ledger.revised(job.id, summary(written, job.result.fingerprint), now)
        self._renew_on_share(revised, before)
        return revised

    def _renew_on_share(self, job: Job, before: set[str]) -> None:
        folder = self._reports.folder(job.id)
        for one in (job, *self._ledger.copies_of(job.id)):
            if one.filed:
                self._shelf.renew_report(one.filed_as, folder, before - _names(folder))


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir() if entry.is_file()}
