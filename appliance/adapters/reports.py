"""Reports on the box's own disk: a folder a job, whole or absent."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from appliance.errors import Code, from_os

Card = Mapping[str, Any]
CARD = ".job.json"
"""Beside each report; it never leaves the box."""


class Reports:
    """Job ids are the box's own, so no path here holds anything a stranger wrote."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def folder(self, job_id: str) -> Path:
        return self._root / job_id

    def save(self, job_id: str, write: Callable[[Path], None], card: Card) -> None:
        """Written beside, synced, renamed. `card` is what a rebuilt ledger needs to know of it."""
        part = self._root / f"{job_id}.part"
        try:
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            write(part)
            (part / CARD).write_text(json.dumps(card), "utf-8")
            for file in part.iterdir():
                _sync(file)
            _sync(part)
            self.discard(job_id)
            part.rename(self.folder(job_id))
            _sync(self._root)
        except OSError as exc:
            raise from_os(exc, "The folder of the reports", Code.FAULT) from exc

    def load(self, job_id: str) -> dict[str, Any] | None:
        """report.json; None when there is none that can be read."""
        try:
            found = json.loads((self.folder(job_id) / "report.json").read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def cards(self) -> tuple[Card, ...]:
        """Of every report that lies here whole, oldest first."""
        found = []
        for path in sorted(self._root.glob(f"*/{CARD}"), key=lambda p: p.stat().st_mtime):
            try:
                card = json.loads(path.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(card, dict) and not path.parent.name.endswith(".part"):
                found.append(card)
        return tuple(found)

    def pictures(self, job_id: str) -> tuple[Path, ...]:
        """The marked pictures, in order of their names."""
        return tuple(sorted(self.folder(job_id).glob("*.png")))

    def discard(self, job_id: str) -> None:
        shutil.rmtree(self.folder(job_id), ignore_errors=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
