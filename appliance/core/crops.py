"""From disc centres to what a grader sees: the point of each of the 25 places, its slices, its crops.

Training and reading call these same functions. Pure: numbers in, numbers out. Everything here is about where
things lie; what grey they have is `preprocessing`'s.

A crop always looks the same, however the scanner stored the picture: sagittal with the patient's back on the
right and the feet below, axial with the patient's left on the right and the back below. A right subarticular
crop is then mirrored, so that one grader serves both sides: a mirrored left is a right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import ImagePlane, Plane, Vector
from appliance.core.models import Box, GraderSpec
from appliance.core.preprocessing import Window, crop_mm, mirror, window_of
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Region, Side
from appliance.core.study import Series, Slice

Grey = TypeVar("Grey", bound=np.generic)
Place = tuple[Condition, Level]
Windows = Mapping[tuple[str, int], Window]
"""(SOP Instance UID, frame) to the grey window of the series it belongs to."""

# --- where the places lie, seen from the centre of their disc (mm) ----
DISC_HALF_DEPTH_MM = 17.0
"""Half of a disc's depth, 30-33 mm [lumbar-mri.md, disc table], of a body's 31-36 with its rims."""
CANAL_BEHIND_WALL_MM = 8.5
"""Middle of the dural sac behind the posterior wall; the bony canal is 15-16 mm deep [lumbar-mri.md]. In
SPIDER's masks (28 patients) its middle lies 0.76-0.79 disc spacings behind the disc's, 26-27 mm."""
FORAMEN_BEHIND_WALL_MM = 2.0
FORAMEN_ABOVE_DISC_MM = 8.0
"""The foramen lies behind the lower third of the upper body and the disc under it."""
RECESS_BEHIND_WALL_MM = 4.5
RECESS_LATERAL_MM = 9.0
"""The recess is the front corner of the sac: half of the canal's 22-28 mm width less the root."""
FORAMEN_LATERAL_MM: Mapping[Level, float] = dict(zip(LEVELS, (14.9, 15.7, 16.7, 17.8, 18.9), strict=True))
"""Distance of the foramina from the midline [lumbar-mri.md]."""

TYPICAL_TILT_DEGREES: Mapping[Level, float] = dict(zip(LEVELS, (-17.0, -11.0, -3.0, 9.0, 28.0), strict=True))
"""How far the spine's axis (towards the head) leans to the front at each disc of a lying patient."""

REACH_MM: Mapping[Region, float] = {Region.CANAL: 10.0, Region.FORAMINAL: 10.0, Region.SUBARTICULAR: 5.0}
"""How far a slice's plane may pass from the point. Axial [lumbar-mri.md]; sagittal: five slices of 4 mm."""

# Directions (patient mm, LPS) along which columns and rows of a normalised crop grow.
_LOOK: Mapping[Plane, tuple[Vector, Vector]] = {
    Plane.SAGITTAL: (np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0])),
    Plane.AXIAL: (np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])),
    Plane.CORONAL: (np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0])),
}


@dataclass(frozen=True, slots=True, eq=False)
class Bag:
    """What a grader gets for one place. `crops` (n, size, size), `slices` and `boxes_px` go together."""

    crops: NDArray[np.uint8]
    slices: tuple[Slice, ...]
    boxes_px: tuple[Box, ...]
    """The crop's square in each slice's own pixels, clipped to the picture."""

    def __post_init__(self) -> None:
        if not len(self.crops) == len(self.slices) == len(self.boxes_px) > 0:
            raise ValueError("a bag holds one crop, one slice and one box for each of its pictures")
        self.crops.setflags(write=False)


def place_points(levels: Mapping[Level, Vector | Sequence[float]]) -> dict[Place, Vector]:
    """Disc centres in patient mm to the points of their five places each; only for the levels given.

    The spine's axis at a disc comes from its neighbours, completed by the typical lordosis at the ends of the
    row and where a single level is known. Back is perpendicular to the axis, left perpendicular to both.
    """
    centres = {level: np.asarray(levels[level], dtype=np.float64) for level in LEVELS if level in levels}
    points: dict[Place, Vector] = {}
    for level, (left, back, head) in spine_axes(centres).items():
        for condition in CONDITIONS:
            lateral, behind, above = place_offset(condition, level)
            points[condition, level] = centres[level] + lateral * left + behind * back + above * head
    return points


