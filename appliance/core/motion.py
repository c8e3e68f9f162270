"""Did the patient move while a sagittal series was measured? One number from the picture alone. Pure.

Lines of k-space measured at different places scramble the phases of the picture and leave its spectrum as it was, so no
spectrum, sharpness or noise level tells. What is lost is that contrast sits on few edges: ghosts spread every edge over
the whole picture, and local contrast becomes like noise in its distribution while it stays smooth, as noise is not.
Both are measured here: sparsity of the differences and correlation of neighbours, at 1 and 2 mm, along both directions
(the phase may be encoded along either). Grey values are ranked first, so that no contrast curve matters; contrast is
taken locally, so that no coil does (as in BRISQUE, Mittal et al. 2012); and pixels become millimetres.

The weights are a logistic regression's (`python -m export.evaluate motion --fit`), on drawn motion: real motion was not
at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice, product
from math import ceil
from statistics import median

import numpy as np
from numpy.typing import NDArray

from appliance.core.crops import look_alike, nearest_to_discs
from appliance.core.geometry import ImagePlane, Vector
from appliance.core.spine import Level
from appliance.core.study import Series, Slice

Grey = NDArray[np.float32]

HEIGHT_MM, WIDTH_MM, BEHIND_DISCS_MM = 192.0, 112.0, 12.0
"""The spine and what lies behind it; not the belly, whose breathing leaves ghosts in good pictures too."""
SMALLEST_MM = 60.0
"""Of less there is too little to judge by."""
SOFT_MM = 0.9
"""Finer than this is noise more than anatomy."""
NEAR_MM = 6.0
"""What contrast is compared with."""
REACH = 4.0
"""Where a Gaussian ends, in standard deviations."""
STEPS, LAGS = (1, 2), (1, 5)
SLICES = 3

WEIGHTS = (
    87.1, 36.94, 21.88, 2.22, 1.61, 46.19, 14.51, -33.56, -129.38, 43.62, 15.75, -53.2, -3.11, 35.49, -0.02, -26.78,
)  # fmt: skip
BIAS = 48.83


def is_beyond(series: Series, points: Mapping[Level, Vector], threshold: float) -> bool:
    """Whether the median score of the slices nearest to the discs lies above; never where there is too little to see.

    `points`: disc centres in patient mm. Where two slices agree the third could not turn the median, and is not looked at.
    """
    coming = scores(series, points)
    known = list(islice(coming, 2))
    if len({score > threshold for score in known}) > 1:
        known += coming
    return bool(known) and median(known) > threshold


def scores(series: Series, points: Mapping[Level, Vector]) -> Iterator[float]:
    """Of the slices nearest to the discs, the nearest first; rising with motion."""
    for one in nearest_to_discs(series, points)[:SLICES]:
        grey = region(one, points)
        if min(grey.shape) >= SMALLEST_MM:
            yield BIAS + float(np.dot(WEIGHTS, statistics(grey)))


def region(picture: Slice, points: Mapping[Level, Vector]) -> Grey:
    """(rows, columns) of 1 mm, the head above and the back on the right: the spine as far as the picture holds it."""
    assert picture.plane is not None
    plane = picture.plane
    discs = np.array(list(points.values()))
    center = (discs.min(axis=0) + discs.max(axis=0)) / 2 + [0.0, BEHIND_DISCS_MM, 0.0]
    half = np.array([0.0, WIDTH_MM / 2, HEIGHT_MM / 2])
    corners = plane.to_pixel(np.array([center - half, center + half]))
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    columns = _millimetres(x0, x1, plane.columns, plane.column_spacing)
    rows = _millimetres(y0, y1, plane.rows, plane.row_spacing)
    return _sampled(picture.pixels, plane, rows, columns)


def _millimetres(first: float, last: float, count: int, spacing: float) -> NDArray[np.floating]:
    """Every millimetre between two pixels, as far as there are pixels."""
    low, high = max(first, 0.0), min(last, count - 1.0)
    return np.arange(low * spacing, max(high, low) * spacing)


def _sampled(
    pixels: NDArray[np.floating], plane: ImagePlane, rows: NDArray[np.floating], columns: NDArray[np.floating]
) -> Grey:
    """Softened, at these rows and columns (mm from the first pixel)."""
    down = _softened(pixels.astype(np.float32, copy=False), rows / plane.row_spacing, SOFT_MM / plane.row_spacing)
    across = _softened(down.T, columns / plane.column_spacing, SOFT_MM / plane.column_spacing)
    return look_alike(across.T, plane)


def statistics(grey: Grey) -> NDArray[np.float32]:
    """(16,): for each step, direction and lag the correlation of neighbours and the sparsity of their differences."""
    ranked = _ranked(grey)
    found: list[float] = []
    for step in STEPS:
        contrast = _local_contrast(ranked if step == 1 else _every(ranked, step), NEAR_MM / step)
        power = float((contrast * contrast).mean()) + 1e-9
        for turned, lag in product((contrast, contrast.T), LAGS):
            found += _of_neighbours(turned[lag:], turned[:-lag], power)
    return np.array(found, dtype=np.float32)


def _of_neighbours(a: Grey, b: Grey, power: float) -> tuple[float, float]:
    change = a - b
    size = float(np.sqrt((change * change).mean())) + 1e-9
    return float((a * b).mean()) / power, float(np.log(np.abs(change).mean() / size + 1e-9))


def _ranked(grey: Grey) -> Grey:
    """Grey values replaced by their rank, 0 to 1."""
    ranks = np.empty(grey.size, dtype=np.float32)
    ranks[_rising(grey)] = np.linspace(0, 1, grey.size, dtype=np.float32)
    return ranks.reshape(grey.shape)


def _rising(grey: Grey) -> NDArray[np.intp]:
    """A stable `argsort`: floats from 0 up order as their bits do, and 16 bits at a time are counted, not compared."""
    bits = (grey - grey.min()).ravel().view(np.uint32)
    fine = np.argsort(bits.astype(np.uint16), kind="stable")
    return np.asarray(fine[np.argsort((bits >> 16).astype(np.uint16)[fine], kind="stable")])


def _every(grey: Grey, step: int) -> Grey:
    """Every `step`-th pixel of the softened picture."""
    down = _softened(grey, np.arange(0, grey.shape[0], step), SOFT_MM * step)
    return _softened(down.T, np.arange(0, grey.shape[1], step), SOFT_MM * step).T


def _local_contrast(grey: Grey, sigma: float) -> Grey:
    """Above or below its surroundings, in their standard deviations."""
    mean, square = _around(np.stack([grey, grey * grey], axis=1), sigma).swapaxes(0, 1)
    variance = square - mean * mean
    return np.asarray((grey - mean) / (np.sqrt(np.maximum(variance, 0)) + np.float32(0.02)))


def _around(pictures: Grey, sigma: float) -> Grey:
    """The surroundings' mean in (rows, pictures, columns)."""
    return _blurred(_blurred(pictures, sigma).swapaxes(0, 2), sigma).swapaxes(0, 2)


