"""Where a study goes on the share when its job has ended: `_done/<date>/` or `_failed/<code>/`, and back again.

The place is chosen first and written into the ledger by the caller; every step here may be repeated after a power cut
and ends in the same folders. Only what was copied into the spool moves, by rename: a file that came or changed since
stays in the drop area and is a new drop. Nothing of a technician's is ever deleted or written over.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from appliance.core.drops import LONGEST_NAME, SeenFile, is_ignored, plain_name
from appliance.core.jobs import Job, Reason, State
from appliance.durable import sync
from appliance.errors import Code, SystemicError

DONE, FAILED, ORIGINALS, WHY = "_done", "_failed", "originals", "WHY.txt"
READ_BEFORE, SUPERSEDED = "READ BEFORE.txt", "SUPERSEDED.txt"


class Shelf:
    """`opened` holds the share open and gives its path; it raises when the share is gone."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Path]], ignore: tuple[str, ...] = ()) -> None:
        self._opened, self._ignore = opened, ignore

    def check(self) -> None:
        """Raises SystemicError when the share is gone."""
        with self._opened():
            pass

    def place_done(self, job: Job, day: date) -> str:
        """A free place, as a path below the share."""
        with self._opened() as root:
            return _free(root, f"{DONE}/{day.isoformat()}", job.name)

    def place_failed(self, job: Job, reason: Reason) -> str:
        with self._opened() as root:
            return _free(root, f"{FAILED}/{reason.code}", job.name)

    def file_done(
        self, job: Job, place: str, report: Path | None, claimed: frozenset[SeenFile], copies: tuple[Path, ...], note: str
    ) -> None:
        """The report where a person finds it first, the originals beside it."""
        with self._opened() as root:
            target = root / place
            target.mkdir(parents=True, exist_ok=True)
            if report is not None:
                _copy_files(_shown(report), target)
            if note:
                write_beside(target / READ_BEFORE, note)
            _Move(root, target / ORIGINALS, self._ignore).originals(job, claimed, copies)

    def renew_report(self, place: str, report: Path, gone: Iterable[str]) -> None:
        """A new revision of a report over the old one; `gone` are names of files it has no more."""
        with self._opened() as root:
            target = root / place
            _copy_files(_shown(report), target)
            for name in gone:
                (target / name).unlink(missing_ok=True)

    def file_failed(
        self,
        job: Job,
        place: str,
        reason: Reason,
        claimed: frozenset[SeenFile],
        copies: tuple[Path, ...],
        lent: Mapping[str, tuple[Path, ...]],
    ) -> None:
        """The originals as they were, and WHY.txt. Dropped back, the study is tried again: with it copies of what
        other drops, by their names, `lent` it.
        """
        with self._opened() as root:
            target = root / place
            target.mkdir(parents=True, exist_ok=True)
            _Move(root, target, self._ignore).originals(job, claimed, copies)
            for name, files in lent.items():
                _copy_files(files, target / plain_name(name))
            write_beside(target / WHY, why_text(job, reason))

    def file_joined(self, job: Job, place: str, claimed: frozenset[SeenFile], copies: tuple[Path, ...]) -> None:
        """A drop that became part of another study's job, into `place`."""
        with self._opened() as root:
            (root / place).mkdir(parents=True, exist_ok=True)
            _Move(root, root / place, self._ignore).originals(job, claimed, copies)

    def mark_superseded(self, place: str, newer: str) -> None:
        """A word beside an older report, where it still lies."""
        with self._opened() as root:
            if (root / place).is_dir():
                text = f"More images of this study came later. The report that counts is in:\n\n{newer}\n"
                write_beside(root / place / SUPERSEDED, text)

    def bring_back(self, job: Job) -> str:
        """A failed study's originals to the drop area; returns the entry's new name."""
        with self._opened() as root:
            source, entry = root / job.filed_as, _free(root, "", job.name)
            if not job.filed_as or not source.is_dir():
                raise SystemicError(
                    Code.SHARE_GONE,
                    f"{job.filed_as or job.name} is no longer on the share.",
                    "Drop the study into the shared folder again.",
                )
            (source / WHY).unlink(missing_ok=True)
            source.rename(root / entry)
            return entry


    @contextmanager
    def originals(self, job: Job) -> Iterator[list[tuple[Path, SeenFile]]]:
        """The files of a filed drop where they lie, the share held open; none when somebody took them away."""
        with self._opened() as root:
            folder = root / job.filed_as / (ORIGINALS if job.state is State.DONE else "")
            paths = sorted(_files(folder)) if job.filed_as and _is_real_folder(folder) else []
            inside = [(path, path.relative_to(root).as_posix(), path.lstat()) for path in paths]
            yield [
                (path, SeenFile(name, at.st_size, at.st_mtime_ns))
                for path, name, at in inside
                if not is_ignored(path.name, self._ignore)
            ]