def place_offset(condition: Condition, level: Level) -> tuple[float, float, float]:
    """mm to the left, to the back and to the head from the disc's centre."""
    sign = {Side.LEFT: 1.0, Side.RIGHT: -1.0, None: 0.0}[condition.side]
    match condition.region:
        case Region.CANAL:
            return 0.0, DISC_HALF_DEPTH_MM + CANAL_BEHIND_WALL_MM, 0.0
        case Region.FORAMINAL:
            behind = DISC_HALF_DEPTH_MM + FORAMEN_BEHIND_WALL_MM
            return sign * FORAMEN_LATERAL_MM[level], behind, FORAMEN_ABOVE_DISC_MM
        case Region.SUBARTICULAR:
            return sign * RECESS_LATERAL_MM, DISC_HALF_DEPTH_MM + RECESS_BEHIND_WALL_MM, 0.0


def spine_axes(centres: Mapping[Level, Vector]) -> dict[Level, tuple[Vector, Vector, Vector]]:
    """Unit vectors to the left, the back and the head, in the spine's own direction, at each disc."""
    known = [level for level in LEVELS if level in centres]
    at, forward, sideways = _chord_angles([(LEVELS.index(k), centres[k]) for k in known])
    axes = {}
    for level in known:
        index = LEVELS.index(level)
        tilt = TYPICAL_TILT_DEGREES[level] + (float(np.interp(index, at, forward)) if at else 0.0)
        bend = float(np.interp(index, at, sideways)) if at else 0.0
        axes[level] = _axes(np.radians(tilt), np.radians(bend))
    return axes


def pick_slices(
    series: Series | Iterable[Series], point_mm: Vector, count: int, max_distance_mm: float
) -> tuple[Slice, ...]:
    """The `count` slices whose planes pass nearest to the point and whose picture holds it, along the normal.

    Several series are pooled. Slices without a position are passed over.
    """
    placed = [(s.plane, s) for one in _as_tuple(series) for s in one.slices if s.plane is not None]
    passing = [(plane.distance(point_mm), plane, s) for plane, s in placed]
    holding = [(d, s) for d, plane, s in passing if abs(d) <= max_distance_mm and plane.contains(point_mm)]
    near = sorted(holding, key=lambda d: abs(d[0]))[:count]
    return tuple(s for _, s in sorted(near, key=lambda d: -d[0]))


def nearest_to_discs(series: Series, points: Mapping[Level, Vector]) -> list[Slice]:
    """Every slice with a position, by its distance from the middle of the disc centres (patient mm).

    None where fewer than two discs are known: they would not tell where the spine lies.
    """
    placed = [(s.plane, s) for s in series.slices if s.plane is not None]
    if len(points) < 2:
        return []
    middle = np.mean(list(points.values()), axis=0)
    return [s for _, s in sorted(placed, key=lambda one: abs(one[0].distance(middle)))]


def windows_of(series: Series | Iterable[Series]) -> dict[tuple[str, int], Window]:
    """One grey window for each series UID, over all of its stacks, given to each of its slices."""
    stacks: dict[str, list[Slice]] = {}
    for one in _as_tuple(series):
        stacks.setdefault(one.series_uid, []).extend(one.slices)
    windows = {uid: window_of(*(s.pixels for s in slices)) for uid, slices in stacks.items()}
    return {(s.sop_uid, s.frame): windows[uid] for uid, slices in stacks.items() for s in slices}


def cut(
    slices: Sequence[Slice], windows: Windows, point_mm: Vector, spec: GraderSpec, side: Side | None = None
) -> Bag:
    """Square crops of `spec.crop_mm` around the point's foot on each slice, in the normalised look.

    The right side is mirrored where the picture shows left and right (axial slices).
    """
    crops = [_crop(s, windows[s.sop_uid, s.frame], point_mm, spec, side) for s in slices]
    boxes = tuple(crop_box(s, point_mm, spec.crop_mm) for s in slices)
    return Bag(np.stack(crops), tuple(slices), boxes)


