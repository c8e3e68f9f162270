"""What the reading asks of a model: two narrow protocols, and the facts that travel with the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import PixelMm
from appliance.core.spine import SEVERITIES, Region, Severity, Structure

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in a picture's own pixels."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights spoke."""

    name: str
    version: str
    sha256: str
    """Of model.xml followed by model.bin."""
    precision: str
    """`INT8` or `FP32`."""


@dataclass(frozen=True, slots=True)
class DetectedBox:
    """One box of the detector, in the picture's own pixels."""

    structure: Structure
    box_px: Box
    score: float

    @property
    def center_px(self) -> tuple[float, float]:
        x0, y0, x1, y1 = self.box_px
        return (x0 + x1) / 2, (y0 + y1) / 2


@dataclass(frozen=True, slots=True)
class GraderSpec:
    """How the grader's crops are cut; read back from the IR's `rt_info`."""

    region: Region
    size_px: int
    crop_mm: float
    slices: int
    """Most slices of one place it was trained to pool."""


@dataclass(frozen=True, slots=True)
class Vote:
    """What one of two graders said by itself."""

    model: str
    """The name in its identity."""
    probabilities: tuple[float, float, float]

    @property
    def severity(self) -> Severity:
        """The most probable; on a tie the graver one."""
        return graver_of_likeliest(self.probabilities)


def graver_of_likeliest(probabilities: tuple[float, float, float]) -> Severity:
    """Equal means equal in the six digits that are written down."""
    return max(SEVERITIES, key=lambda s: (round(probabilities[s.rank], 6), s.rank))


@dataclass(frozen=True, slots=True)
class Grade:
    """A grader's answer for one place, or the answer of two."""

    probabilities: tuple[float, float, float]
    """normal_mild, moderate, severe; sums to 1."""
    attention: tuple[float, ...]
    """One weight a slice, summing to 1; the largest names the slice that decided."""
    votes: tuple[Vote, ...] = ()
    """Each one's own, where two graders were asked; the one with the better record first."""


class Detector(Protocol):
    """Finds structures in pictures."""

    @property
    def identity(self) -> ModelIdentity: ...

    def detect(
        self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
    ) -> tuple[DetectedBox, ...]:
        """Boxes by falling score, after NMS.

        `picture` is (rows, columns) grey. A sagittal one is read at the scale the weights ask for, where `pixel_mm` is
        known; an axial one (`fill`) as large as can be: what lies on it is small.
        """
        ...


class Grader(Protocol):
    """Grades one place from several slices."""

    @property
    def identity(self) -> ModelIdentity: ...

    @property
    def spec(self) -> GraderSpec: ...

    def grade(self, crops: NDArray[np.uint8]) -> Grade:
        """(n, size_px, size_px) grey crops of one place, in slice order; n from 1 to `spec.slices`."""
        ...
