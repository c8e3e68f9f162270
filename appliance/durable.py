"""On the disk, not only on its way there. Below the adapters, of which several hand files over through a folder."""

from __future__ import annotations

import os
from pathlib import Path


def sync(path: Path) -> None:
    """A file's content, or which names a folder holds, survives a power cut from here on. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
