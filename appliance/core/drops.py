"""What lies in the drop area, when it is complete, and what is never looked at. Pure: the clock is an argument."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

IGNORED = (
    ".*",
    "_*",
    "~*",
    "*.part",
    "*.tmp",
    "*.crdownload",
    "*.filepart",
    "why.txt",
    "thumbs.db",
    "desktop.ini",
    "@eadir",
    "#recycle",
    "$recycle.bin",
    "system volume information",
    "lost+found",
)
"""Matched without regard to case, at every depth."""

EMPTY_PATIENCE_SECONDS = 600.0
"""A folder that stays empty this long was left behind; before, someone is about to fill it."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """One file of a drop: its path inside the drop area, and what tells that it changed."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Drop:
    """A top-level entry of the drop area: a folder, an archive or a single file."""

    name: str
    files: frozenset[SeenFile]

    @property
    def bytes(self) -> int:
        return sum(f.size for f in self.files)


@dataclass(frozen=True, slots=True)
class _Watch:
    drop: Drop
    looks: int
    since: datetime


class Settling:
    """Remembers each drop between looks. The same path is walked at start-up as later: nothing settles at first sight."""

    def __init__(self, looks: int, quiet_seconds: float) -> None:
        self._looks = looks
        self._quiet = quiet_seconds
        self._watched: dict[str, _Watch] = {}

    def look(self, drops: Iterable[Drop], now: datetime) -> tuple[Drop, ...]:
        """Note what is there now; returns what has stood still long enough."""
        self._watched = {drop.name: self._next(drop, now) for drop in drops}
        return tuple(w.drop for w in self._watched.values() if self._settled(w, now))

    def is_changing(self, name: str) -> bool:
        """Whether the last look differed from the one before."""
        return name in self._watched and self._watched[name].looks == 1

    def forget(self, name: str) -> None:
        """Start over with a drop that changed under the copy."""
        self._watched.pop(name, None)

    def _next(self, drop: Drop, now: datetime) -> _Watch:
        before = self._watched.get(drop.name)
        if before is None or before.drop != drop or now < before.since:
            return _Watch(drop, 1, now)
        return _Watch(drop, before.looks + 1, before.since)

    def _settled(self, watch: _Watch, now: datetime) -> bool:
        wanted = self._quiet if watch.drop.files else EMPTY_PATIENCE_SECONDS
        return watch.looks >= self._looks and (now - watch.since).total_seconds() >= wanted


def is_ignored(name: str, extra: tuple[str, ...] = ()) -> bool:
    """Whether a file or folder of this name is never looked at."""
    folded = name.casefold()
    return any(fnmatchcase(folded, pattern.casefold()) for pattern in (*IGNORED, *extra))


def plain_name(text: str, fallback: str = "study") -> str:
    """A person's words as one harmless path component: no separators, no leading dot, at most 80 characters."""
    cleaned = re.sub(r"[^\w .,()+-]", "_", text).strip(" .")[:80].strip(" .")
    return fallback if not cleaned.strip("_") or is_ignored(cleaned) else cleaned
