"""Pictures that do not say where they lie: a PNG, a JPEG, a secondary capture. Pure.

The detector says which view it is; on a sagittal one the levels are named and millimetres estimated from the distance
of the discs. What cannot be known is refused: the side always, the canal where the picture does not look like T2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import numpy as np

from appliance.core.crops import windows_of
from appliance.core.geometry import ImagePlane, Plane, Vector
from appliance.core.localisation import FEWEST_DISCS, Localisation, localise_boxes, look
from appliance.core.models import DetectedBox, Detector
from appliance.core.plan import Plan
from appliance.core.plausibility import has_moved, sac_to_marrow
from appliance.core.report import Reason, SeriesUse
from appliance.core.series_selection import Weighting, weighting
from appliance.core.spine import LEVELS, Level, Region, Structure
from appliance.core.study import Role, Series, Slice, Study

DISC_DISTANCE_MM = 36.0
"""Between the centres of neighbouring lumbar discs: a body of 28 and a disc of 8 to 11 mm."""
MOST_PICTURES = 20
BRIGHTER_THAN_MARROW = 0.8
"""The sac against the vertebral bodies. 147 real pictures: T2 median 1.4 (5 %: 0.7), T1 0.4 (95 %: 0.75)."""

BANNER = (
    "Read from a picture without positions: the side cannot be known, millimetres are estimated from the distance of "
    "the discs, and the numbering rests on this one picture. The front of the body is taken to be on the left."
)
AXIAL_BANNER = "This is an axial picture without positions: neither its level nor its sides can be known."

_SAGITTAL = frozenset({Structure.DISC, Structure.LUMBOSACRAL_DISC})


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    """One picture and what the detector saw on it."""

    series: Series
    picture: Slice
    boxes: tuple[DetectedBox, ...]

    @property
    def discs(self) -> float:
        return sum(b.score for b in self.boxes if b.structure in _SAGITTAL)

    @property
    def others(self) -> float:
        return sum(b.score for b in self.boxes if b.structure not in _SAGITTAL)

    @property
    def view(self) -> Plane | None:
        if not self.boxes:
            return None
        return Plane.SAGITTAL if self.discs > self.others else Plane.AXIAL


def is_unplaced(study: Study) -> bool:
    """No picture of the study says where it lies."""
    return all(series.plane is None for series in study.series)


def plan_pictures(study: Study, detector: Detector) -> Plan | None:
    """From the picture that shows most of a spine; None when none shows any."""
    pictures = [(series, s) for series in study.series for s in series.slices][:MOST_PICTURES]
    seen = [_Look(series, s, look(s, windows_of(series)[s.sop_uid, s.frame], detector)) for series, s in pictures]
    best = max(seen, key=lambda one: (one.view is Plane.SAGITTAL, one.discs + one.others))
    if best.view is None:
        return None
    uses = tuple(_use(one, one is best) for one in seen)
    return _sagittal_plan(best, uses) if best.view is Plane.SAGITTAL else _axial_plan(uses)


def _axial_plan(uses: tuple[SeriesUse, ...]) -> Plan:
    refused = {
        Region.CANAL: Reason.NO_SAGITTAL_T2,
        Region.FORAMINAL: Reason.NO_SAGITTAL_T1,
        Region.SUBARTICULAR: Reason.NO_POSITION,
    }
    return Plan(None, refused, uses, (AXIAL_BANNER,))


def _sagittal_plan(seen: _Look, uses: tuple[SeriesUse, ...]) -> Plan | None:
    """Localised twice: in pixels to learn the scale, then in millimetres."""
    rough = localise_boxes(_placed(seen, 1.0).slices, [seen.boxes])
    if rough.discs_seen < FEWEST_DISCS:
        return None
    if len(rough.points) < FEWEST_DISCS:
        return _unnamed_plan(rough, uses)
    series = _placed(seen, DISC_DISTANCE_MM / disc_distance(rough.points))
    found = _without_positions(localise_boxes(series.slices, [seen.boxes]))
    canal: tuple[Series, ...] | Reason = (series,)
    if not _is_t2(series, found):
        canal = Reason.SEQUENCE_UNKNOWN
    elif has_moved(series, found.points, Region.CANAL):
        canal = Reason.MOTION
    regions = {Region.CANAL: canal, Region.FORAMINAL: Reason.SIDE_UNKNOWN, Region.SUBARTICULAR: Reason.NO_AXIAL_T2}
    return Plan(found, regions, uses, (BANNER, *found.numbering.warnings))


def _unnamed_plan(found: Localisation, uses: tuple[SeriesUse, ...]) -> Plan:
    """Discs, but no sign of the sacrum: they have no names, and nothing gives the scale."""
    refused = {
        Region.CANAL: Reason.NUMBERING_UNCERTAIN,
        Region.FORAMINAL: Reason.SIDE_UNKNOWN,
        Region.SUBARTICULAR: Reason.NO_AXIAL_T2,
    }
    return Plan(_without_positions(found), refused, uses, (BANNER, *found.numbering.warnings))


def disc_distance(points: Mapping[Level, Vector]) -> float:
    """Median distance of neighbouring levels; a missing one counts as two steps."""
    known = [(LEVELS.index(level), points[level]) for level in LEVELS if level in points]
    return median(float(np.linalg.norm(b - a)) / (j - i) for (i, a), (j, b) in pairwise(known))


def _placed(seen: _Look, spacing: float) -> Series:
    """The picture as if it lay in the midline, front to the left, `spacing` mm a pixel."""
    rows, columns = seen.picture.pixels.shape
    plane = ImagePlane((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), spacing, spacing, rows, columns)
    return replace(seen.series, slices=(replace(seen.picture, plane=plane),))


def _without_positions(found: Localisation) -> Localisation:
    located = tuple(replace(level, position_mm=None) for level in found.located)
    return replace(found, located=located, in_patient=False)


def _is_t2(series: Series, found: Localisation) -> bool:
    """By the header where it speaks, else by whether the sac is bright."""
    said, _ = weighting(series.contrast)
    if said is not Weighting.UNKNOWN:
        return said in (Weighting.T2, Weighting.STIR)
    return sac_to_marrow(series.slices[0], found.points) >= BRIGHTER_THAN_MARROW


def _use(one: _Look, best: bool) -> SeriesUse:
    view = str(one.view) if one.view is not None else "no spine"
    why = f"does not say where it lies; looks {view} to the detector" + ("" if best else "; not used")
    role = Role.SAGITTAL_T2 if best and one.view is Plane.SAGITTAL else Role.UNUSED
    return SeriesUse(one.series.series_uid, role, view if one.view is not None else "", 1, why)
