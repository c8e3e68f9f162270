"""Measure the whole chain of finding the levels: letterbox, network, decoding, numbering.

`python -m export.detector.evaluate --weights runs/detector/current.pt` for the network in torch; `evaluate(detector,
cases)` for any `Detector`, the INT8 one included.
"""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import numpy as np

from appliance.core.disc_chain import WELL_SEEN, Point, candidates_from
from appliance.core.models import Box, Detector
from appliance.core.numbering import Numbering, name_levels
from appliance.core.spine import STRUCTURES, Level, Structure
from export.detector.cases import (
    FIELDS_MM,
    Case,
    has_all_levels,
    held_out_masked,
    held_out_real,
    phantoms,
    with_field,
    without_sacrum,
)
from export.detector.data import FINEST_MM, Picture
from export.detector.phantoms import pictures as unseen_pictures

REACH_MM = 10.0
"""A level is found when its centre is nearer than this to the true one (discs lie 35 to 40 mm apart)."""
UNSEEN_SEED = 990_001
"""Seed of the phantoms that only evaluation renders."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One picture, read."""

    name: str
    kind: str
    found: tuple[Level, ...]
    """Levels named within `REACH_MM` of their own truth, and nearer to it than to any other."""
    misnamed: tuple[Level, ...]
    """Levels named, but elsewhere."""
    visible: tuple[Level, ...]
    """Levels the truth knows."""
    uncertain: bool
    errors_mm: tuple[float, ...]
    """Centre errors of `found`, in its order."""
    sacrum_visible: bool
    seen: tuple[Level, ...] = ()
    """Levels of the truth where a disc is well seen within `REACH_MM`, whatever it was called."""

    @property
    def right(self) -> int:
        return len(self.found)

    @property
    def wrong(self) -> int:
        return len(self.misnamed)

    @property
    def truths(self) -> int:
        return len(self.visible)

    @property
    def perfect(self) -> bool:
        """All true levels right and nothing named wrongly."""
        return self.right == self.truths and self.wrong == 0

    @property
    def wrong_and_sure(self) -> bool:
        """A wrong name and no warning: the dangerous ones."""
        return self.wrong > 0 and not self.uncertain


@dataclass(frozen=True, slots=True)
class Summary:
    """One row of the table."""

    kind: str
    pictures: int
    all_right: float
    """Share of pictures with every level found and rightly named."""
    levels_right: float
    uncertain: float
    """Share of pictures whose numbering was called uncertain."""
    wrong_and_sure: float
    """Share of pictures with a wrong name and no warning."""
    median_mm: float
    p95_mm: float


def read_case(detector: Detector, case: Case) -> tuple[Numbering, Outcome]:
    """The appliance's chain on one picture. The frame is millimetres (approximate ones for resampled images)."""
    boxes = detector.detect(case.pixels, case.pixel_mm)
    candidates = candidates_from(boxes, 0, lambda p: _to_mm(case, p), case.pixels.shape[0])
    numbering = name_levels(candidates)
    truth = {level: _to_mm(case, _center(box)) for level, box in case.truth.items()}
    errors: dict[Level, float] = {}
    for disc in numbering.levels:
        nearest = min(truth, key=lambda level: math.dist(truth[level], disc.center), default=None)
        if nearest is disc.level and math.dist(truth[nearest], disc.center) <= REACH_MM:
            errors[nearest] = math.dist(truth[nearest], disc.center)
    discs = [c.center for c in candidates if c.score >= WELL_SEEN]
    seen = tuple(level for level, at in truth.items() if any(math.dist(at, disc) <= REACH_MM for disc in discs))
    misnamed = tuple(disc.level for disc in numbering.levels if disc.level not in errors)
    outcome = Outcome(
        case.name, case.kind, tuple(errors), misnamed, tuple(truth), numbering.uncertain, tuple(errors.values()),
        case.sacrum_visible, seen,
    )  # fmt: skip
    return numbering, outcome


def evaluate(detector: Detector, cases: Iterable[Case]) -> list[Outcome]:
    """Every case read by one detector."""
    return [read_case(detector, case)[1] for case in cases]


def summarise(outcomes: Sequence[Outcome]) -> list[Summary]:
    """One row a kind, in order of appearance."""
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.kind].append(outcome)
    return [_summary(kind, found) for kind, found in kinds.items()]


@dataclass(frozen=True, slots=True)
class StructureRow:
    """How well one kind of structure is found on phantom pictures."""

    structure: str
    true_boxes: int
    found: float
    """Share of true boxes that a box of the same name overlaps by half (intersection over union)."""
    false_per_picture: float
    median_px: float
    """Centre error of the found ones, in pixels of the picture (0.5 to 0.9 mm)."""


