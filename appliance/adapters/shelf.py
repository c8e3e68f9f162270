"""Where a study goes on the share when its job has ended: `_done/<date>/` or `_failed/<code>/`, and back again.

The place is chosen first and written into the ledger by the caller; every step here may be repeated after a power cut
and ends in the same folders. The originals move by rename; nothing of a technician's is ever deleted.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from appliance.core.drops import is_ignored, plain_name
from appliance.core.jobs import Job, Reason, Source
from appliance.errors import Code, SystemicError, from_os

DONE, FAILED, ORIGINALS, WHY = "_done", "_failed", "originals", "WHY.txt"


class Shelf:
    """`root` is the share; `check` raises when it is gone, so that nothing is filed under its empty mount point."""

    def __init__(self, root: Path, check: Callable[[], None]) -> None:
        self._root, self._check = root, check

    def check(self) -> None:
        """Raises SystemicError when the share is gone."""
        self._check()

    def place_done(self, job: Job, day: date) -> str:
        """A free place, as a path below the share."""
        return self._free(f"{DONE}/{day.isoformat()}", job.name)

    def place_failed(self, job: Job, reason: Reason) -> str:
        return self._free(f"{FAILED}/{reason.code}", job.name)

    def file_done(self, job: Job, place: str, report: Path | None, spooled: Path, note: str) -> None:
        """The report where a person finds it first, the originals beside it."""
        self._check()
        target = self._root / place
        try:
            target.mkdir(parents=True, exist_ok=True)
            if report is not None:
                _copy_files(report, target)
            if note:
                write_beside(target / "READ BEFORE.txt", note)
            self._move_originals(job, target / ORIGINALS, spooled)
        except OSError as exc:
            raise from_os(exc, f"The share {self._root}") from exc

    def renew_report(self, place: str, report: Path, gone: Iterable[str]) -> None:
        """A new revision of a report over the old one; `gone` are names of files it has no more."""
        self._check()
        target = self._root / place
        try:
            _copy_files(report, target)
            for name in gone:
                (target / name).unlink(missing_ok=True)
        except OSError as exc:
            raise from_os(exc, f"The share {self._root}") from exc

    def file_failed(self, job: Job, place: str, reason: Reason, spooled: Path) -> None:
        """The originals as they were, and WHY.txt. Dropped back, the study is tried again."""
        self._check()
        target = self._root / place
        try:
            target.mkdir(parents=True, exist_ok=True)
            self._move_originals(job, target, spooled)
            write_beside(target / WHY, why_text(job, reason))
        except OSError as exc:
            raise from_os(exc, f"The share {self._root}") from exc

    def bring_back(self, job: Job) -> str:
        """A failed study's originals to the drop area; returns the entry's new name."""
        self._check()
        source, entry = self._root / job.filed_as, self._free("", job.name)
        try:
            if not source.is_dir():
                raise SystemicError(
                    Code.SHARE_GONE,
                    f"{job.filed_as} is no longer on the share.",
                    "Drop the study into the shared folder again.",
                )
            (source / WHY).unlink(missing_ok=True)
            source.rename(self._root / entry)
        except OSError as exc:
            raise from_os(exc, f"The share {self._root}") from exc
        return entry

    def _move_originals(self, job: Job, target: Path, spooled: Path) -> None:
        """`target` becomes, or receives, what was dropped. Where that is gone from the share, the spool's copy goes."""
        source = self._root / job.entry
        if job.source is Source.SHARE and source.is_dir() and not source.is_symlink():
            _move_folder(source, target)
        elif job.source is Source.SHARE and source.is_file():
            target.mkdir(exist_ok=True)
            source.rename(target / job.entry)
        elif not _holds_originals(target):
            _copy_files(spooled, target)
        _sync(target.parent)

    def _free(self, below: str, wanted: str) -> str:
        name = plain_name(wanted)
        for number in range(1, 100_000):
            place = str(Path(below, name if number == 1 else f"{name} ({number})"))
            if not os.path.lexists(self._root / place):
                return place
        raise SystemicError(Code.NOT_WRITABLE, f"There are too many studies named {name} on the share.", "Tidy it up.")


def why_text(job: Job, reason: Reason) -> str:
    """For the technician who finds it."""
    return (
        f"This study could not be read: {job.name}\n\n"
        f"Why:         {reason.message}\n"
        f"What to do:  {reason.action or 'Ask whoever looks after the box.'}\n\n"
        "Nothing was graded: this says nothing about the patient's spine.\n"
        "Nothing was changed or deleted. To have it tried again, move this folder back into the shared folder.\n\n"
        f"(code {reason.code}, job {job.id})\n"
    )


def write_beside(path: Path, text: str) -> None:
    """Whole or not at all."""
    beside = path.with_name(f"~{path.name}.tmp")
    with beside.open("w", encoding="utf-8") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)


def _move_folder(source: Path, target: Path) -> None:
    """By one rename; where the target is there already (WHY.txt or a report in it), entry by entry."""
    if not target.exists() or not any(target.iterdir()):
        source.replace(target)
        return
    for entry in sorted(source.iterdir()):
        entry.replace(target / entry.name)
    source.rmdir()


def _holds_originals(target: Path) -> bool:
    return target.is_dir() and any(entry.name != WHY and not is_ignored(entry.name) for entry in target.iterdir())


def _copy_files(source: Path, target: Path) -> None:
    """Every file of a flat folder of the box; a second time overwrites the first."""
    if not source.is_dir():
        return
    target.mkdir(parents=True, exist_ok=True)
    for file in sorted(source.iterdir()):
        if file.is_file():
            beside = target / f"~{file.name}.tmp"
            shutil.copyfile(file, beside)
            with beside.open("rb") as copied:
                os.fsync(copied.fileno())
            beside.replace(target / file.name)
    _sync(target)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # some network file systems cannot sync a folder
    finally:
        os.close(descriptor)