@dataclass(frozen=True, slots=True)
class _Move:
    """Originals on their way from the drop area of `root` into `target`, as they lay."""

    root: Path
    target: Path
    ignore: tuple[str, ...]

    def originals(self, job: Job, claimed: frozenset[SeenFile], copies: tuple[Path, ...]) -> None:
        """What is gone from the share comes from the copies: of `claimed`, in its order."""
        names: dict[SeenFile, str] = {}
        for entry in job.entries:
            source = self.root / entry
            below = {seen for seen in claimed if seen.path == entry or seen.path.startswith(f"{entry}/")}
            if _is_real_folder(source):
                self._folder(source, entry, frozenset(below))
            elif source.is_file() and _as_seen(source, below):
                self.target.mkdir(parents=True, exist_ok=True)
                source.rename(_unused(self.target / entry))
            names |= {seen: seen.path.removeprefix(f"{entry}/") for seen in below}
        _put_back_missing(self.target, names, copies)
        if self.target.is_dir():
            _sync(self.target)
        _sync(self.target.parent)

    def _folder(self, source: Path, entry: str, claimed: frozenset[SeenFile]) -> None:
        """By one rename where nothing new is in it; what slipped in between goes back."""
        strangers = self._strangers(source, entry, claimed)
        if not strangers and (not self.target.exists() or not any(self.target.iterdir())):
            source.replace(self.target)
            for stranger in self._strangers(self.target, entry, claimed):
                home = self.root / entry / stranger
                home.parent.mkdir(parents=True, exist_ok=True)
                (self.target / stranger).rename(_unused(home))
            return
        for path in list(_files(source)):
            inside = path.relative_to(source)
            if inside.as_posix() not in strangers:
                (self.target / inside).parent.mkdir(parents=True, exist_ok=True)
                path.rename(_unused(self.target / inside))
        _remove_empty(source)

    def _strangers(self, folder: Path, entry: str, claimed: frozenset[SeenFile]) -> frozenset[str]:
        """Files below `folder` that were not copied as they are now; ignored ones belong to nobody."""
        if any(seen.is_all_of_it for seen in claimed):
            return frozenset()
        found = set()
        for path in _files(folder):
            inside = path.relative_to(folder).as_posix()
            at = path.lstat()
            known = SeenFile(f"{entry}/{inside}", at.st_size, at.st_mtime_ns) in claimed
            if not known and not any(is_ignored(part, self.ignore) for part in inside.split("/")):
                found.add(inside)
        return frozenset(found)


def _free(root: Path, below: str, wanted: str) -> str:
    name = plain_name(wanted)
    for number in range(1, 100_000):
        place = str(Path(below, name if number == 1 else f"{name} ({number})"))
        if not os.path.lexists(root / place):
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


def _shown(report: Path) -> tuple[Path, ...]:
    """The files of a report that are for people."""
    return tuple(sorted(p for p in report.iterdir() if not p.name.startswith("."))) if report.is_dir() else ()


def _is_real_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _as_seen(path: Path, claimed: set[SeenFile]) -> bool:
    found = path.lstat()
    return any((seen.size, seen.mtime_ns) == (found.st_size, found.st_mtime_ns) for seen in claimed)


def _files(folder: Path) -> Iterator[Path]:
    """Plain files at any depth; links are left where they are."""
    for at, _, names in os.walk(folder):
        for name in names:
            path = Path(at, name)
            if stat.S_ISREG(path.lstat().st_mode):
                yield path


def _put_back_missing(target: Path, names: dict[SeenFile, str], copies: tuple[Path, ...]) -> None:
    """An original that was taken away from the share meanwhile comes back from its copy; an upload comes whole."""
    if not names:
        if not target.is_dir() or all(is_ignored(path.name) for path in target.iterdir()):
            _copy_files(copies, target)
        return
    copied = sorted((seen for seen in names if not seen.says_done), key=lambda seen: seen.path)
    if len(copied) != len(copies):
        return
    for seen, copy in zip(copied, copies, strict=True):
        place = target / names[seen]
        if not os.path.lexists(place):
            place.parent.mkdir(parents=True, exist_ok=True)
            _copy_whole(copy, place)


def _unused(path: Path) -> Path:
    """The path itself, or beside it a name that nothing has yet: nothing is written over."""
    if not os.path.lexists(path):
        return path
    stem = os.fsdecode(os.fsencode(path.stem)[:LONGEST_NAME]) if len(os.fsencode(path.name)) > LONGEST_NAME else path.stem
    numbered = (path.with_name(f"{stem} ({number}){path.suffix[:40]}") for number in range(2, 100_000))
    return next(candidate for candidate in numbered if not os.path.lexists(candidate))


def _remove_empty(folder: Path) -> None:
    """The folder and those in it, where nothing is left in them."""
    for at, _, _ in os.walk(folder, topdown=False):
        if not any(Path(at).iterdir()):
            Path(at).rmdir()


def _copy_files(files: Sequence[Path], target: Path) -> None:
    """Plain files of the box, side by side; a second time overwrites the first."""
    for file in files:
        if file.is_file():
            target.mkdir(parents=True, exist_ok=True)
            _copy_whole(file, target / file.name)
    if target.is_dir():
        _sync(target)


def _copy_whole(source: Path, target: Path) -> None:
    beside = target.with_name("~copying.tmp")  # its own name with something added may be too long
    shutil.copyfile(source, beside)
    with beside.open("rb") as copied:
        os.fsync(copied.fileno())
    beside.replace(target)


def _sync(folder: Path) -> None:
    with suppress(OSError):  # it may not be there yet; some network file systems cannot sync a folder
        sync(folder)
