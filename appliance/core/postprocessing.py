"""From the detector's raw numbers to boxes in the picture's own pixels. Pure NumPy; thresholds come from the weights.

`disc` and `lumbosacral_disc` compete for the same place, and naming the levels needs the score of both. So these two
are suppressed as one group, and a place that both speak for is given twice: the same box once under each name, each
with its own score. All other structures are suppressed each for itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core.models import DetectedBox
from appliance.core.preprocessing import Letterbox
from appliance.core.spine import STRUCTURES, Structure

Floats = NDArray[np.float64]

COMPETING: tuple[tuple[Structure, ...], ...] = (
    (Structure.DISC, Structure.LUMBOSACRAL_DISC),
    (Structure.SPINAL_CANAL,),
    (Structure.NEURAL_FORAMEN,),
    (Structure.SUBARTICULAR_RECESS,),
)
"""Structures that are one place under different names share a group."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What belongs to the weights: read back from the IR's `rt_info`."""

    score: float = 0.15
    """A place is kept when its best name scores at least this."""
    rival: float = 0.02
    """At a kept place, other names of the group are given from this score on."""
    overlap: float = 0.45
    """Boxes of one group that overlap more than this (intersection over union) are one place."""
    limit: int = 100
    """Most places of one group."""

    def __post_init__(self) -> None:
        if not (0 < self.rival <= self.score < 1 and 0 < self.overlap < 1 and self.limit > 0):
            raise ValueError(f"thresholds out of order: {self}")


def decode(
    raw: NDArray[np.floating], letterbox: Letterbox, thresholds: Thresholds | None = None
) -> tuple[DetectedBox, ...]:
    """Raw YOLOv8 output of one picture to boxes by falling score.

    `raw` is (4 + classes, anchors) or with a leading 1: x, y, width, height in the square's pixels, then one score
    from 0 to 1 for each of `STRUCTURES`.
    """
    limits = thresholds or Thresholds()
    table = np.asarray(raw, dtype=np.float64)
    table = table[0] if table.ndim == 3 else table
    if table.ndim != 2 or table.shape[0] != 4 + len(STRUCTURES):
        raise ValueError(f"expected {4 + len(STRUCTURES)} rows of raw output, not shape {np.shape(raw)}")
    found = [box for group in COMPETING for box in _decode_group(table, group, letterbox, limits)]
    return tuple(sorted(found, key=lambda box: -box.score))


def suppress(boxes: Floats, scores: Floats, overlap: float) -> list[NDArray[np.intp]]:
    """Greedy non-maximum suppression: for every place, its members' indices, the best one first."""
    places: list[NDArray[np.intp]] = []
    order = np.argsort(-scores, kind="stable")
    while order.size:
        same = _iou(boxes[order[0]], boxes[order]) > overlap
        same[0] = True
        places.append(order[same])
        order = order[~same]
    return places


def _decode_group(
    table: Floats, group: tuple[Structure, ...], letterbox: Letterbox, limits: Thresholds
) -> list[DetectedBox]:
    scores = table[[4 + STRUCTURES.index(s) for s in group]]
    # A NaN never passes the comparison, so a sick anchor is dropped here.
    candidates = np.flatnonzero(scores.max(axis=0) >= limits.score)
    candidates = candidates[np.isfinite(table[:4, candidates]).all(axis=0)]
    if not candidates.size:
        return []
    scores = scores[:, candidates]
    square = _corners(table[:4, candidates])
    places = suppress(square, scores.max(axis=0), limits.overlap)[: limits.limit]
    pixels = letterbox.to_image(square)
    return [box for place in places for box in _names(group, pixels[place[0]], scores[:, place].max(axis=1), limits)]


def _names(group: tuple[Structure, ...], box: Floats, scores: Floats, limits: Thresholds) -> list[DetectedBox]:
    x0, y0, x1, y1 = (float(v) for v in box)
    return [
        DetectedBox(structure, (x0, y0, x1, y1), min(float(score), 1.0))
        for structure, score in zip(group, scores, strict=True)
        if score >= limits.rival
    ]


def _corners(xywh: Floats) -> Floats:
    """(4, n) centre and sides to (n, 4) corners."""
    center, half = xywh[:2].T, xywh[2:].T / 2
    return np.concatenate([center - half, center + half], axis=1)


def _iou(one: Floats, others: Floats) -> Floats:
    width = np.minimum(one[2], others[:, 2]) - np.maximum(one[0], others[:, 0])
    height = np.minimum(one[3], others[:, 3]) - np.maximum(one[1], others[:, 1])
    inter = width.clip(0) * height.clip(0)
    area = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    union = (one[2] - one[0]) * (one[3] - one[1]) + area - inter
    return np.asarray(inter / np.maximum(union, 1e-9))
