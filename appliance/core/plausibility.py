"""Is this picture what the reading takes it for? Checks that turn a doubtful place into `not_assessed`. Pure.

A grader answers whatever it is shown; these look before it is asked. They are set so that good studies pass, on the real
patients that the detector was trained on (`export/evaluation/thresholds.py`; `python -m export.evaluate refusals` measures
them on the others): a fault that is not gross passes too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from appliance.core import motion
from appliance.core.crops import nearest_to_discs, place_points
from appliance.core.geometry import Vector
from appliance.core.series_selection import Selection
from appliance.core.spine import LEVELS, Condition, Level, Region
from appliance.core.study import Series, Slice

Points = Mapping[Level, Vector]
"""Centre of each found disc, patient mm."""

SAC_HALF_WIDTH_MM = 4.0
T2_AT_LEAST, T1_AT_MOST = 0.5, 0.75
"""Of `sac_to_marrow`: at most 1 % of good pictures lie beyond."""
CLEARLY_BRIGHTER = 1.1
"""A sac so much brighter on T2 than on T1 of the same patient clears both; exchanged, no pair would."""

BLACK = 8
"""Of 255."""
VOID_SHARE = 0.4
"""Black in the middle half of a crop: twice the most of any good one."""

MOVED_AT_LEAST: Mapping[Region, float] = {Region.CANAL: 0.98, Region.FORAMINAL: 0.14}
"""Of `motion.is_beyond` for sagittal T2 and T1: at most 2 % of good pictures, as they are and as a second scanner would show
them, lie above."""


def doubtful_sequences(selection: Selection, points: Points) -> frozenset[Region]:
    """Regions whose sagittal series shows the sac as its sequence never would: a wrong header, or series mixed up."""
    t2 = _contrast(selection.sagittal_t2, points)
    t1 = _contrast(selection.sagittal_t1, points)
    if t1 is not None and t2 is not None and t2 >= CLEARLY_BRIGHTER * t1:
        return frozenset()
    doubtful = {Region.CANAL: t2 is not None and t2 < T2_AT_LEAST, Region.FORAMINAL: t1 is not None and t1 > T1_AT_MOST}
    return frozenset(region for region, is_so in doubtful.items() if is_so)


def _contrast(series: Series | None, points: Points) -> float | None:
    """`sac_to_marrow` on the slice nearest to the discs; None where it cannot be measured."""
    nearest = nearest_to_discs(series, points)[:1] if series is not None else []
    return sac_to_marrow(nearest[0], points) if nearest else None


def has_moved(series: Series, points: Points, region: Region) -> bool:
    """Whether a sagittal series is ghosted or blurred beyond good ones of its region. Axial ones are never looked at."""
    threshold = MOVED_AT_LEAST.get(region)
    return threshold is not None and motion.is_beyond(series, points, threshold)


def is_void(crops: NDArray[np.uint8]) -> bool:
    """Whether most of the slices are black where the place lies: metal, or nothing in the picture."""
    return black_share(crops) > VOID_SHARE


def black_share(crops: NDArray[np.uint8]) -> float:
    """How much of the middle half of the crops (n, size, size) is black, in the median of the slices."""
    quarter = crops.shape[-1] // 4
    middle = crops[:, quarter:-quarter, quarter:-quarter]
    return float(np.median((middle < BLACK).mean(axis=(1, 2))))


def sac_to_marrow(picture: Slice, points: Points) -> float:
    """Brightness along the middle of the sac over that of the vertebral bodies, between the found levels."""
    places = place_points(points)
    levels = [level for level in LEVELS if level in points]
    canal = [places[Condition.SPINAL_CANAL_STENOSIS, level] for level in levels]
    across = np.linspace(-SAC_HALF_WIDTH_MM, SAC_HALF_WIDTH_MM, 5)
    along = [a + t * (b - a) for a, b in pairwise(canal) for t in np.linspace(0.25, 0.75, 5)]
    sac = _around(picture, [point + np.array([0.0, dy, 0.0]) for point in along for dy in across])
    marrow = _around(picture, [(points[a] + points[b]) / 2 for a, b in pairwise(levels)])
    floor = float(np.percentile(picture.pixels, 1))
    return (median(sac) - floor) / max(median(marrow) - floor, 1e-6)


def _around(picture: Slice, points: Sequence[Vector]) -> list[float]:
    """Mean of a small square around each point."""
    assert picture.plane is not None
    columns, rows = (np.rint(v).astype(np.intp) for v in picture.plane.to_pixel(np.array(points)).T)
    last_row, last_column = (size - 2 for size in picture.pixels.shape)
    rows, columns = np.clip(rows, 1, last_row), np.clip(columns, 1, last_column)
    step = np.arange(-1, 2)
    squares = picture.pixels[rows[:, None, None] + step[:, None], columns[:, None, None] + step]
    means: list[float] = squares.mean(axis=(1, 2)).tolist()
    return means
