"""The drop area of the share: who may look, and what is there. It changes nothing but its own marker.

`.lumbarbox-inbox` tells a mounted share from the empty folder it is mounted on. Without it the share is gone, never
empty: nothing is taken for deleted and nothing is read twice when it comes back.

Polling is the mechanism: events do not fire on SMB or NFS. Each entry is looked at as often as its file system bears,
and ever less often the longer it has stood still.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from appliance.core.drops import ALONE, MAX_DEPTH, Drop, SeenFile, all_below, is_ignored, is_partial
from appliance.core.printable import printable
from appliance.errors import Code, SystemicError, from_os

MARKER = ".lumbarbox-inbox"
_MARKER_TEXT = "Lumbarbox watches this folder. Drop studies here; leave this file where it is.\n"

LONGEST_PAUSE = 60.0
"""Seconds; what has stood still for ten minutes and more is looked at this often."""
PATIENCE, TAKEN_IN_SECONDS, LATER_PATIENCE = 10, 30.0, 3
"""What has stood still for ten seconds may wait one; after half a minute, when it is taken in, a third of its rest."""
RACY_NS = 2_000_000_000
"""A folder changed this lately may change again within the same tick of its clock."""

_NOT_ALLOWED = (errno.EACCES, errno.EPERM)


class _TooDeepError(Exception):
    """Folders in folders, deeper than anybody puts a study."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two looks, by where a folder lies."""

    local: float = 2.0
    network: float = 5.0

    def base(self, on_network: bool) -> float:
        return self.network if on_network else self.local


@dataclass(frozen=True, slots=True)
class _Seen:
    drop: Drop
    looked: float
    since: float
    due: float
    folder_mark: int
    """When anything came or went directly in it, in ns; 0 for a file and over a network, where that proves nothing."""


