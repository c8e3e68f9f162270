"""A study's slices as files the page can show: intensities and geometry, nothing that names a patient.

`slices/index.json`, and for each slice one file of its intensities as unsigned 16-bit numbers: all low bytes, then all
high bytes, gzipped (a fifth smaller than the words themselves). `intensity = low + step * number`; whole numbers come
back exactly. The browser is sent the file as it lies here and windows it itself, so the box spends nothing on scrolling.
"""

from __future__ import annotations

import gzip
import json
import shutil
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core.crops import windows_of
from appliance.core.geometry import ImagePlane
from appliance.core.study import Series, Slice, Study
from appliance.errors import Code, from_os

FOLDER, INDEX = "slices", "index.json"
MOST = 65_535
FAST = 1
"""gzip's quickest: a tenth larger than its usual, a fifth of the time."""


def write_slices(study: Study, folder: Path) -> None:
    """Every series of the study below `folder`, the index last. Raises SystemicError."""
    target = folder / FOLDER
    try:
        target.mkdir(parents=True, exist_ok=True)
        series = [_write_series(one, number, target) for number, one in enumerate(study.series)]
        index = {"study_uid": study.study_uid, "study_date": study.study_date, "series": series}
        (target / INDEX).write_text(json.dumps(index), "utf-8")
    except OSError as exc:
        raise from_os(exc, "The folder of the reports", Code.FAULT) from exc


def read_index(folder: Path) -> dict[str, Any] | None:
    """What `write_slices` noted; None when the slices are not kept (any more)."""
    try:
        found = json.loads((folder / FOLDER / INDEX).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def read_slices(folder: Path) -> Study | None:
    """The study as it was read, as far as its pictures go; None when they are not kept or not whole."""
    index = read_index(folder)
    if index is None:
        return None
    try:
        series = tuple(_read_series(one, folder / FOLDER) for one in index["series"])
    except (OSError, EOFError, KeyError, TypeError, ValueError, zlib.error):
        return None
    return Study(index["study_uid"], series, study_date=index["study_date"])


def discard_slices(folder: Path) -> None:
    """The index first: without it there are no slices."""
    (folder / FOLDER / INDEX).unlink(missing_ok=True)
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def _write_series(series: Series, number: int, target: Path) -> dict[str, Any]:
    low, step = _scale(series.slices)
    window = next(iter(windows_of(series).values()))
    slices = []
    for position, one in enumerate(series.slices):
        name = f"{number:02d}_{position:04d}.gz"
        (target / name).write_bytes(_packed(one.pixels, low, step))
        rows, columns = one.pixels.shape
        place = asdict(one.plane) if one.plane is not None else None
        facts = {"file": name, "sop_uid": one.sop_uid, "frame": one.frame, "rows": rows, "columns": columns}
        slices.append({**facts, "plane": place})
    return {
        "series_uid": series.series_uid,
        "plane": series.plane.value if series.plane is not None else "",
        "low": low,
        "step": step,
        "window": [window.low, window.high],
        "slices": slices,
    }


def _scale(slices: Sequence[Slice]) -> tuple[float, float]:
    """One for the series. A step of 1 where the intensities are whole numbers that fit."""
    low = float(min(s.pixels.min() for s in slices))
    high = float(max(s.pixels.max() for s in slices))
    whole = all(np.array_equal(s.pixels, np.rint(s.pixels)) for s in slices)
    return low, 1.0 if whole and high - low <= MOST else max(high - low, 1e-6) / MOST


def _packed(pixels: NDArray[np.float32], low: float, step: float) -> bytes:
    numbers = np.clip(np.rint((pixels.astype(np.float64) - low) / step), 0, MOST).astype("<u2")
    halves = numbers.reshape(-1).view(np.uint8).reshape(-1, 2)
    return gzip.compress(halves.T.tobytes(), FAST, mtime=0)


def _read_series(index: dict[str, Any], folder: Path) -> Series:
    slices = tuple(_read_slice(one, index["low"], index["step"], folder) for one in index["slices"])
    return Series(index["series_uid"], slices)


def _read_slice(index: dict[str, Any], low: float, step: float, folder: Path) -> Slice:
    halves = np.frombuffer(gzip.decompress((folder / index["file"]).read_bytes()), np.uint8).reshape(2, -1)
    numbers = halves[0].astype(np.uint16) | halves[1].astype(np.uint16) << 8
    pixels = (low + step * numbers.astype(np.float64)).astype(np.float32).reshape(index["rows"], index["columns"])
    return Slice(index["sop_uid"], pixels, _plane(index["plane"]), index["frame"])


def _plane(index: dict[str, Any] | None) -> ImagePlane | None:
    if index is None:
        return None
    x, y, z = index["origin"]
    a, b, c = index["row_direction"]
    d, e, f = index["column_direction"]
    spacing, size = (index["row_spacing"], index["column_spacing"]), (index["rows"], index["columns"])
    return ImagePlane((x, y, z), (a, b, c), (d, e, f), *spacing, *size)
