"""Compilation settings for the renderer, and a cache that can not go stale.

Numba's own cache notices a change only in the file of the function it compiles, not in the files that function calls.
So the cache folder is named after a hash of all kernel sources. Set LUMBARBOX_PHANTOM_CACHE to choose where it lies.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba


def _cache_folder() -> Path:
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for source in sorted([*here.glob("kernel*.py"), here / "layout.py"]):
        digest.update(source.read_bytes())
    home = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    base = Path(os.environ.get("LUMBARBOX_PHANTOM_CACHE", f"{home}/lumbarbox-phantom"))
    return base / f"{digest.hexdigest()[:16]}-numba{numba.__version__}"


numba.config.CACHE_DIR = str(_cache_folder())  # read when a function is decorated


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """`numba.njit`, cached on disk, one thread, fast maths."""
    return numba.njit(cache=True, fastmath=True, error_model="numpy", nogil=True)(function)
