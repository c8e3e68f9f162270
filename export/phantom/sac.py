"""The cross-section of the dural sac and of the two recesses at one place along the canal: exact areas and depths.

Canal coordinates in mm: u to the left, y to the back from the canal's axis. Each quarter of the sac is a superellipse
|u/a|^n + |y/b|^n <= 1, of area a*b*K(n). Moving each column by k*(|u|/a)^3 bends the corners and keeps the area.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gamma

from export.phantom.layout import WALL_TO_AXIS

FRONT_EXPONENT, BACK_EXPONENT = 2.5, 1.75  # flat against the disc, triangular towards the arch [G]
GAP = 0.6  # mm between sac and disc: dura and posterior longitudinal ligament
LARGEST_DEPTH = 14.5  # mm, front to back; the bony canal is 15-16 deep


def quarter(exponent: float) -> float:
    """Area of a quarter of the unit superellipse."""
    return gamma(1 + 1 / exponent) ** 2 / gamma(1 + 2 / exponent)


@dataclass(frozen=True, slots=True)
class Section:
    """One cross-section: half widths left and right, depth before and behind the axis, bends, recesses. mm."""

    left: float
    right: float
    front: float
    back: float
    bend_left: float
    bend_right: float
    back_wall: float
    recess_left: float
    recess_right: float
    at_left: float
    at_right: float

    @property
    def area(self) -> float:
        """Area of the sac, mm2."""
        depth = self.front * quarter(FRONT_EXPONENT) + self.back * quarter(BACK_EXPONENT)
        return (self.left + self.right) * depth

    @property
    def front_wall(self) -> float:
        """y of the disc's (or body's) posterior margin."""
        return -self.front - GAP


def section(area: float, left: float, right: float, width: float, share: float, fat: float) -> Section:
    """The section with a sac of exactly `area` mm2 and recesses exactly `left`, `right` mm deep.

    `width` is the roomy sac's width, `share` how much of its depth lies before the axis, `fat` the pad behind it.
    """
    half = width / 2 * min(max((area / 170) ** 0.3, 0.5), 1.12)
    halves = [half * (0.74 + 0.26 * min(1.0, d / 4.5)) for d in (left, right)]
    kf, kb = quarter(FRONT_EXPONENT), quarter(BACK_EXPONENT)
    depth = area / (sum(halves) * (share * kf + (1 - share) * kb))
    if depth > LARGEST_DEPTH:
        halves = [h * depth / LARGEST_DEPTH for h in halves]
        depth = LARGEST_DEPTH
    front = min(share * depth, WALL_TO_AXIS - GAP)
    back = (area / sum(halves) - front * kf) / kb
    places = [max(h + 2.0, 8.0) for h in halves]
    bends = [_bend(front, d) for d in (left, right)]
    return Section(*halves, front, back, *bends, back + fat, left, right, *places)


def _bend(front: float, recess: float) -> float:
    """How far forward a lateral corner lies, mm: level with the middle of its recess, yet never through the front wall.

    With exponents 2.5 and 3 the bent front stays behind `front + GAP` while the bend is below 0.72 of `front`.
    """
    return min(max(front + GAP - 0.5 * max(recess, 1.2), 0.0), 0.72 * front)
