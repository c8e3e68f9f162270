"""`python -m export.grader.real_canals`: real canals, as they are and with a drawn stenosis, as crops to train on.

From the training patients of SPIDER's masked T2 SPACE; the held-out ones never come here. Every stack is cut as it is
and several times with each canal drawn narrower or wider (`export.datasets.spider_warp`), as slices of differing
thickness. The grade is the phantom's own: the area of its usual sac of the depth measured on the masks.

    <cache>/<patient>-<variant>/canal.{npy,json}    variant 0 is the stack as it is
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from appliance.core.models import GraderSpec
from appliance.core.spine import CONDITIONS, Level, Region, Severity
from export.datasets import spider
from export.datasets.phantom import scaled_measure
from export.datasets.spider_canal import TOGETHER, Stack, bags_of_stack, depths, stacks, thick_series
from export.datasets.spider_warp import Narrowing, area_of_depth, warped
from export.grader.data import BagLabel, BagSet, has_bags, save_bags
from export.grader.model import DEFAULT_SPECS
from export.phantom.grades import CANAL

CACHE = Path("runs/grader/cache_spider")
VARIANTS = 10
SHARES: Mapping[Severity, float] = {Severity.NORMAL_MILD: 0.4, Severity.MODERATE: 0.3, Severity.SEVERE: 0.3}
"""Of the drawn canals; among real ones as they are, few are narrow."""
AS_IT_IS = 0.15
"""Share of the canals of a drawn variant that keep their depth."""
WIDER_MM, NARROWER, LEAST_MM = 2.5, 0.35, 3.5
"""A canal is drawn no more than so much deeper, no narrower than this share of its own depth, or than this."""
THICKNESSES = (3, 4, 5)
"""Thin slices of 0.9 mm in a clinic's: 2.7 to 4.5 mm."""
_CONDITION = next(c for c in CONDITIONS if c.region is Region.CANAL)


def graded(label: BagLabel, study: str) -> BagLabel:
    """A bag whose `measure` is a depth in mm, graded by the phantom's rule."""
    area = area_of_depth(float(label.measure or 0.0))
    return replace(label, study=study, rank=CANAL.severity(area).rank, measure=scaled_measure(_CONDITION, area))


def variant(stack: Stack, number: int, seed: int, spec: GraderSpec) -> BagSet:
    """The bags of one stack: as it is (variant 0) or with drawn canals; the same for the same seed."""
    rng = np.random.default_rng([seed, int(stack.patient), number])
    drawn = stack if number == 0 else warped(stack, wishes(depths(stack), rng))
    thickness = TOGETHER if number == 0 else int(rng.choice(THICKNESSES))
    series = thick_series(drawn, thickness, 0.0 if number == 0 else float(rng.uniform(-1.5, 1.5)))
    bags = bags_of_stack(drawn, series, depths(drawn), spec)
    study = f"{stack.patient}-{number:02d}"
    return replace(bags, labels=tuple(graded(label, study) for label in bags.labels))


def wishes(measured: Mapping[Level, float], rng: np.random.Generator) -> dict[Level, Narrowing]:
    """A canal for each level, all grades about as often; a few levels are left as they are."""
    asked = {}
    for level, depth in measured.items():
        if rng.random() < AS_IT_IS:
            continue
        new = _depth(depth, rng)
        asked[level] = Narrowing(
            new, hold_mm=float(rng.uniform(2.0, 5.0)), reach_mm=float(rng.uniform(9.0, 14.0)),
            front_share=float(rng.uniform(0.25, 0.8)), darken=float(rng.uniform(0.2, 1.0)), seed=int(rng.integers(2**31)),
        )  # fmt: skip
    return asked


def _depth(before: float, rng: np.random.Generator) -> float:
    """A depth of a drawn grade that this canal can be brought to; its own if no draw fits."""
    table = np.arange(2.0, 16.0, 0.05)
    areas = [area_of_depth(d) for d in table]
    for _ in range(20):
        severity = list(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]
        new = float(np.interp(rng.uniform(*CANAL.interval(severity)), areas, table))
        if max(LEAST_MM, NARROWER * before) <= new <= before + WIDER_MM:
            return new
    return before


def training_stacks(folder: Path) -> list[Stack]:
    """The patients that may be trained on."""
    return [s for s in stacks(folder, held_out_only=False) if not spider.held_out(s.patient)]


def prepare(folder: Path, cache: Path, variants: int, seed: int, spec: GraderSpec) -> None:
    """Every training patient's variants into the cache; those there are kept."""
    for stack in training_stacks(folder):
        for number in range(variants + 1):
            into = cache / f"{stack.patient}-{number:02d}"
            if not has_bags(into, spec):
                save_bags(into, variant(stack, number, seed, spec))
        print(f"{stack.patient}: {variants + 1} variants", flush=True)


def folders(cache: Path, without: Sequence[str] = ()) -> list[Path]:
    """The cached variants of all patients but those named."""
    return [f for f in sorted(cache.glob("*-*")) if f.name.rsplit("-", 1)[0] not in without]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.grader.real_canals", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--variants", type=int, default=VARIANTS)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(arguments)
    prepare(args.data / spider.SPACE, args.cache, args.variants, args.seed, DEFAULT_SPECS[Region.CANAL])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
