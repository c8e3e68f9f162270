"""Bags on disk and in memory: the crops of every place of every study, cut by the appliance's own `crops`.

A cached crop is `MARGIN` times as wide as what the grader sees, at the same millimetres per pixel, and more slices are
kept than it pools: augmentation turns, shifts and drops, and still never has to go back to the study.

    <cache>/<study>/<region>.npy     (slices, side, side) grey, uint8
    <cache>/<study>/<region>.json    the bags: which slices, which place, which grade
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.core.crops import REACH_MM, Place, cut, pick_slices, place_points, windows_of
from appliance.core.geometry import Vector
from appliance.core.models import GraderSpec
from appliance.core.spine import SEVERITIES, Condition, Level, Region
from appliance.core.study import Role, Series, Slice, Study
from export.datasets.sample import LabelledStudy

MARGIN = 1.5
KEEP_SLICES = 7
EXTRA_REACH_MM = 4.0
"""A shifted point may reach slices this much farther than the reading would."""

ROLES: Mapping[Region, tuple[Role, ...]] = {
    Region.CANAL: (Role.SAGITTAL_T2, Role.SAGITTAL_STIR),
    Region.FORAMINAL: (Role.SAGITTAL_T1,),
    Region.SUBARTICULAR: (Role.AXIAL_T2,),
}
"""Which series serve a region; the first role that the study has."""


@dataclass(frozen=True, slots=True)
class BagLabel:
    """One place of one study: slices `start` to `stop` of its array, and its grade."""

    study: str
    condition: Condition
    level: Level
    rank: int
    start: int
    stop: int
    offsets_mm: tuple[float, ...]
    """Signed distance of each slice's plane to the point."""
    measure: float | None = None
    """The measured length or area on a scale where 0 parts severe from moderate, 1 moderate from normal."""


@dataclass(frozen=True, slots=True, eq=False)
class BagSet:
    """Many bags over one array of pictures."""

    spec: GraderSpec
    pictures: NDArray[np.uint8]
    labels: tuple[BagLabel, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def ranks(self) -> NDArray[np.int64]:
        return np.array([b.rank for b in self.labels], dtype=np.int64)


def series_for(study: Study, roles: Mapping[str, Role], region: Region) -> tuple[Series, ...]:
    """The series that serve a region, by the data set's own roles."""
    for role in ROLES[region]:
        found = tuple(s for s in study.series if roles.get(s.series_uid) is role)
        if found:
            return found
    return ()


def wide(spec: GraderSpec) -> GraderSpec:
    """The cached crop of a grader: wider, with the same millimetres per pixel."""
    return replace(spec, size_px=round(spec.size_px * MARGIN), crop_mm=spec.crop_mm * MARGIN, slices=KEEP_SLICES)


def bags_of(
    labelled: LabelledStudy, study: Study, spec: GraderSpec, measures: Mapping[Place, float] | None = None
) -> BagSet:
    """All labelled places of one region of a study. Crops lie round `place_points`, as they will in the reading."""
    series = series_for(study, labelled.roles, spec.region)
    windows = windows_of(series)
    points = place_points({x.level: np.array(x.position_mm) for x in labelled.levels})
    pictures: list[NDArray[np.uint8]] = []
    labels: list[BagLabel] = []
    for place in labelled.places:
        point = points.get((place.condition, place.level))
        if place.severity is None or place.condition.region is not spec.region or point is None:
            continue
        slices = pick_slices(series, point, KEEP_SLICES, REACH_MM[spec.region] + EXTRA_REACH_MM)
        offsets = _offsets(slices, point)
        if not any(abs(o) <= REACH_MM[spec.region] for o in offsets):
            continue
        start = sum(len(p) for p in pictures)
        pictures.append(cut(slices, windows, point, wide(spec), place.condition.side).crops)
        measure = (measures or {}).get((place.condition, place.level))
        label = BagLabel(labelled.study_id, place.condition, place.level, place.severity.rank,
                         start, start + len(slices), offsets, measure)  # fmt: skip
        labels.append(label)
    return BagSet(spec, stacked(pictures, spec), tuple(labels))


def stacked(pictures: Sequence[NDArray[np.uint8]], spec: GraderSpec) -> NDArray[np.uint8]:
    """Many places' crops as one array, which may be empty."""
    side = wide(spec).size_px
    return np.concatenate(pictures) if pictures else np.zeros((0, side, side), dtype=np.uint8)


def joined(spec: GraderSpec, sets: Sequence[BagSet]) -> BagSet:
    """Several sets as one."""
    labels, count = [], 0
    for bags in sets:
        labels += [replace(b, start=b.start + count, stop=b.stop + count) for b in bags.labels]
        count += len(bags.pictures)
    return BagSet(spec, stacked([bags.pictures for bags in sets], spec), tuple(labels))


def _offsets(slices: Sequence[Slice], point_mm: Vector) -> tuple[float, ...]:
    return tuple(round(s.plane.distance(point_mm), 3) for s in slices if s.plane is not None)


def save_bags(folder: Path, bags: BagSet) -> None:
    """Write one region of one study; the JSON comes last and by rename, so a bag set without it does not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    name = bags.spec.region.value
    np.save(folder / f"{name}.npy", bags.pictures)
    spec = {**asdict(bags.spec), "region": name}
    text = json.dumps({"spec": spec, "bags": [asdict(b) for b in bags.labels]})
    temporary = folder / f"{name}.tmp"
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, folder / f"{name}.json")


def has_bags(folder: Path, spec: GraderSpec) -> bool:
    """Whether the folder holds this region, cut by the same spec."""
    path = folder / f"{spec.region.value}.json"
    if not path.exists():
        return False
    saved = json.loads(path.read_text(encoding="utf-8"))["spec"]
    return bool(saved["size_px"] == spec.size_px and saved["crop_mm"] == spec.crop_mm)


def load_bags(folders: Iterable[Path], spec: GraderSpec) -> BagSet:
    """All folders that hold this region, as one set."""
    name = spec.region.value
    sets = []
    for folder in sorted(f for f in folders if has_bags(f, spec)):
        raw = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["bags"]
        sets.append(BagSet(spec, np.load(folder / f"{name}.npy"), tuple(_label(b) for b in raw)))
    return joined(spec, sets)


def _label(raw: dict) -> BagLabel:  # type: ignore[type-arg]
    words = {"condition": Condition(raw["condition"]), "level": Level(raw["level"])}
    return BagLabel(**{**raw, **words, "offsets_mm": tuple(raw["offsets_mm"])})


def class_weights(ranks: NDArray[np.int64]) -> NDArray[np.float32]:
    """Inverse square root of the class counts, mean 1: rare grades count more, without drowning the rest."""
    counts = np.bincount(ranks, minlength=len(SEVERITIES)).clip(1)
    weights = 1 / np.sqrt(counts)
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def middle(pictures: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The part of a cached crop that the reading would have cut."""
    start = (pictures.shape[-1] - size) // 2
    return pictures[..., start : start + size, start : start + size]


def reading_slices(bag: BagLabel, spec: GraderSpec, shift_mm: float = 0.0) -> list[int]:
    """Indices of the slices the reading would pool, were the point `shift_mm` farther along the normal."""
    distance = np.abs(np.asarray(bag.offsets_mm) + shift_mm)
    order = np.argsort(distance, kind="stable")
    near = [int(i) for i in order if distance[i] <= REACH_MM[spec.region]][: spec.slices] or [int(order[0])]
    return sorted(bag.start + i for i in near)
