"""The whole reading, measured: a labelled study read as the box reads it, beside its truth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from appliance.core.report import Report
from appliance.core.spine import Level, Severity, Side
from appliance.errors import InputError
from appliance.pipeline import DEFAULTS, Models, Options, read_study
from export.datasets.sample import LabelledStudy
from export.metrics import Graded

_AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Read:
    """One study: what was graded, what was not, how far each level's centre lay from its truth."""

    study_id: str
    graded: tuple[Graded, ...]
    not_assessed: int
    """Places that have a truth and got no grade."""
    level_errors_mm: tuple[float, ...] = ()
    levels_missing: int = 0
    reasons: tuple[str, ...] = ()
    """Why, for each of the places not assessed."""


def read_one(labelled: LabelledStudy, models: Models, options: Options = DEFAULTS) -> Read:
    """A study read by the pipeline and laid beside its truth; one that is refused as a whole gets no grade at all."""
    try:
        report = read_study(labelled.load(), models, _AT, options=options)
    except InputError as error:
        return _refused(labelled, error)
    return compare(labelled, report)


def _refused(labelled: LabelledStudy, error: InputError) -> Read:
    count = sum(p.severity is not None for p in labelled.places)
    return Read(labelled.study_id, (), count, (), len(labelled.levels), (error.code.value,) * count)


def compare(labelled: LabelledStudy, report: Report) -> Read:
    """A report against the truth of the same study."""
    truth = {(p.condition, p.level): p.severity for p in labelled.places if p.severity is not None}
    found = {level.level: level.position_mm for level in report.levels if level.position_mm is not None}
    centres = {x.level: x.position_mm for x in labelled.levels}
    errors = [_distance(found[level], centres[level]) for level in centres if level in found]
    graded = tuple(
        Graded(labelled.study_id, f.condition, f.level, truth[f.condition, f.level], f.probabilities, labelled.patient)
        for f in report.findings
        if f.probabilities is not None and (f.condition, f.level) in truth
    )
    reasons = tuple(f.reason.value for f in report.findings if f.reason is not None and (f.condition, f.level) in truth)
    return Read(
        labelled.study_id, graded, len(truth) - len(graded), tuple(errors), len(centres) - len(errors), reasons
    )


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

