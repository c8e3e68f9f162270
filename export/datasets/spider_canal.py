"""Real canals with a measured depth: SPIDER's masked T2 SPACE stacks, cut as the reading would cut them.

SPACE slices are 0.9 mm thin; a clinic's sagittal T2 is 3 to 5 mm. Four neighbours are averaged to one slice of 3.6 mm,
so that a grader meets the slices it was trained for. The masks show the dural sac. Its depth is the shortest
antero-posterior chord at the disc, in the median of the five thin slices nearest to the sac's middle at that level
(spines with a scoliosis leave the stack's midline; a level whose sac leaves the stack is left out).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from appliance.core.crops import REACH_MM, cut, pick_slices, place_points, spine_axes, windows_of
from appliance.core.geometry import ImagePlane, Vector
from appliance.core.models import GraderSpec
from appliance.core.spine import CONDITIONS, Level, Region
from appliance.core.study import Series, Slice
from export.datasets import spider
from export.grader.data import EXTRA_REACH_MM, KEEP_SLICES, BagLabel, BagSet, joined, stacked, wide

SPACING_MM, THIN_MM, TOGETHER = 0.46875, 0.9, 4
"""In plane; from slice to slice; thin slices in a thick one (index.csv of spider_midsagittal)."""
ABSOLUTE_MM, RELATIVE_MM = 10.0, 13.0
"""Depth under which a canal is absolutely and relatively narrow [lumbar-mri.md]."""
CANAL = 3
EDGE_SLICES = 3
"""A sac whose middle is nearer than this to the stack's end is cut off."""
_NEAR_MM = (-4.0, -2.0, 0.0, 2.0, 4.0)
_TURNS = np.radians([-15.0, -10.0, -5.0, 0.0, 5.0, 10.0, 15.0])
_STEP_MM = 0.1
_CANAL_CONDITION = next(c for c in CONDITIONS if c.region is Region.CANAL)


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """One patient: thin slices from one side to the other, their masks, and where the discs are (mm, LPS)."""

    patient: str
    pictures: NDArray[np.float32]
    masks: NDArray[np.uint8]
    numbers: tuple[int, ...]
    discs: Mapping[Level, Vector]

    @property
    def middle(self) -> float:
        """Number of the slice nearest to the midline over the whole spine, where the sac's mask is largest."""
        return _centre((self.masks == CANAL).sum(axis=(1, 2)), self.numbers)


def _centre(size: NDArray[np.number], numbers: Sequence[int]) -> float:
    """Number in the middle of what is at least half as large as the largest."""
    return float(np.average(numbers, weights=np.where(size >= size.max() / 2, size, 0)))


def stacks(folder: Path, held_out_only: bool = True) -> Iterator[Stack]:
    """Every patient of `spider_t2_space`, or those held out of all training."""
    by_patient: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for row in spider._rows(folder / "index.csv"):
        by_patient[row["patient"]].append((int(row["slice"]), row["image"], row["mask"]))
    for patient, rows in sorted(by_patient.items()):
        if spider.held_out(patient) or not held_out_only:
            yield _stack(folder, patient, sorted(rows))


def _stack(folder: Path, patient: str, rows: Sequence[tuple[int, str, str]]) -> Stack:
    masks = [np.asarray(Image.open(folder / "masks" / mask)) for _, _, mask in rows]
    pictures = [np.asarray(Image.open(folder / "images" / name).convert("L"), dtype=np.float32) for _, name, _ in rows]
    named = {d.level: d for d in spider.consensus(masks) if d.level is not None}
    discs = {k: np.array([0.0, d.column * SPACING_MM, -d.row * SPACING_MM]) for k, d in named.items()}
    numbers = tuple(n for n, _, _ in rows)
    stack = Stack(patient, np.stack(pictures), np.stack(masks), numbers, discs)
    middles = {level: middle_at(stack, level) for level in discs}
    placed = {k: discs[k] + [THIN_MM * (stack.middle if m is None else m), 0.0, 0.0] for k, m in middles.items()}
    return replace(stack, discs=placed)


def middle_at(stack: Stack, level: Level) -> float | None:
    """Number of the slice in the middle of the sac at one level; None where the sac leaves the stack."""
    _, back, head = spine_axes(stack.discs)[level]
    chords = np.array([_chord(mask, stack.discs[level], back, head, 0.0) for mask in stack.masks])
    if not chords.max() > 0:
        return None
    middle = _centre(chords, stack.numbers)
    inside = stack.numbers[0] + EDGE_SLICES <= middle <= stack.numbers[-1] - EDGE_SLICES
    return middle if inside else None


