"""Every figure of a set of graded places from sums over patients, so that drawing patients again costs nothing.

`figures` of all patients' sums are the figures of `export.metrics`; `intervals` are their 95 % percentile intervals
over patients drawn with replacement (Efron's bootstrap, the patient as the unit).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core.spine import SEVERITIES, Region
from export import metrics
from export.metrics import Graded

RESAMPLES = 1000
Figures = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Sums of n patients, in the order of their names: (n, ...) each. A row can be counted any number of times."""

    confusion: NDArray[np.float64]
    """(n, 3, 3)"""
    bins: NDArray[np.float64]
    """(n, BINS, 3): see `metrics.calibration_bins`."""
    loss: NDArray[np.float64]
    """(n, 2): weighted log loss and its weight."""
    official: NDArray[np.float64]
    """(n, 4, 2): the same of canal, foraminal, subarticular and any severe canal."""
    alert: NDArray[np.float64]
    """(n, 2, 2): see `metrics.any_severe_counts`."""

    def summed(self, times: NDArray[np.integer]) -> Tally:
        """One row: each patient counted so many times."""
        parts = (self.confusion, self.bins, self.loss, self.official, self.alert)
        return Tally(*(np.tensordot(times, part, 1)[None] for part in parts))

    def __len__(self) -> int:
        return len(self.loss)


def tally_of(cases: Sequence[Graded], patients: Sequence[str] | None = None) -> Tally:
    """One row for each patient; `patients` may name more than have cases, so that two tallies can be paired."""
    by_patient: dict[str, list[Graded]] = {name: [] for name in patients or ()}
    for case in cases:
        by_patient.setdefault(case.group, []).append(case)
    rows = [_row(by_patient[name]) for name in sorted(by_patient)]
    return Tally(*(np.stack(parts) for parts in zip(*rows, strict=True)))


def figures(tally: Tally) -> Figures:
    """Of all rows together. A figure without a case is NaN."""
    counts = tally.confusion.sum(axis=0)
    severe = tally.alert.sum(axis=0)
    each = {"precision": metrics.precision(counts), "recall": metrics.recall(counts), "f1": metrics.f1(counts)}
    losses = [_ratio(*part) for part in tally.official.sum(axis=0)]
    return {
        "accuracy": metrics.accuracy(counts),
        "macro_f1": metrics.macro_f1(counts),
        "weighted_f1": metrics.weighted_f1(counts),
        "quadratic_kappa": metrics.quadratic_kappa(counts),
        "linear_kappa": metrics.linear_kappa(counts),
        "weighted_log_loss": _ratio(*tally.loss.sum(axis=0)),
        "calibration_error": metrics.error_of_bins(tally.bins.sum(axis=0)),
        "score": float(np.nanmean(losses)) if np.isfinite(losses).any() else float("nan"),
        "any_severe_sensitivity": _ratio(severe[1, 1], severe[1].sum()),
        "any_severe_specificity": _ratio(severe[0, 0], severe[0].sum()),
        **{f"{name}_{s}": float(values[s.rank]) for name, values in each.items() for s in SEVERITIES},
    }


def intervals(tally: Tally, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, tuple[float, float]]:
    """95 % of each figure when patients are drawn again."""
    return {name: _interval(values) for name, values in _drawn(tally, resamples, seed).items()}


def paired(a: Tally, b: Tally, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, tuple[float, float]]:
    """95 % of each figure of `a` less that of `b`, the same patients drawn for both."""
    if len(a) != len(b):
        raise ValueError("paired tallies are of the same patients")
    one, other = _drawn(a, resamples, seed), _drawn(b, resamples, seed)
    return {name: _interval(one[name] - other[name]) for name in one}


def _drawn(tally: Tally, resamples: int, seed: int) -> dict[str, NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    n = len(tally)
    times = rng.multinomial(n, np.full(n, 1 / n), size=resamples)
    found = [figures(tally.summed(t)) for t in times]
    return {name: np.array([f[name] for f in found]) for name in found[0]}


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    kept = values[np.isfinite(values)]
    if not kept.size:
        return float("nan"), float("nan")
    low, high = np.percentile(kept, (2.5, 97.5))
    return float(low), float(high)


def _row(cases: Sequence[Graded]) -> tuple[NDArray[np.float64], ...]:
    if not cases:
        return np.zeros((3, 3)), np.zeros((metrics.BINS, 3)), np.zeros(2), np.zeros((4, 2)), np.zeros((2, 2))
    truth, probabilities = metrics.arrays(cases)
    counts = metrics.confusion(truth, probabilities.argmax(axis=1))
    regions = [_loss([c for c in cases if c.condition.region is region]) for region in Region]
    official = np.array([*regions, _any_severe([c for c in cases if c.condition.region is Region.CANAL])])
    bins = metrics.calibration_bins(truth, probabilities)
    return counts.astype(float), bins, np.array(_loss(cases)), official, metrics.any_severe_counts(cases).astype(float)


def _loss(cases: Sequence[Graded]) -> tuple[float, float]:
    if not cases:
        return 0.0, 0.0
    truth, probabilities = metrics.arrays(cases)
    weight = float(metrics.RSNA_WEIGHTS[truth].sum())
    return metrics.weighted_log_loss(truth, probabilities) * weight, weight


def _any_severe(canal: Sequence[Graded]) -> tuple[float, float]:
    """Over the studies of one patient: loss and weight."""
    loss = weight = 0.0
    for study in dict.fromkeys(c.study_id for c in canal):
        own = [c for c in canal if c.study_id == study]
        heavy = float(metrics.RSNA_WEIGHTS[[c.truth.rank for c in own]].max())
        loss, weight = loss + metrics.any_severe_loss(own) * heavy, weight + heavy
    return loss, weight


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