def cut_place(
    series: Series | Iterable[Series],
    windows: Windows,
    condition: Condition,
    point_mm: Vector,
    spec: GraderSpec,
) -> Bag | None:
    """The bag of one place, from the series that serve its region; None where no slice passes through it."""
    slices = pick_slices(series, point_mm, spec.slices, REACH_MM[condition.region])
    return cut(slices, windows, point_mm, spec, condition.side) if slices else None


def crop_box(picture: Slice, point_mm: Vector, size_mm: float) -> Box:
    """The crop's square in the slice's own pixels, clipped to the picture."""
    plane = _plane_of(picture)
    x, y = plane.to_pixel(point_mm).tolist()
    half_x, half_y = size_mm / 2 / plane.column_spacing, size_mm / 2 / plane.row_spacing
    last_x, last_y = plane.columns - 1.0, plane.rows - 1.0
    return (
        min(max(x - half_x, 0.0), last_x), min(max(y - half_y, 0.0), last_y),
        min(max(x + half_x, 0.0), last_x), min(max(y + half_y, 0.0), last_y),
    )  # fmt: skip


def look_alike(crop: NDArray[Grey], plane: ImagePlane) -> NDArray[Grey]:
    """Turn a crop in the picture's own directions into the normalised look by transposing and flipping it."""
    across, down = np.asarray(plane.row_direction), np.asarray(plane.column_direction)
    right, below = _LOOK[_nearest_plane(plane)]
    if abs(across @ right) + abs(down @ below) < abs(across @ below) + abs(down @ right):
        crop, across, down = crop.T, down, across
    if across @ right < 0:
        crop = crop[:, ::-1]
    if down @ below < 0:
        crop = crop[::-1]
    return np.ascontiguousarray(crop)


def _crop(
    picture: Slice, window: Window, point_mm: Vector, spec: GraderSpec, side: Side | None
) -> NDArray[np.uint8]:
    plane = _plane_of(picture)
    x, y = plane.to_pixel(point_mm)
    above_black = picture.pixels - np.float32(window.low)  # so that "outside the picture is 0" means black
    square = crop_mm(above_black, plane, (float(x), float(y)), spec.crop_mm, spec.size_px)
    crop = look_alike(Window(0.0, window.high - window.low).apply(square), plane)
    return mirror(crop) if side is Side.RIGHT and _nearest_plane(plane) is not Plane.SAGITTAL else crop


def _chord_angles(row: Sequence[tuple[int, Vector]]) -> tuple[list[float], list[float], list[float]]:
    """Between neighbouring known discs: middle (levels), degrees beyond typical, degrees leftwards."""
    typical = [TYPICAL_TILT_DEGREES[level] for level in LEVELS]
    at, forward, sideways = [], [], []
    for (i, upper), (j, lower) in pairwise(row):
        x, y, z = upper - lower
        middle = (i + j) / 2
        at.append(middle)
        forward.append(float(np.degrees(np.arctan2(-y, z)) - np.interp(middle, range(len(LEVELS)), typical)))
        sideways.append(float(np.degrees(np.arctan2(x, np.hypot(y, z)))))
    return at, forward, sideways


def _axes(tilt: float, bend: float) -> tuple[Vector, Vector, Vector]:
    """Left, back, head for an axis leaning to the front by `tilt` and to the left by `bend` (radians)."""
    head = np.array([np.sin(bend), -np.cos(bend) * np.sin(tilt), np.cos(bend) * np.cos(tilt)])
    back = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    (bx, by, bz), (hx, hy, hz) = back, head
    return np.array([by * hz - bz * hy, bz * hx - bx * hz, bx * hy - by * hx]), back, head


def _nearest_plane(plane: ImagePlane) -> Plane:
    """Sagittal, coronal or axial, whichever is nearest: an oblique picture still has a look."""
    return (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)[int(np.abs(plane.normal).argmax())]


def _plane_of(picture: Slice) -> ImagePlane:
    if picture.plane is None:
        raise ValueError("a slice without a position has no crop in millimetres")
    return picture.plane


def _as_tuple(series: Series | Iterable[Series]) -> tuple[Series, ...]:
    return (series,) if isinstance(series, Series) else tuple(series)