def _blurred(pictures: Grey, sigma: float) -> Grey:
    """`_softened` at the rows themselves, to the last bit: each tap one product of whole blocks, nothing copied.

    Rows, and whatever they hold: (rows, …, …).
    """
    grey = np.ascontiguousarray(pictures)
    count, reach = len(grey), min(ceil(REACH * sigma), len(grey) - 1)
    total, product, weights = np.zeros_like(grey), np.empty_like(grey), np.zeros((count, 1, 1), np.float32)
    taps = np.arange(-reach, reach + 1)
    for tap, weight in zip(taps.tolist(), np.exp(-0.5 * (taps / sigma) ** 2).astype(np.float32), strict=True):
        inside = slice(max(0, -tap), count - max(0, tap))
        total[inside] += np.multiply(grey[max(0, tap) : count + min(0, tap)], weight, out=product[inside])
        weights[inside] += weight
    total /= weights
    return total


def _softened(grey: Grey, at: NDArray[np.number], sigma: float) -> Grey:
    """Rows at places between the rows of `grey`: the mean round each under a Gaussian, as far as there are rows.

    Summed tap by tap: as a product of matrices it would wake all threads of the linear algebra for a millisecond's work.
    """
    grey = np.ascontiguousarray(grey)
    nearest = np.round(at).astype(np.intp)
    total = np.zeros((len(at), grey.shape[1]), np.float32)
    weights = np.zeros(len(at), np.float32)
    for tap in range(-ceil(REACH * sigma), ceil(REACH * sigma) + 1):
        row = nearest + tap
        weight = np.exp(-0.5 * ((row - at) / sigma) ** 2) * ((row >= 0) & (row < len(grey)))
        total += weight.astype(np.float32)[:, None] * grey[np.clip(row, 0, len(grey) - 1)]
        weights += weight.astype(np.float32)
    return total / weights[:, None]