class Inbox:
    """One watched folder. `networked(st_dev)` says whether a device is a network file system."""

    def __init__(
        self,
        root: Path,
        ignore: tuple[str, ...] = (),
        file_limit: int = 20_000,
        pace: Pace | None = None,
        networked: Callable[[int], bool] = lambda device: False,
        must_be_mount: bool = False,
    ) -> None:
        self.root = root
        self._ignore = ignore
        self._file_limit = file_limit
        self._pace = pace or Pace()
        self._networked = networked
        self._must_be_mount = must_be_mount
        self._seen: dict[str, _Seen] = {}
        self._drops: tuple[Drop, ...] = ()
        self._partial: set[SeenFile] = set()
        """Of the drop that is looked at in this moment."""
        self._root_mark: tuple[int, int] = (0, 0)
        self._next_due = 0.0
        self._was_network = False
        self.troubles: tuple[SystemicError, ...] = ()
        """Entries the last look could not open: they wait, the others go on."""

    def create(self) -> bool:
        """Make the folder and its marker where neither exists yet. An existing folder is never marked by the box."""
        if self.root.exists():
            return False
        try:
            self.root.mkdir(parents=True)
            (self.root / MARKER).write_text(_MARKER_TEXT, "utf-8")
        except OSError as exc:
            raise from_os(exc, f"The inbox {self.root}") from exc
        return True

    def check(self) -> None:
        """Raises SystemicError share_gone when the marker is not there, or lies where nothing is mounted any more."""
        try:
            mode = (self.root / MARKER).lstat().st_mode
            device = self.root.stat().st_dev
        except FileNotFoundError as exc:
            raise SystemicError(
                Code.SHARE_GONE,
                f"The share {self.root} is not there: its marker {MARKER} is missing.",
                "Check the cable and the server; all goes on by itself once the share is back, and nothing is lost. "
                f"Mount the share. A new folder is made ready with: touch '{self.root / MARKER}'",
            ) from exc
        except OSError as exc:
            raise from_os(exc, f"The share {self.root}") from exc
        if not stat.S_ISREG(mode):
            raise SystemicError(Code.SHARE_GONE, f"{MARKER} on the share is not a file.", "Make it a plain file.")
        self._check_mount(device)

    def _check_mount(self, device: int) -> None:
        """A marker on the bare mount point does not count: neither where a mount is wanted nor where one was seen."""
        if self._must_be_mount and not os.path.ismount(self.root):
            raise SystemicError(
                Code.SHARE_GONE, f"Nothing is mounted at {self.root}, and inbox.mount is set.", "Mount the share."
            )
        network = self._networked(device)
        if self._was_network and not network:
            raise SystemicError(
                Code.SHARE_GONE, f"The network share at {self.root} is not mounted any more.", "Mount it again."
            )
        self._was_network = network

    @contextmanager
    def opened(self) -> Iterator[Path]:
        """The share held open: what is done below this path is done there, whatever is mounted or moved meanwhile.

        A check followed by a path would write onto the bare mount point when the share goes away in between.
        """
        self.check()
        try:
            held = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as exc:
            raise from_os(exc, f"The share {self.root}") from exc
        try:
            root = Path(f"/proc/self/fd/{held}")
            if not (root / MARKER).is_file():
                raise SystemicError(Code.SHARE_GONE, f"The share {self.root} went away.", "Mount the share.")
            yield root
        except OSError as exc:
            raise from_os(exc, f"The share {self.root}") from exc
        finally:
            os.close(held)

    def has(self, file: SeenFile) -> bool:
        """Whether this very file lies in the drop area."""
        try:
            found = (self.root / file.path).lstat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (file.size, file.mtime_ns)

    def is_being_written(self, drop: Drop) -> bool:
        """Whether a program of this machine (Samba, cp) holds one of its files open for writing.

        False where the system does not say: over a network, and for files of others without the right to ask.
        """
        return not drop.on_network and any(_is_held(self.root / seen.path) for seen in (*drop.study_files, *drop.partial))

    def look(self, now: datetime) -> tuple[Drop, ...]:
        """Every drop with all its files. Links, devices and ignored names are not seen."""
        self.check()
        moment = now.timestamp()
        try:
            if not self._is_unchanged(moment):
                self._look_again(moment, now)
        except OSError as exc:
            raise from_os(exc, f"The share {self.root}") from exc
        return self._drops

    def _is_unchanged(self, moment: float) -> bool:
        """Whether nothing can have come or gone and no entry is due: the cheapest of looks."""
        if not self._drops or moment >= self._next_due:
            return False
        found = self.root.stat()
        if self._networked(found.st_dev):
            return True  # within its pace; the folder's own time proves nothing over a network
        mark = (found.st_dev, found.st_mtime_ns)
        if mark != self._root_mark or moment * 1e9 - found.st_mtime_ns <= RACY_NS:
            return False
        return all(self._is_as_marked(name, seen) for name, seen in self._seen.items())

    def _is_as_marked(self, name: str, seen: _Seen) -> bool:
        """Whether nothing came or went directly in a folder: one question instead of one a file."""
        try:
            return not seen.folder_mark or os.lstat(f"{self.root}/{name}").st_mtime_ns == seen.folder_mark
        except OSError:
            return False

    def _look_again(self, moment: float, now: datetime) -> None:
        before = self.root.stat()
        troubles: list[SystemicError] = []
        fresh: dict[str, _Seen] = {}
        for entry in self._entries(self.root):
            known = self._seen.get(entry.name)
            if known is not None and known.looked <= moment < known.due and self._is_as_marked(entry.name, known):
                fresh[entry.name] = known
                continue
            try:
                mark = self._folder_mark(entry)
                drop = self._drop(entry, now)
            except OSError as exc:
                if exc.errno not in _NOT_ALLOWED:
                    raise
                troubles.append(from_os(exc, f"{printable(entry.name)} on the share"))
                continue
            if drop is not None:
                fresh[entry.name] = self._noted(drop, known, moment, mark)
        self._seen, self.troubles = fresh, tuple(troubles)
        self._drops = tuple(seen.drop for seen in fresh.values())
        self._root_mark = (before.st_dev, before.st_mtime_ns)
        soonest = min((seen.due for seen in fresh.values()), default=0.0)
        base = self._pace.base(self._networked(before.st_dev))
        self._next_due = min(soonest, moment + base * 0.9) if self._networked(before.st_dev) else soonest

    def _folder_mark(self, entry: os.DirEntry[str]) -> int:
        """Taken before its files are looked at, so that what comes meanwhile changes it."""
        try:
            found = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return 0
        return found.st_mtime_ns if stat.S_ISDIR(found.st_mode) and not self._networked(found.st_dev) else 0

    def _noted(self, drop: Drop, known: _Seen | None, moment: float, mark: int) -> _Seen:
        same = known is not None and known.drop.looks_like(drop) and known.since <= moment
        since = known.since if known is not None and same else moment
        base = self._pace.base(drop.on_network)
        still = moment - since
        wanted = still / (PATIENCE if still < TAKEN_IN_SECONDS else LATER_PATIENCE)
        pause = min(max(base, wanted), max(LONGEST_PAUSE, base))
        return _Seen(drop, moment, since, moment + pause - base / 10, mark)  # a loop that is a little early is not late

    def files_of(self, drop: Drop) -> list[tuple[Path, SeenFile]]:
        """What is to be copied of it: all but the word that it is complete."""
        return [(self.root / seen.path, seen) for seen in drop.study_files]

    def _drop(self, entry: os.DirEntry[str], now: datetime) -> Drop | None:
        """None for what is neither a folder nor a file, for links, and for what went away in this moment."""
        try:
            found_at = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not (stat.S_ISDIR(found_at.st_mode) or stat.S_ISREG(found_at.st_mode)):
            return None
        loose = stat.S_ISREG(found_at.st_mode) and not entry.name.casefold().endswith(ALONE)
        found: set[SeenFile] = set()
        self._partial.clear()
        walk = self._walk(entry, entry.name, MAX_DEPTH)
        try:
            for seen in islice(walk, self._file_limit + 1):
                if loose and seen.says_done:
                    return None  # beside studies it says nothing about any of them
                found.add(seen)
            if len(found) > self._file_limit:
                found.add(all_below(entry.name, len(found) + sum(1 for _ in walk)))  # so that it is seen to grow
        except _TooDeepError:
            found.add(all_below(entry.name, len(found) + 1))
        partial = frozenset(self._partial)
        return Drop(entry.name, frozenset(found), now, self._networked(found_at.st_dev), loose, partial)

    def _walk(self, entry: os.DirEntry[str], path: str, depth: int) -> Iterator[SeenFile]:
        try:
            if entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield SeenFile(path, found.st_size, found.st_mtime_ns)
            elif entry.is_dir(follow_symlinks=False):
                if not depth:
                    raise _TooDeepError
                for inner in self._entries(entry.path, self._partial):
                    yield from self._walk(inner, f"{path}/{inner.name}", depth - 1)
        except FileNotFoundError:
            return
        except OSError as exc:
            if exc.errno == errno.ENAMETOOLONG:
                raise _TooDeepError from exc
            raise

    def _entries(self, folder: str | Path, partial: set[SeenFile] | None = None) -> list[os.DirEntry[str]]:
        """What is looked at in it; half-copied files go to `partial`."""
        with os.scandir(folder) as found:
            entries = list(found)
        for entry in entries:
            if partial is not None and is_partial(entry.name) and entry.is_file(follow_symlinks=False):
                at = entry.stat(follow_symlinks=False)
                partial.add(SeenFile(os.path.relpath(entry.path, self.root), at.st_size, at.st_mtime_ns))
        return [entry for entry in entries if not is_ignored(entry.name, self._ignore)]


def _is_held(file: Path) -> bool:
    """A read lease (fcntl(2)) is refused with EAGAIN while anybody holds the file open for writing."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # ignored unless asked for; SIGIO would end the process
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as exc:
        return exc.errno == errno.EAGAIN
    finally:
        os.close(descriptor)  # the lease ends with it
    return False
