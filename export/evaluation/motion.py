"""The check for motion (`appliance/core/motion.py`): how much drawn motion it finds and how many good pictures it refuses.

`--fit` fits its weights and thresholds on SPIDER's training patients and prints them for the program; without it the
program's own are measured on the held-out ones. A picture is good as it is, and good as a second scanner would show it.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.core import motion
from appliance.core.geometry import Vector
from appliance.core.localisation import localise
from appliance.core.models import Detector
from appliance.core.plausibility import has_moved
from appliance.core.preprocessing import window_of
from appliance.core.spine import Level, Region
from appliance.core.study import Slice
from benchmarks.results import Table
from export.datasets import spider
from export.datasets.spider_canal import stacks, thick_series
from export.evaluation.answers import opened
from export.evaluation.level_cells import share
from export.evaluation.motion_drawing import AMOUNTS_MM, MOTIONS, any_motion, moved, poses
from export.evaluation.second_scanner import CHANGES, any_change
from export.evaluation.spider_midsagittal import Picture, midsagittal

FITTED_MM = (2.5, 3.0, 4.0)
GOOD_REFUSED = 0.02
"""Of good pictures, as they are and under each of `CHANGES`."""
_FINEST_MM = 0.8
"""For fitting finer pictures are averaged to this; they were interpolated, and drawing takes a quarter of the time."""
_REGION = {"T1": Region.FORAMINAL, "T2": Region.CANAL}

Points = Mapping[Level, Vector]
Row = NDArray[np.float32]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="at most so many pictures")
    parser.add_argument("--fit", action="store_true", help="fit on the training patients and print; measures nothing")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    detector = opened(args.int8, args.fp32)[0].models.detector
    pictures = list(midsagittal(args.data, held_out=not args.fit))[: args.limit]
    if args.fit:
        print(fitted(pictures, detector))
        return {}
    verdicts = [verdict for picture in pictures for verdict in verdicts_on(picture, detector)]
    verdicts += verdicts_on_space(args.data)
    return {"motion": [_table(verdicts, args.command)]}


# --- measuring ---------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """`said` is `passed`, `motion`, or `levels not named`: then nothing is graded either."""

    kind: str
    group: str
    case: str
    said: str


def verdicts_on(picture: Picture, detector: Detector) -> Iterator[Verdict]:
    """Of one picture: good, good under each change of scanner, and moved in every way at every amount."""
    one = picture.series.slices[0]
    for group, case, pixels in _shown(one):
        yield Verdict(picture.kind, group, case, said(picture, pixels, detector))


def verdicts_on_space(data: Path) -> Iterator[Verdict]:
    """Of all patients' T2 SPACE, a sequence that the check was not fitted to, its thin slices joined as a clinic's."""
    folder = data / spider.SPACE
    for stack in stacks(folder, held_out_only=False) if folder.exists() else ():
        moves = has_moved(thick_series(stack), stack.discs, Region.CANAL)
        yield Verdict("T2 SPACE", "good", "as it is, 3.6 mm", "motion" if moves else "passed")


def _shown(one: Slice) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    rng = np.random.default_rng(0)
    assert one.plane is not None
    spacing = one.plane.pixel_mm
    yield "good", "as it is", one.pixels
    for name, change in CHANGES.items():
        yield "good, another scanner", name, _as_grey(one.pixels, change, rng)
    for name, way in MOTIONS.items():
        for grade, amount in AMOUNTS_MM.items():
            yield f"{grade} motion, {amount} mm", name, moved(one.pixels, spacing, way, poses(way, amount, rng))


def said(picture: Picture, pixels: NDArray[np.float32], detector: Detector) -> str:
    """What the reading would do with the series of this picture."""
    shown = replace(picture.series, slices=(replace(picture.series.slices[0], pixels=pixels),))
    found = localise(shown, detector)
    if not found.named:
        return "levels not named"
    return "motion" if has_moved(shown, found.points, _REGION[picture.kind]) else "passed"


def _table(verdicts: Sequence[Verdict], command: str) -> Table:
    data = ("real T1 and T2 of SPIDER's held-out patients, who set neither weight nor threshold, and T2 SPACE of all, which "
            "set none either; motion and changes are DRAWN")  # fmt: skip
    columns = ("sequence", "pictures", "how", "number", "levels not named: refused without this check",
               "refused by this check", "both")  # fmt: skip
    return Table("Motion found and good pictures refused", data, command, columns, tuple(_rows(verdicts)))


def _rows(verdicts: Sequence[Verdict]) -> Iterator[tuple[str, ...]]:
    """As drawn; after a group of several cases what is of all of them."""
    for kind, group in dict.fromkeys((v.kind, v.group) for v in sorted(verdicts, key=lambda v: v.kind)):
        said: dict[str, list[str]] = defaultdict(list)
        for v in verdicts:
            if (v.kind, v.group) == (kind, group):
                said[v.case].append(v.said)
        if len(said) > 1:
            said["all of them"] = [one for each in said.values() for one in each]
        yield from ((kind, group, case, str(len(each)), *_cells(each)) for case, each in said.items())


def _cells(each: Sequence[str]) -> tuple[str, ...]:
    unnamed, moving = each.count("levels not named"), each.count("motion")
    return tuple(share(hits, len(each)) for hits in (unnamed, moving, unnamed + moving))


# --- fitting -----------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    kind: str
    has_moved: bool
    sets_threshold: bool
    row: Row


def fitted(pictures: Sequence[Picture], detector: Detector) -> str:
    """Weights and thresholds as they stand in the program."""
    examples = [e for picture in pictures for e in _examples(picture, detector)]
    weights, bias = logistic(np.stack([e.row for e in examples]), np.array([e.has_moved for e in examples]))
    lines = [f"WEIGHTS = ({', '.join(str(w) for w in weights)})", f"BIAS = {bias}"]
    for kind, region in _REGION.items():
        good = [bias + float(weights @ e.row) for e in examples if e.kind == kind and e.sets_threshold]
        lines.append(f"{region}: {np.quantile(good, 1 - GOOD_REFUSED):.2f}   # {len(good)} good {kind}")
    return "\n".join(lines)


def logistic(rows: NDArray[np.float32], has_moved: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
    """Weights of the plain statistics, in hundredths; both classes weigh alike."""
    from sklearn.linear_model import LogisticRegression

    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    found = LogisticRegression(C=1.0, max_iter=1000, class_weight="balanced").fit((rows - mean) / spread, has_moved)
    weights = np.round(found.coef_[0] / spread, 2)
    return weights, round(float(found.intercept_[0] - found.coef_[0] / spread @ mean), 2)


def _examples(picture: Picture, detector: Detector) -> Iterator[Example]:
    one = _averaged(picture.series.slices[0])
    points = localise(replace(picture.series, slices=(one,)), detector).points
    if len(points) < 2:
        return
    assert one.plane is not None
    spacing = one.plane.pixel_mm
    rng = np.random.default_rng(int(picture.patient) if picture.patient.isdigit() else 0)
    others = [any_change(rng) for _ in range(4)]
    for is_fixed, change in [(True, None), *((True, c) for c in CHANGES.values()), *((False, c) for c in others)]:
        pixels = one.pixels if change is None else _as_grey(one.pixels, change, rng)
        yield Example(picture.kind, False, is_fixed, _row(one, pixels, points))
    for n in range(5):
        way = any_motion(rng)
        pixels = moved(one.pixels, spacing, way, poses(way, float(rng.choice(FITTED_MM)), rng))
        shown = pixels if n % 2 else _as_grey(pixels, any_change(rng), rng)
        yield Example(picture.kind, True, False, _row(one, shown, points))


def _row(one: Slice, pixels: NDArray[np.float32], points: Points) -> Row:
    return motion.statistics(motion.region(replace(one, pixels=pixels), points))


def _averaged(one: Slice) -> Slice:
    """Not finer than `_FINEST_MM`."""
    assert one.plane is not None
    rows, columns = (round(n * min(1.0, s / _FINEST_MM)) for n, s in
                     ((one.plane.rows, one.plane.row_spacing), (one.plane.columns, one.plane.column_spacing)))  # fmt: skip
    pixels = cv2.resize(one.pixels, (columns, rows), interpolation=cv2.INTER_AREA)
    plane = replace(one.plane, rows=rows, columns=columns, row_spacing=one.plane.row_spacing * one.plane.rows / rows,
                    column_spacing=one.plane.column_spacing * one.plane.columns / columns)  # fmt: skip
    return replace(one, pixels=pixels, plane=plane)


def _as_grey(pixels: NDArray[np.float32], change, rng: np.random.Generator) -> NDArray[np.float32]:  # type: ignore[no-untyped-def]
    """Changed as 8 bits of the box's own window."""
    return np.asarray(change(window_of(pixels).apply(pixels)[None], rng)[0], dtype=np.float32)