def depths(stack: Stack) -> dict[Level, float]:
    """mm from the sac's front to its back wall at each disc; a level whose sac the masks do not show is left out."""
    found = {}
    for level, (_, back, head) in spine_axes(stack.discs).items():
        middle = middle_at(stack, level)
        if middle is None:
            continue
        near = np.argsort(np.abs(np.array(stack.numbers) - middle), kind="stable")[:5]
        chords = [
            np.median([_chord(stack.masks[n], stack.discs[level] + above * head, back, head, turn) for n in near])
            for above in _NEAR_MM
            for turn in _TURNS
        ]
        if min(chords) > 0:
            found[level] = float(min(chords))
    return found


def areas(stack: Stack) -> dict[Level, float]:
    """mm2 of the sac across its own direction, where it is least near each disc: chords times slices.

    Too little where the sac leaves the stack at a side, which a depth in the middle does not see.
    """
    found = {}
    for level, (_, back, head) in spine_axes(stack.discs).items():
        sums = [
            sum(_chord(mask, stack.discs[level] + above * head, back, head, 0.0) for mask in stack.masks) * THIN_MM
            for above in _NEAR_MM
        ]
        if min(sums) > 0:
            found[level] = float(min(sums))
    return found


def _chord(mask: NDArray[np.uint8], start: Vector, back: Vector, head: Vector, turn: float) -> float:
    """mm of canal on the line from `start` to the back, turned about a point in the canal 25 mm behind the disc."""
    pivot = start + 25.0 * back
    direction = np.cos(turn) * back + np.sin(turn) * head
    t = np.arange(-25.0, 30.0, _STEP_MM)
    at = pivot + t[:, None] * direction
    columns = np.round(at[:, 1] / SPACING_MM).astype(int).clip(0, mask.shape[1] - 1)
    rows = np.round(-at[:, 2] / SPACING_MM).astype(int).clip(0, mask.shape[0] - 1)
    return float((mask[rows, columns] == CANAL).sum() * _STEP_MM)


def thick_series(stack: Stack, together: int = TOGETHER, aside: float = 0.0) -> Series:
    """The stack as a clinic's scanner would have made it: slices of 3.6 mm, the middle one in the midline.

    Or of `together` thin ones, the middle one `aside` thin slices off the midline.
    """
    offsets = np.array(stack.numbers) - stack.middle - aside
    which = np.round(offsets / together).astype(int)
    rows, columns = stack.pictures.shape[1:]
    slices = []
    for k in np.unique(which):
        own = which == k
        if own.sum() * 2 < together:
            continue
        x = float(np.mean(np.array(stack.numbers)[own])) * THIN_MM
        plane = ImagePlane((x, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), SPACING_MM, SPACING_MM, rows, columns)
        slices.append(Slice(f"{stack.patient}_{k}", stack.pictures[own].mean(axis=0), plane))
    return Series(f"{stack.patient}_t2_space", tuple(slices))


def canal_bags(stacks: Sequence[Stack], spec: GraderSpec) -> BagSet:
    """One bag for each level: `rank` by depth (13 and 10 mm), `measure` the depth in mm, `study` the patient."""
    return joined(spec, [bags_of_stack(s, thick_series(s), depths(s), spec) for s in stacks])


def bags_of_stack(stack: Stack, series: Series, measured: Mapping[Level, float], spec: GraderSpec) -> BagSet:
    """One stack's bags, one for each measured level."""
    points, windows = place_points(stack.discs), windows_of(series)
    pictures: list[NDArray[np.uint8]] = []
    labels: list[BagLabel] = []
    for level, depth in measured.items():
        point = points[_CANAL_CONDITION, level]
        slices = pick_slices(series, point, KEEP_SLICES, REACH_MM[Region.CANAL] + EXTRA_REACH_MM)
        start = sum(len(p) for p in pictures)
        pictures.append(cut(slices, windows, point, wide(spec)).crops)
        offsets = tuple(s.plane.distance(point) for s in slices if s.plane is not None)
        rank = (depth < RELATIVE_MM) + (depth < ABSOLUTE_MM)
        labels.append(BagLabel(stack.patient, _CANAL_CONDITION, level, int(rank), start,
                               start + len(slices), offsets, depth))  # fmt: skip
    return BagSet(spec, stacked(pictures, spec), tuple(labels))
