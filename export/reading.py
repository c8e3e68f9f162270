"""The whole reading, measured: synthetic studies never seen, read as the box reads them, beside their truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from appliance.core.report import Report
from appliance.core.spine import Level, Severity, Side
from appliance.pipeline import DEFAULTS, Models, Options, read_study
from export.datasets.phantom import labelled_rendering
from export.datasets.sample import LabelledStudy
from export.metrics import Graded
from export.phantom import render_study
from export.phantom.options import Balance, PhantomOptions

UNSEEN_SEED = 990_002
"""Of the synthetic studies that only this measurement draws; training draws from other seeds."""

_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Read:
    """One study: what was graded, what was not, how far each level's centre lay from its truth."""

    study_id: str
    graded: tuple[Graded, ...]
    not_assessed: int
    level_errors_mm: tuple[float, ...]
    levels_missing: int


def unseen(count: int, balance: Balance, seed: int = UNSEEN_SEED) -> Iterator[LabelledStudy]:
    """Studies with all quirks of the real world that leave a study readable."""
    for index in range(count):
        yield labelled_rendering(render_study(seed, index, PhantomOptions(balance=balance)))


def read_all(
    studies: Iterable[LabelledStudy], models: Models, options: Options = DEFAULTS
) -> Iterator[tuple[Read, Report]]:
    """Each study read by the pipeline and laid beside its truth."""
    for labelled in studies:
        report = read_study(labelled.load(), models, _AT, options=options)
        yield compare(labelled, report), report


def compare(labelled: LabelledStudy, report: Report) -> Read:
    """A report against the truth of the same study."""
    truth = {(p.condition, p.level): p.severity for p in labelled.places if p.severity is not None}
    found = {level.level: level.position_mm for level in report.levels if level.position_mm is not None}
    centres = {x.level: x.position_mm for x in labelled.levels}
    errors = [_distance(found[level], centres[level]) for level in centres if level in found]
    graded = tuple(
        Graded(labelled.study_id, f.condition, f.level, truth[f.condition, f.level], f.probabilities)
        for f in report.findings
        if f.probabilities is not None and (f.condition, f.level) in truth
    )
    return Read(labelled.study_id, graded, 25 - len(graded), tuple(errors), len(centres) - len(errors))


def sides_exchanged(cases: Iterable[Graded]) -> tuple[int, int]:
    """(exchanged, judged): pairs whose truth is graver on one side, and the answer graver on the other."""
    by_place: dict[tuple[str, str, Level], dict[Side, tuple[Severity, int]]] = {}
    for case in cases:
        side = case.condition.side
        if side is not None:
            key = (case.study_id, case.condition.region, case.level)
            by_place.setdefault(key, {})[side] = (case.truth, int(np.argmax(case.probabilities)))
    pairs = [p for p in by_place.values() if len(p) == 2 and p[Side.LEFT][0] is not p[Side.RIGHT][0]]
    return sum(_exchanged(p) for p in pairs), len(pairs)


def _exchanged(pair: dict[Side, tuple[Severity, int]]) -> bool:
    (left, said_left), (right, said_right) = pair[Side.LEFT], pair[Side.RIGHT]
    return (left.rank - right.rank) * (said_left - said_right) < 0


def _distance(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    """In the sagittal plane: a disc's centre has no true place from left to right on one slice."""
    return float(np.hypot(a[1] - b[1], a[2] - b[2]))