def structure_rows(
    detector: Detector, pictures: Sequence[Picture], score: float = 0.25, overlap: float = 0.5
) -> list[StructureRow]:
    """Every structure by itself, boxes of at least `score`."""
    truth: dict[Structure, int] = defaultdict(int)
    false: dict[Structure, int] = defaultdict(int)
    errors: dict[Structure, list[float]] = defaultdict(list)
    for picture in pictures:
        seen = [b for b in detector.detect(picture.pixels, picture.pixel_mm, not picture.sagittal) if b.score >= score]
        for structure in STRUCTURES:
            true = picture.boxes[picture.classes == STRUCTURES.index(structure)]
            boxes = [b.box_px for b in seen if b.structure is structure]
            near = [max(boxes, key=lambda b: _overlap(b, t)) for t in true if boxes]
            hits = [(b, t) for b, t in zip(near, true, strict=False) if _overlap(b, t) >= overlap]
            truth[structure] += len(true)
            false[structure] += max(0, len(boxes) - len(hits))
            errors[structure] += [math.dist(_center(b), _center(t)) for b, t in hits]
    return [
        StructureRow(
            s, truth[s], len(errors[s]) / max(truth[s], 1), false[s] / len(pictures),
            median(errors[s]) if errors[s] else math.nan,
        )
        for s in STRUCTURES
    ]


def structures_to_markdown(rows: Sequence[StructureRow]) -> str:
    head = "| structure | true boxes | found | false a picture | centre error median, px |\n|---|---|---|---|---|"
    lines = [
        f"| {r.structure} | {r.true_boxes} | {r.found:.1%} | {r.false_per_picture:.2f} | {r.median_px:.2f} |"
        for r in rows
    ]
    return "\n".join([head, *lines]) + "\n"


def to_markdown(rows: Sequence[Summary]) -> str:
    """The table for a model card."""
    head = (
        "| pictures | n | all levels right | levels right | called uncertain | wrong without warning "
        "| centre error median / p95, mm |\n|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *(_row(r) for r in rows)]) + "\n"


def all_cases(data: Path, phantom_count: int) -> list[Case]:
    """The fixed set: held-out real pictures, the same in other fields, cut above the sacrum, and phantoms."""
    real = [case for case in held_out_real(data) if has_all_levels(case)]
    t2 = [case for case in real if case.kind == "t2"]
    fields = [cut for field in FIELDS_MM for case in t2 if (cut := with_field(case, field)) is not None]
    headless = [without_sacrum(case) for case in t2]
    return [*real, *held_out_masked(data), *fields, *headless, *phantoms(UNSEEN_SEED, phantom_count)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.detector.evaluate", description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path("runs/detector/current.pt"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--finest-mm", type=float, default=FINEST_MM, help="0: the picture fills the square")
    parser.add_argument("--phantoms", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/detector/evaluation"), help="writes .json and .md")
    args = parser.parse_args(arguments)
    import torch

    from export.detector.predict import TorchDetector

    torch.set_num_threads(args.threads)
    detector = TorchDetector(args.weights, args.finest_mm)
    outcomes = evaluate(detector, all_cases(args.data, args.phantoms))
    rows = summarise(outcomes)
    structures = structure_rows(detector, unseen_pictures(UNSEEN_SEED, args.phantoms)) if args.phantoms else []
    facts = {
        "weights": asdict(detector.identity), "finest_mm": args.finest_mm,
        "summary": [asdict(r) for r in rows], "structures": [asdict(r) for r in structures],
        "pictures": [asdict(o) for o in outcomes],
    }
    text = to_markdown(rows) + "\n" + structures_to_markdown(structures)
    args.out.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    args.out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)
    return 0


def _summary(kind: str, found: Sequence[Outcome]) -> Summary:
    errors = [e for o in found for e in o.errors_mm]
    truths = sum(o.truths for o in found)
    return Summary(
        kind=kind, pictures=len(found), all_right=_share(o.perfect for o in found),
        levels_right=sum(o.right for o in found) / max(truths, 1), uncertain=_share(o.uncertain for o in found),
        wrong_and_sure=_share(o.wrong_and_sure for o in found),
        median_mm=median(errors) if errors else math.nan,
        p95_mm=float(np.percentile(errors, 95)) if errors else math.nan,
    )


def _row(r: Summary) -> str:
    return (
        f"| {r.kind} | {r.pictures} | {r.all_right:.1%} | {r.levels_right:.1%} | {r.uncertain:.1%} "
        f"| {r.wrong_and_sure:.1%} | {r.median_mm:.2f} / {r.p95_mm:.2f} |"
    )


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return sum(values) / len(values) if values else math.nan


def _to_mm(case: Case, point: Point) -> Point:
    row_mm, column_mm = case.pixel_mm
    return point[0] * column_mm, point[1] * row_mm


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return float(width * height / (area - width * height))


def _center(box: Box) -> Point:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


if __name__ == "__main__":
    raise SystemExit(main())
