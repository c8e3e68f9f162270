"""Where the five levels are: the detector on the middle sagittal slices, the naming, the points in mm. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np

from appliance.core.crops import Windows, pick_slices, place_points, windows_of
from appliance.core.disc_chain import DiscCandidate, candidates_from
from appliance.core.geometry import ImagePlane, Vector
from appliance.core.models import Box, DetectedBox, Detector
from appliance.core.numbering import UNCLEAR, NumberedDisc, Numbering, name_levels
from appliance.core.preprocessing import Window
from appliance.core.report import LocatedLevel
from appliance.core.series_selection import slices_around
from appliance.core.spine import LEVELS, Condition, Level, Structure
from appliance.core.study import Series, Slice

SLICES_LOOKED_AT = 5
"""Around the middle of the sagittal series: the best slice differs by level in one study of five."""

FEWEST_DISCS = 2
"""Fewer on every middle sagittal slice, and this is no lumbar spine."""

AXIAL_REACH_MM = 5.0
BELIEVABLE_SHIFT_MM = 15.0
"""A canal found further than this from where the sagittal images put it is another thing."""
OUTLIER_MM = 5.0
"""A level that would move this much otherwise than the spine does was seen wrongly: even scoliosis bends softly."""

Tick = Callable[[], None]


@dataclass(frozen=True, slots=True, eq=False)
class Localisation:
    """The named levels and the point of each disc's centre in patient millimetres."""

    numbering: Numbering
    points: Mapping[Level, Vector]
    located: tuple[LocatedLevel, ...]
    discs_seen: int
    """Most discs on any one slice, named or not."""
    in_patient: bool = True
    """False where the millimetres are only estimated and lie nowhere in a patient."""

    @property
    def named(self) -> bool:
        """Without the sacrum no level has a name; with weak signs of it they have one, and `uncertain` says so."""
        return bool(self.points)

    @property
    def settled(self) -> bool:
        """Another sequence would not name them better: what is still uncertain is the spine's doing."""
        return self.named and UNCLEAR.isdisjoint(self.numbering.warnings)


