"""The keeper: slices kept for the page's viewer go when they are old, or the oldest when the disk runs low.

Reports, marked pictures and originals are not its business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path

EVERY = timedelta(minutes=10)
Folders = Callable[[], Iterable[tuple[Path, datetime]]]


class Keeper:
    """`folders` oldest first; `has` and `discard` are those of the slices of one folder."""

    name = "keeper"

    def __init__(
        self,
        folders: Folders,
        has: Callable[[Path], bool],
        discard: Callable[[Path], None],
        is_low: Callable[[], bool],
        keep_for: timedelta,
    ) -> None:
        self._folders, self._has, self._discard = folders, has, discard
        self._is_low, self._keep_for = is_low, keep_for
        self._next: datetime | None = None

    def step(self, now: datetime) -> bool:
        """Never asks to be called again at once."""
        if self._next is not None and now < self._next:
            return False
        self._next = now + EVERY
        for folder, written in self._folders():
            if not self._has(folder):
                continue
            if now - written <= self._keep_for and not self._is_low():
                break
            self._discard(folder)
        return False

    def fault(self, exc: Exception, now: datetime) -> None:
        """It tries again at its next round; the disk's own alarm tells of a disk that fills."""
