"""Canal grades of real pictures against the depth of the dural sac measured on SPIDER's masks.

The depth is physical truth, not a radiologist's grade: the rank correlation says whether the grader sees narrow sacs as
narrow, the AUC whether it parts those under 10 and 13 mm from the rest. L5/S1 is also left out once, because the sac
ends there without being narrowed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from appliance.core.models import Grader
from appliance.core.spine import SEVERITIES, Level, Region
from benchmarks.results import Table
from export.datasets import spider
from export.datasets.spider_canal import ABSOLUTE_MM, RELATIVE_MM, Stack, areas, canal_bags, depths, stacks
from export.datasets.spider_warp import area_of_depth
from export.evaluation.answers import opened
from export.evaluation.intervals import by_patient
from export.evaluation.plots import draw_depth
from export.grader.data import BagSet, middle, reading_slices
from export.grader.evaluate import expected_rank

DATA = (
    "real T2 SPACE of SPIDER patients averaged to 3.6 mm slices, crops at the masks' discs; depth of the dural sac from "
    "the masks; intervals by patient"
)


HELD_OUT, OTHERS = "held-out patients", "the others (trained on, if the model's card says so)"
DEPTHS = (("under 8.5 mm", 0.0, 8.5), ("8.5 to 10 mm", 8.5, ABSOLUTE_MM), ("10 to 13 mm", ABSOLUTE_MM, RELATIVE_MM),
          ("13 mm and more", RELATIVE_MM, 99.0))  # fmt: skip
"""Under 8.5 mm the phantom's usual sac is moderately narrow or worse, under 7 mm severely (`spider_warp.area_of_depth`)."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One canal: its depth in mm, and the mean grade the model gave (0 normal/mild to 2 severe)."""

    patient: str
    level: Level
    depth_mm: float
    grade: float
    said: int
    """The most probable class."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="at most so many patients")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    patients = list(stacks(args.data / spider.SPACE, held_out_only=False))[: args.limit]
    rows, shown = [], {}
    for weights in opened(args.int8, args.fp32):
        grader = weights.models.graders[Region.CANAL]
        shown[weights.name] = measured(grader, canal_bags(patients, grader.spec))
        rows += [(name, weights.name, *_cells(own)) for name, own in groups(shown[weights.name])]
    draw_depth(shown, args.results / "plots" / "depth.png")
    rows.sort(key=lambda row: row[0])
    columns = ("canals", "model", "patients", "places", "Spearman ρ of grade and depth",
               f"AUC under {ABSOLUTE_MM:.0f} mm", f"AUC under {RELATIVE_MM:.0f} mm",
               f"places under {ABSOLUTE_MM:.0f} / {RELATIVE_MM:.0f} mm")  # fmt: skip
    counts = Table("Said, by measured depth", DATA, args.command, _SAID, tuple(_said(shown)))
    grades = Table("Canal grade against measured depth", DATA, args.command, columns, tuple(rows))
    return {"depth": [grades, counts, _rule(patients, args.command)]}


def _rule(patients: Sequence[Stack], command: str) -> Table:
    """Is the phantom's usual sac a patient's? Areas summed on the masks, beside what the rule takes for that depth."""
    found = []
    for stack in patients:
        area = areas(stack)
        found += [(depth, area[level]) for level, depth in depths(stack).items() if level in area]
    rows = []
    for low in range(4, 17):
        here = [area for depth, area in found if low <= depth < low + 1]
        if len(here) > 2:
            ten, half, ninety = np.percentile(here, [10, 50, 90])
            measured_area, usual = f"{half:.0f} ({ten:.0f}-{ninety:.0f})", f"{area_of_depth(low + 0.5):.0f}"
            rows.append((f"{low} to {low + 1}", str(len(here)), measured_area, usual))
    data = "masks of SPIDER's T2 SPACE, all patients, levels whose sac stays in the stack; slices beside it may be missing"
    columns = ("depth of the sac, mm", "places", "area on the masks, mm²: median (10-90 %)", "the phantom's usual sac, mm²")
    return Table("Depth and area of real sacs", data, command, columns, tuple(rows))


def measured(grader: Grader, bags: BagSet) -> list[Measured]:
    """What the grader says of each canal, beside its depth."""
    found = []
    for bag in bags.labels:
        crops = np.ascontiguousarray(middle(bags.pictures[reading_slices(bag, bags.spec)], bags.spec.size_px))
        p = grader.grade(crops).probabilities
        found.append(Measured(bag.study, bag.level, float(bag.measure or 0), expected_rank(p), int(np.argmax(p))))
    return found


_SAID = ("patients", "depth of the sac", "model", *(s.label for s in SEVERITIES))


def _said(shown: Mapping[str, Sequence[Measured]]) -> Iterator[tuple[str, ...]]:
    """How often each grade was said of narrow and of wide sacs."""
    for held in (True, False):
        for deep, low, high in DEPTHS:
            for model, answers in shown.items():
                own = [m for m in answers if spider.held_out(m.patient) is held]
                yield (HELD_OUT if held else OTHERS, deep, model, *said_between(own, low, high))


def said_between(own: Sequence[Measured], low_mm: float, high_mm: float) -> tuple[str, ...]:
    """How many canals of such a depth were called normal/mild, moderate and severe."""
    said = [m.said for m in own if low_mm <= m.depth_mm < high_mm]
    return tuple(str(said.count(s.rank)) for s in SEVERITIES)


def groups(answers: Sequence[Measured]) -> list[tuple[str, list[Measured]]]:
    """Held-out patients first: of the others' pictures, drawn narrower and wider, the canal grader may have learnt."""
    held = [m for m in answers if spider.held_out(m.patient)]
    named = [(HELD_OUT, held), (OTHERS, [m for m in answers if not spider.held_out(m.patient)])]
    above = [(f"{name}, without L5/S1", [m for m in own if m.level is not Level.L5_S1]) for name, own in named]
    return [(name, own) for name, own in (*named, *above) if len(own) > 2]


def correlation(own: Sequence[Measured]) -> float:
    """Spearman's, turned so that graver for narrower is positive; NaN where either stands still."""
    depth, grade = np.array([m.depth_mm for m in own]), np.array([m.grade for m in own])
    if len(own) < 3 or not np.ptp(depth) or not np.ptp(grade):
        return float("nan")
    return float(-stats.spearmanr(depth, grade).statistic)


def auc(own: Sequence[Measured], under_mm: float) -> float:
    """Chance that a canal under `under_mm` is graded graver than one over it (Mann-Whitney); NaN without both."""
    narrow = [m.grade for m in own if m.depth_mm < under_mm]
    wide = [m.grade for m in own if m.depth_mm >= under_mm]
    if not narrow or not wide:
        return float("nan")
    return float(stats.mannwhitneyu(narrow, wide).statistic / (len(narrow) * len(wide)))


def _cells(own: Sequence[Measured]) -> tuple[str, ...]:
    patients: dict[str, list[Measured]] = {}
    for m in own:
        patients.setdefault(m.patient, []).append(m)
    figures = (correlation, lambda x: auc(x, ABSOLUTE_MM), lambda x: auc(x, RELATIVE_MM))
    texts = []
    for figure in figures:
        low, high = by_patient(patients, figure)
        texts.append(f"{figure(own):.2f} ({low:.2f}-{high:.2f})")
    counts = " / ".join(str(sum(m.depth_mm < limit for m in own)) for limit in (ABSOLUTE_MM, RELATIVE_MM))
    return str(len(patients)), str(len(own)), *texts, counts
