"""Models that need no weights, for tests and demonstrations: they see rectangles and brightness."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import PixelMm
from appliance.core.models import DetectedBox, Grade, GraderSpec, ModelIdentity
from appliance.core.spine import Region, Structure

WHITE = 250
"""Discs are drawn as rectangles at least this bright, one above the other."""


class FakeDetector:
    """Every run of rows with white in it is a disc; the lowest is the one on the sacrum."""

    def __init__(self, lumbosacral: bool = True) -> None:
        self._lumbosacral = lumbosacral
        self.pictures_seen = 0

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("fake-detector", "0", "0" * 64, "FP32")

    def detect(
        self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
    ) -> tuple[DetectedBox, ...]:
        self.pictures_seen += 1
        white = picture >= WHITE
        runs = _runs(np.asarray(white.any(axis=1)))
        boxes = [DetectedBox(Structure.DISC, self._box(white, *run), 0.9) for run in runs]
        if boxes and self._lumbosacral:
            boxes[-1] = DetectedBox(Structure.LUMBOSACRAL_DISC, boxes[-1].box_px, 0.9)
        return tuple(boxes)

    @staticmethod
    def _box(white: NDArray[np.bool_], first: int, last: int) -> tuple[float, float, float, float]:
        columns = np.flatnonzero(white[first:last].any(axis=0))
        return float(columns[0]), float(first), float(columns[-1]), float(last - 1)


class FakeGrader:
    """The darker the crop, the graver; the darkest slice decides."""

    def __init__(self, region: Region, size_px: int = 64, crop_mm: float = 60.0, slices: int = 5) -> None:
        self._spec = GraderSpec(region, size_px, crop_mm, slices)

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(f"fake-{self._spec.region}", "0", "1" * 64, "FP32")

    @property
    def spec(self) -> GraderSpec:
        return self._spec

    def grade(self, crops: NDArray[np.uint8]) -> Grade:
        brightness = crops.reshape(len(crops), -1).mean(axis=1) / 255
        weights = np.exp(-4 * brightness)
        attention = weights / weights.sum()
        gravity = 1 - float(attention @ brightness)
        triple = np.array([1 - gravity, gravity * (1 - gravity), gravity * gravity])
        normal, moderate, severe = (triple / triple.sum()).tolist()
        return Grade((normal, moderate, severe), tuple(attention.tolist()))


def fake_graders() -> dict[Region, FakeGrader]:
    return {region: FakeGrader(region) for region in Region}


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, one past last) of every run of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for i, (a, b) in enumerate(pairwise(edges)) if i % 2 == 0]