def localise(series: Series, detector: Detector, tick: Tick = lambda: None) -> Localisation:
    """Look at the middle slices of one sagittal series."""
    middle = slices_around(series, len(series.slices) // 2, SLICES_LOOKED_AT)
    slices = [series.slices[i] for i in middle]
    windows = windows_of(series)
    boxes: list[tuple[DetectedBox, ...]] = []
    for picture in slices:
        boxes.append(look(picture, windows[picture.sop_uid, picture.frame], detector))
        tick()
    return localise_boxes(slices, boxes)


def localise_boxes(slices: Sequence[Slice], boxes: Sequence[Sequence[DetectedBox]]) -> Localisation:
    """The levels from what the detector saw on each of the slices."""
    candidates: list[DiscCandidate] = []
    for source, (picture, seen) in enumerate(zip(slices, boxes, strict=True)):
        candidates.extend(candidates_from(seen, source, _sagittal_frame(_plane(picture)), picture.pixels.shape[0]))
    numbering = name_levels(candidates)
    points = {disc.level: _point(disc, slices) for disc in numbering.levels}
    located = tuple(_located(disc, slices, points[disc.level]) for disc in numbering.levels)
    return Localisation(numbering, points, located, max(Counter(c.source for c in candidates).values(), default=0))


def look(picture: Slice, window: Window, detector: Detector, fill: bool = False) -> tuple[DetectedBox, ...]:
    """One run of the detector on one slice; `fill` for an axial one."""
    plane = picture.plane
    return detector.detect(window.apply(picture.pixels), plane.pixel_mm if plane is not None else None, fill)


def refine_by_canal(
    found: Localisation, axial: Sequence[Series], detector: Detector, tick: Tick = lambda: None
) -> Localisation:
    """Move each level sideways to where the nearest axial slices show the canal.

    Sagittal slices are 4 mm apart and show a disc alike across its width; on axial slices the canal is a mark. Levels
    without a believable one follow their neighbours.
    """
    windows, places = windows_of(axial), place_points(found.points)
    shifts: dict[Level, float] = {}
    for level in found.points:
        shift = _seen_shift(places[Condition.SPINAL_CANAL_STENOSIS, level], axial, windows, detector)
        if shift is not None:
            shifts[level] = shift
        tick()
    points = {level: found.points[level] + by for level, by in _agreed(shifts, found.points).items()}
    located = tuple(replace(level, position_mm=rounded(points[level.level])) for level in found.located)
    return replace(found, points=points, located=located)


def _seen_shift(expected: Vector, axial: Sequence[Series], windows: Windows, detector: Detector) -> float | None:
    """What the slice nearest to the expected canal says; None where no slice passes through it."""
    nearest = pick_slices(axial, expected, 1, AXIAL_REACH_MM)
    if not nearest:
        return None
    boxes = look(nearest[0], windows[nearest[0].sop_uid, nearest[0].frame], detector, fill=True)
    return _shift(boxes, _plane(nearest[0]), expected)


def _shift(boxes: Sequence[DetectedBox], plane: ImagePlane, expected: Vector) -> float | None:
    """mm to the left from the expected to the seen canal; None where none is seen, or one too far to be it."""
    canals = [b for b in boxes if b.structure is Structure.SPINAL_CANAL]
    if not canals:
        return None
    seen = plane.to_patient(max(canals, key=lambda b: b.score).center_px)
    away = seen - plane.to_patient(plane.to_pixel(expected))
    return float(away[0]) if float(np.linalg.norm(away)) <= BELIEVABLE_SHIFT_MM else None


def _agreed(shifts: Mapping[Level, float], levels: Iterable[Level]) -> dict[Level, Vector]:
    """A shift for every level: outliers dropped, gaps filled along the row, nothing where nothing is known."""
    middle = median(shifts.values()) if shifts else 0.0
    known = [lvl for lvl in LEVELS if lvl in shifts and abs(shifts[lvl] - middle) <= OUTLIER_MM]
    at = [LEVELS.index(level) for level in known] or [0]
    by = [shifts[level] for level in known] or [0.0]
    return {level: np.array([np.interp(LEVELS.index(level), at, by), 0.0, 0.0]) for level in levels}


def _sagittal_frame(plane: ImagePlane) -> Callable[[tuple[float, float]], tuple[float, float]]:
    """Pixel to (towards the back, towards the feet) in millimetres: the same for every sagittal slice."""

    def to_frame(point_px: tuple[float, float]) -> tuple[float, float]:
        _, back, head = plane.to_patient(point_px)
        return float(back), -float(head)

    return to_frame


def _point(disc: NumberedDisc, slices: Sequence[Slice]) -> Vector:
    """Mean over the slices that show the disc, by score."""
    seen = np.array([_plane(slices[c.source]).to_patient(box_center(c.box)) for c in disc.candidates])
    weights = np.array([max(c.score, 1e-6) for c in disc.candidates])
    return np.asarray(weights @ seen / weights.sum())


def _located(disc: NumberedDisc, slices: Sequence[Slice], point: Vector) -> LocatedLevel:
    best = disc.candidates[0]
    picture = slices[best.source]
    return LocatedLevel(
        level=disc.level,
        sop_uid=picture.sop_uid,
        center_px=box_center(best.box),
        box_px=best.box,
        position_mm=rounded(point),
        score=disc.score,
        frame=picture.frame,
    )


def rounded(point: Vector) -> tuple[float, float, float]:
    """Hundredths of a millimetre, without a minus zero."""
    x, y, z = (round(float(v), 2) + 0.0 for v in point)
    return x, y, z


def box_center(box: Box) -> tuple[float, float]:
    x0, y0, x1, y1 = box
    return (x0 + x1) / 2, (y0 + y1) / 2


def _plane(picture: Slice) -> ImagePlane:
    if picture.plane is None:
        raise ValueError("levels are localised on slices that say where they lie")
    return picture.plane
