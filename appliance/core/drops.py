"""What lies in the drop area, when it stands still, and what is never looked at. Pure: the clock is an argument."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import translate
from functools import lru_cache

from appliance.core.printable import printable

PARTIAL = ("*.part", "*.partial", "*.tmp", "*.temp", "*.crdownload", "*.download", "*.filepart", ".*.??????")
"""What programs call a file until it is whole, the last rsync: while it grows, its folder still arrives."""

IGNORED = (
    *PARTIAL,
    ".*",
    "_*",
    "~*",
    "*.lnk",
    "why.txt",
    "read before.txt",
    "superseded.txt",
    "thumbs.db",
    "ehthumbs.db",
    "desktop.ini",
    "autorun.inf",
    "@eadir",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "recycler",
    "system volume information",
    "lost+found",
    "network trash folder",
    "temporary items",
)
"""Matched without regard to case, at every depth: what systems, copying programs and this box itself leave about."""

DONE_NAMES = frozenset({"done", "done.txt"})
"""A file of this name in a dropped folder says: this is all of it. Never read itself."""

ALONE = (".zip", ".png", ".jpg", ".jpeg")
"""A loose file of these is a drop of its own; all other loose files are taken in together."""

MAX_DEPTH = 32
"""Folders in folders."""

LOOSE = "/"
"""The name of what lies loose in the drop area and still arrives: no entry can be called so."""

LONGEST_NAME = 200
"""Bytes; a file system takes 255, and the box adds numbers and endings."""

HELD_PATIENCE_SECONDS = 120.0
"""A file that somebody holds open for writing is still being copied, however long it stands still: a stalled line. Beyond
this it is taken in all the same: a server may hold open for hours what a computer left that was switched off."""

EMPTY_PATIENCE_SECONDS = 600.0
"""A folder that stays empty this long was left behind; before, someone is about to fill it."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """One file of a drop: its path inside the drop area, and what tells that it changed."""

    path: str
    size: int
    mtime_ns: int

    @property
    def says_done(self) -> bool:
        return self.size >= 0 and self.path.rsplit("/", 1)[-1].casefold() in DONE_NAMES

    @property
    def is_all_of_it(self) -> bool:
        """It stands for all that lies below this entry; see `all_below`."""
        return self.size < 0


def all_below(entry: str, seen: int) -> SeenFile:
    """In place of files too many or too deep to be listed, of which `seen` were counted: the entry is refused whole."""
    return SeenFile(entry, -seen, 0)


@dataclass(frozen=True, slots=True)
class Drop:
    """What one job is made of: a folder, an archive, a picture, or the loose files of one moment."""

    name: str
    """Of its entry, as it is called in the drop area."""
    files: frozenset[SeenFile]
    looked_at: datetime | None = None
    """When the share was really looked at: on a network it is done less often."""
    on_network: bool = False
    loose: bool = False
    partial: frozenset[SeenFile] = frozenset()
    """Files in it that are still called half-copied: not of the study, but they tell that more comes."""

    def looks_like(self, other: Drop) -> bool:
        """Whether nothing came, went or grew."""
        return self.files == other.files and self.partial == other.partial

    @property
    def bytes(self) -> int:
        return sum(f.size for f in self.files if not f.is_all_of_it)

    @property
    def entry(self) -> str:
        """The entries it is made of, `/` between."""
        return "/".join(sorted(f.path for f in self.files)) if self.loose else self.name

    @property
    def title(self) -> str:
        """What people see."""
        if not self.loose:
            return printable(self.name)
        first = printable(min((f.path for f in self.files), default=""))
        return f"{first} and {len(self.files) - 1} more" if len(self.files) > 1 else first

    @property
    def says_done(self) -> bool:
        return any(f.says_done for f in self.files)

    @property
    def is_cut(self) -> bool:
        """There is more in it than its files say."""
        return any(f.is_all_of_it for f in self.files)

    @property
    def study_files(self) -> tuple[SeenFile, ...]:
        """All but the word that it is complete, in order."""
        return tuple(sorted((f for f in self.files if not f.says_done), key=lambda f: f.path))

    def without(self, files: frozenset[SeenFile]) -> Drop:
        """What of it is not among `files`."""
        return replace(self, files=self.files - files)


@dataclass(frozen=True, slots=True)
class _Watch:
    drop: Drop
    looks: int
    since: datetime


class Settling:
    """Remembers each drop between looks. The same path is walked at start-up as later: nothing settles at first sight."""

    def __init__(self, looks: int, quiet_seconds: float, network_quiet_seconds: float | None = None) -> None:
        self._looks = looks
        self._quiet = quiet_seconds
        self._network_quiet = quiet_seconds if network_quiet_seconds is None else network_quiet_seconds
        self._watched: dict[str, _Watch] = {}

    def look(self, drops: Iterable[Drop], now: datetime) -> tuple[Drop, ...]:
        """Note what is there now; returns what has stood still long enough."""
        self._watched = {drop.name: self._next(drop, now) for drop in drops}
        return tuple(w.drop for w in self._watched.values() if self._settled(w, now))

    def is_changing(self, name: str) -> bool:
        """Whether the last look differed from the one before."""
        return name in self._watched and self._watched[name].looks == 1

    def still_for(self, name: str, now: datetime) -> float:
        """Seconds since a drop changed last."""
        return (now - self._watched[name].since).total_seconds()

    def forget(self, name: str) -> None:
        """Start over with a drop that changed under the copy."""
        self._watched.pop(name, None)

    def _next(self, drop: Drop, now: datetime) -> _Watch:
        before = self._watched.get(drop.name)
        if before is None or not before.drop.looks_like(drop) or now < before.since:
            return _Watch(drop, 1, now)
        looked_again = drop.looked_at is None or drop.looked_at != before.drop.looked_at
        return _Watch(drop, before.looks + looked_again, before.since)

    def _settled(self, watch: _Watch, now: datetime) -> bool:
        quiet = self._network_quiet if watch.drop.on_network else self._quiet
        wanted = quiet if watch.drop.files else EMPTY_PATIENCE_SECONDS
        return watch.looks >= self._looks and (now - watch.since).total_seconds() >= wanted


def together(drops: Iterable[Drop], most_files: int) -> tuple[Drop, ...]:
    """Loose files that settled in the same moment become one drop (several, where they are too many for one)."""
    loose: list[Drop] = []
    apart: list[Drop] = []
    for drop in drops:
        (loose if drop.loose else apart).append(drop)
    loose.sort(key=lambda d: d.name)
    for start in range(0, len(loose), most_files):
        some = loose[start : start + most_files]
        files = frozenset(f for drop in some for f in drop.files)
        apart.append(replace(some[0], name=LOOSE, files=files))
    return tuple(apart)


@lru_cache(maxsize=16)
def _pattern(extra: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(translate(pattern.casefold()) for pattern in (*IGNORED, *extra)))


_PARTIAL = re.compile("|".join(map(translate, PARTIAL)))


def is_partial(name: str) -> bool:
    """Whether a program calls a file so while it is not whole yet."""
    return _PARTIAL.match(name.casefold()) is not None


@lru_cache(maxsize=50_000)
def is_ignored(name: str, extra: tuple[str, ...] = ()) -> bool:
    """Whether a file or folder of this name is never looked at."""
    return _pattern(extra).match(name.casefold()) is not None


def plain_name(text: str, fallback: str = "study") -> str:
    """A person's words as one harmless path component: no separators or leading dot, at most 80 characters, not too long."""
    cleaned = re.sub(r"[^\w .,()+-]", "_", text).strip(" .")[:80].strip(" .")
    short = cleaned.encode()[:LONGEST_NAME].decode(errors="ignore").strip(" .")
    return fallback if not short.strip("_") or is_ignored(short) else short
