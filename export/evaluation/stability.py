"""Does a grade stay when the same place is shown as a second scanner would have shown it? Nothing is retrained.

Canals are real (SPIDER); foramina and recesses, of which no real picture is at hand, are synthetic and say so.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.core.models import Grader
from appliance.core.spine import Region
from benchmarks.results import Table
from export import metrics
from export.datasets import spider
from export.datasets.spider_canal import canal_bags, stacks
from export.evaluation.answers import opened
from export.evaluation.intervals import by_patient
from export.evaluation.second_scanner import CHANGES, SHIFTS_MM
from export.grader.data import BagLabel, BagSet, load_bags, middle, reading_slices

Pairs = list[tuple[str, int, int]]
"""Patient, grade before, grade after."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--crops", type=Path, default=Path("runs/grader/cache/test"))
    parser.add_argument("--studies", "--limit", type=int, default=20, help="patients or studies of each kind")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    rows = []
    for weights in opened(args.int8, args.fp32):
        for region, grader in weights.models.graders.items():
            for name, bags in bag_sets(args, region, grader):
                rows += [(name, weights.name, *row) for row in rows_of(grader, bags)]
    names = list(dict.fromkeys(row[0] for row in rows))
    kinds = ["any of them", *CHANGES, *SHIFTS_MM]
    rows.sort(key=lambda row: (names.index(row[0]), kinds.index(row[2])))
    columns = ("places", "model", "change", "n", "grade unchanged", "by two grades", "quadratic κ with itself")
    data = "real SPIDER canals (held-out patients) and SYNTHETIC crops of unseen studies; intervals by patient"
    return {"stability": [Table("Grades under a second scanner", data, args.command, columns, tuple(rows))]}


def bag_sets(args: argparse.Namespace, region: Region, grader: Grader) -> Iterator[tuple[str, BagSet]]:
    """Real canals where the pictures are there; synthetic places of every region."""
    space = args.data / spider.SPACE
    if region is Region.CANAL and space.exists():
        yield "canal, real", canal_bags(list(islice(stacks(space), args.studies)), grader.spec)
    folders = list(islice(sorted(args.crops.glob("*")), args.studies))
    bags = load_bags(folders, grader.spec)
    if len(bags):
        yield f"{region}, synthetic", bags


def rows_of(grader: Grader, bags: BagSet) -> Iterator[tuple[str, ...]]:
    """One row a change, and one for all of them: a place counts there only when no change moved it."""
    before = [_grade(grader, bags, bag) for bag in bags.labels]
    farthest = np.zeros(len(bags), dtype=int)
    for name, after in _changed(grader, bags):
        pairs = [(bag.study, b, a) for bag, b, a in zip(bags.labels, before, after, strict=True)]
        farthest = np.maximum(farthest, np.abs(np.array(before) - after))
        yield (name, *_cells(pairs))
    worst = [(bag.study, 0, int(m)) for bag, m in zip(bags.labels, farthest, strict=True)]
    yield ("any of them", *_cells(worst)[:3], "-")


Moved = tuple[int, ...]
"""By how many grades each change moved one place."""


def moved(grader: Grader, bags: BagSet) -> list[Moved]:
    """What all changes do to each place, changes in the order of `CHANGES` and `SHIFTS_MM`."""
    before = np.array([_grade(grader, bags, bag) for bag in bags.labels])
    after = np.array([grades for _, grades in _changed(grader, bags)])
    return [tuple(int(n) for n in column) for column in np.abs(after - before).T]


def _changed(grader: Grader, bags: BagSet) -> Iterator[tuple[str, list[int]]]:
    for name, change in CHANGES.items():
        rng = np.random.default_rng(0)
        yield name, [_grade(grader, bags, bag, lambda c, f=change, r=rng: f(c, r)) for bag in bags.labels]
    for name, shift in SHIFTS_MM.items():
        yield name, [_grade(grader, bags, bag, shift=shift) for bag in bags.labels]


def _grade(  # type: ignore[no-untyped-def]
    grader: Grader, bags: BagSet, bag: BagLabel, change=None, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> int:
    """The most probable grade of one place, its crops changed and moved as told."""
    across, down, along = shift
    crops: NDArray[np.uint8] = bags.pictures[reading_slices(bag, bags.spec, along)]
    crops = change(crops) if change is not None else crops
    per_mm, side = bags.spec.size_px / bags.spec.crop_mm, bags.spec.size_px
    shown = np.roll(crops, (-round(down * per_mm), -round(across * per_mm)), (1, 2))  # the wide crop's rim is cut off
    return int(np.argmax(grader.grade(np.ascontiguousarray(middle(shown, side))).probabilities))


def _cells(pairs: Pairs) -> tuple[str, ...]:
    by_name: dict[str, Pairs] = defaultdict(list)
    for pair in pairs:
        by_name[pair[0]].append(pair)
    low, high = by_patient(by_name, _same)
    counts = metrics.confusion(np.array([b for _, b, _ in pairs]), np.array([a for _, _, a in pairs]))
    far = sum(abs(b - a) == 2 for _, b, a in pairs)
    return str(len(pairs)), f"{_same(pairs):.1%} ({low:.0%}-{high:.0%})", str(far), f"{metrics.quadratic_kappa(counts):.3f}"


def _same(pairs: Sequence[tuple[str, int, int]]) -> float:
    return sum(b == a for _, b, a in pairs) / len(pairs)
