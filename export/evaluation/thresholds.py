"""The thresholds of `appliance/core/plausibility.py` from the pictures that may set them: SPIDER's training patients.

Each rule is stated so that good pictures pass, with room; how many spoilt ones it catches is what
`export.evaluate refusals` measures on the held-out patients.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.core import plausibility
from appliance.core.localisation import localise
from appliance.core.models import Detector
from appliance.core.spine import Region
from appliance.pipeline import Models
from benchmarks.results import Table
from export.datasets import spider
from export.datasets.spider_canal import canal_bags, stacks
from export.evaluation.spider_midsagittal import Picture, midsagittal
from export.grader.data import BagSet, load_bags, middle, reading_slices

STEP = 0.05
"""Thresholds are rounded to this, away from the good pictures."""
GOOD_REFUSED = 0.01
"""At most this share of good pictures may lie beyond a threshold on the brightness of the sac."""


@dataclass(frozen=True, slots=True)
class Sac:
    """`plausibility.sac_to_marrow` of one picture."""

    patient: str
    kind: str
    value: float


def table(args: argparse.Namespace, models: Models) -> Table:
    """Each threshold: what its rule gives on the training patients, and what the program holds."""
    sacs = measured(list(midsagittal(args.data, held_out=False)), models.detector)
    rows = []
    if sacs:
        rows += _brightness(sacs)
    rows += _black(args, models)
    columns = ("threshold", "rule", "measured on", "by the rule", "in the program")
    data = "real: SPIDER's patients of the detector's training, none of the held-out ones; SYNTHETIC: crops for training"
    return Table("What set the thresholds", data, args.command, columns, tuple(rows))


def measured(pictures: Sequence[Picture], detector: Detector) -> list[Sac]:
    """Of the pictures whose levels are found, as in the reading."""
    found = []
    for picture in pictures:
        one = picture.series.slices[len(picture.series.slices) // 2]
        points = localise(replace(picture.series, slices=(one,)), detector).points
        if len(points) >= 2:
            value = plausibility.sac_to_marrow(one, points)
            found.append(Sac(picture.patient, picture.kind, value))
    return found


def at_least(values: Sequence[float]) -> float:
    """The highest step that at most `GOOD_REFUSED` of the values lie below."""
    return _down(float(np.quantile(values, GOOD_REFUSED)))


def at_most(values: Sequence[float]) -> float:
    """The lowest step that at most `GOOD_REFUSED` of the values lie above."""
    return -_down(-float(np.quantile(values, 1 - GOOD_REFUSED)))


def clearly_brighter(pairs: Sequence[tuple[float, float]]) -> float:
    """A tenth more than any T1 is brighter than the T2 of its patient: exchanged, none would clear itself.

    `pairs` are (T2, T1).
    """
    return -_down(-1.1 * max(1.0, *(t1 / t2 for t2, t1 in pairs)))


def _down(value: float) -> float:
    return round(float(np.floor(value / STEP + 1e-9)) * STEP, 2)


def _brightness(sacs: Sequence[Sac]) -> list[tuple[str, ...]]:
    of = {kind: {s.patient: s.value for s in sacs if s.kind == kind} for kind in ("T2", "T1")}
    pairs = [(of["T2"][p], of["T1"][p]) for p in sorted(of["T2"].keys() & of["T1"].keys())]
    share = f"at most {GOOD_REFUSED:.0%} of good pictures beyond it"
    return [
        ("T2: sac over marrow, at least", share, f"{len(of['T2'])} T2", f"{at_least([*of['T2'].values()]):.2f}",
         f"{plausibility.T2_AT_LEAST:.2f}"),
        ("T1: sac over marrow, at most", share, f"{len(of['T1'])} T1", f"{at_most([*of['T1'].values()]):.2f}",
         f"{plausibility.T1_AT_MOST:.2f}"),
        ("T2's over T1's, clears both", "no pair exchanged would clear itself, by a tenth", f"{len(pairs)} pairs",
         f"{clearly_brighter(pairs):.2f}", f"{plausibility.CLEARLY_BRIGHTER:.2f}"),
    ]  # fmt: skip


def _black(args: argparse.Namespace, models: Models) -> list[tuple[str, ...]]:
    """Twice the blackest crop that is good: a void must not be a dark foramen."""
    spec = models.graders[Region.CANAL].spec
    space = args.data / spider.SPACE
    real = [s for s in stacks(space, held_out_only=False) if not spider.held_out(s.patient)] if space.exists() else []
    shares = black_shares(canal_bags(real, spec)) if real else []
    drawn = [
        share
        for grader in models.graders.values()
        for share in black_shares(load_bags(sorted(Path(args.crops, "train").glob("*"))[:60], grader.spec))
    ]
    if not shares and not drawn:
        return []
    rule = -_down(-2 * max([*shares, *drawn]))
    on = f"{len(shares)} real canals (blackest {max(shares, default=0):.2f}), {len(drawn)} synthetic places " \
         f"(blackest {max(drawn, default=0):.2f})"  # fmt: skip
    words = "twice the blackest good crop"
    return [("black in the middle of a crop, more than", words, on, f"{rule:.2f}", f"{plausibility.VOID_SHARE:.2f}")]


def black_shares(bags: BagSet) -> list[float]:
    """`plausibility.black_share` of each bag, its slices and square as the reading would cut them."""
    return [plausibility.black_share(_as_read(bags, n)) for n in range(len(bags))]


def _as_read(bags: BagSet, n: int) -> NDArray[np.uint8]:
    return middle(bags.pictures[reading_slices(bags.labels[n], bags.spec)], bags.spec.size_px)
