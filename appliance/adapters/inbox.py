"""The drop area of the share: who may look, and what is there. It changes nothing but its own marker.

`.lumbarbox-inbox` tells a mounted share from the empty folder it is mounted on. Without it the share is gone, never
empty: nothing is taken for deleted and nothing is read twice when it comes back.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from appliance.core.drops import Drop, SeenFile, is_ignored
from appliance.errors import Code, SystemicError, from_os

MARKER = ".lumbarbox-inbox"
_MARKER_TEXT = "Lumbarbox watches this folder. Drop studies here; leave this file where it is.\n"
MAX_DEPTH = 32


class Inbox:
    """Polling is the mechanism: events do not fire on SMB or NFS."""

    def __init__(self, root: Path, ignore: tuple[str, ...] = (), file_limit: int = 20_000) -> None:
        self.root = root
        self._ignore = ignore
        self._file_limit = file_limit

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
        """Raises SystemicError share_gone when the marker is not there."""
        try:
            mode = (self.root / MARKER).lstat().st_mode
        except OSError as exc:
            raise SystemicError(
                Code.SHARE_GONE,
                f"The share {self.root} is not there: its marker {MARKER} is missing.",
                f"Mount the share. A new folder is made ready with: touch '{self.root / MARKER}'",
            ) from exc
        if not stat.S_ISREG(mode):
            raise SystemicError(Code.SHARE_GONE, f"{MARKER} on the share is not a file.", "Make it a plain file.")

    def look(self) -> tuple[Drop, ...]:
        """Every drop with all its files. Links, devices and ignored names are not seen."""
        self.check()
        try:
            return tuple(self._drop(entry) for entry in self._entries(self.root) if not entry.is_symlink())
        except OSError as exc:
            raise from_os(exc, f"The share {self.root}") from exc

    def files_of(self, drop: Drop) -> list[tuple[Path, SeenFile]]:
        return [(self.root / seen.path, seen) for seen in sorted(drop.files, key=lambda f: f.path)]

    def _drop(self, entry: os.DirEntry[str]) -> Drop:
        found: set[SeenFile] = set()
        for seen in self._walk(entry, entry.name, MAX_DEPTH):
            found.add(seen)
            if len(found) > self._file_limit:
                break
        return Drop(entry.name, frozenset(found))

    def _walk(self, entry: os.DirEntry[str], path: str, depth: int) -> Iterator[SeenFile]:
        try:
            if entry.is_file(follow_symlinks=False):
                found = entry.stat(follow_symlinks=False)
                yield SeenFile(path, found.st_size, found.st_mtime_ns)
            elif entry.is_dir(follow_symlinks=False) and depth:
                for inner in self._entries(entry.path):
                    yield from self._walk(inner, f"{path}/{inner.name}", depth - 1)
        except FileNotFoundError:
            return

    def _entries(self, folder: str | Path) -> list[os.DirEntry[str]]:
        with os.scandir(folder) as found:
            return [entry for entry in found if not is_ignored(entry.name, self._ignore)]
