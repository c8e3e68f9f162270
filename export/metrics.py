"""What a grading is worth. Pure numpy: labels are 0, 1, 2 (normal_mild, moderate, severe), probabilities (n, 3).

Macro F1 over classes that occur neither as label nor as prediction leaves those classes out. The official score
follows RSNA 2024: weighted log losses of the three regions and of "any severe canal stenosis", averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from appliance.core.spine import SEVERITIES, Condition, Level, Region, Severity

Labels = NDArray[np.integer]
Probabilities = NDArray[np.floating]

CLASSES = len(SEVERITIES)
RSNA_WEIGHTS = np.array([1.0, 2.0, 4.0])
"""Of normal_mild, moderate and severe in RSNA 2024's log loss."""
LOG_CLIP = 1e-15
BINS = 10
"""Of confidence, for calibration."""


def confusion(truth: Labels, said: Labels) -> NDArray[np.int64]:
    """(3, 3) counts: row = truth, column = answer."""
    counts = np.zeros((CLASSES, CLASSES), dtype=np.int64)
    np.add.at(counts, (np.asarray(truth, dtype=int), np.asarray(said, dtype=int)), 1)
    return counts


def accuracy(counts: NDArray[np.integer]) -> float:
    return _share(np.trace(counts), counts.sum())


def recall(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Of each class; NaN where the class has no case."""
    return _shares(np.diag(counts), counts.sum(axis=1))


def precision(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Of each class; NaN where it was never said."""
    return _shares(np.diag(counts), counts.sum(axis=0))


def f1(counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Of each class; NaN where it neither occurs nor was said."""
    return _shares(2 * np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1))


def macro_f1(counts: NDArray[np.integer]) -> float:
    """Mean F1 of the classes that occur or were said; NaN without a case."""
    each = f1(counts)
    return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")


def weighted_f1(counts: NDArray[np.integer]) -> float:
    """Mean F1 of the classes that occur, weighted by how often they do."""
    cases = counts.sum(axis=1)
    return _share(float(np.nansum(f1(counts) * cases)), cases.sum())


def quadratic_kappa(counts: NDArray[np.integer]) -> float:
    """Cohen's kappa with quadratic weights; NaN where chance alone would agree (one class only)."""
    return _kappa(counts, 2)


def linear_kappa(counts: NDArray[np.integer]) -> float:
    """Cohen's kappa with linear weights; NaN where chance alone would agree."""
    return _kappa(counts, 1)


def _kappa(counts: NDArray[np.integer], power: int) -> float:
    ranks = np.arange(CLASSES)
    penalty = np.abs(ranks[:, None] - ranks[None, :]) ** power
    chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1)
    expected = float((penalty * chance).sum())
    return 1 - float((penalty * counts).sum()) / expected if expected > 0 else float("nan")


def weighted_log_loss(truth: Labels, probabilities: Probabilities) -> float:
    """RSNA's: mean over cases weighted 1/2/4 by the true class."""
    truth = np.asarray(truth, dtype=int)
    p = _normalised(probabilities)[np.arange(len(truth)), truth]
    return float(np.average(-np.log(p), weights=RSNA_WEIGHTS[truth]))


def calibration_error(truth: Labels, probabilities: Probabilities, bins: int = BINS) -> float:
    """Expected calibration error: |confidence - accuracy| averaged over bins of confidence."""
    return error_of_bins(calibration_bins(truth, probabilities, bins))


def calibration_bins(truth: Labels, probabilities: Probabilities, bins: int = BINS) -> NDArray[np.float64]:
    """(bins, 3) sums over the cases whose confidence falls there: confidence, right answers, cases."""
    p = np.asarray(probabilities, dtype=np.float64)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == np.asarray(truth)
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    sums = np.zeros((bins, 3))
    np.add.at(sums, which, np.stack([confidence, right, np.ones(len(p))], axis=1))
    return sums


def error_of_bins(sums: NDArray[np.floating]) -> float:
    """The expected calibration error of `calibration_bins`."""
    return _share(float(np.abs(sums[:, 0] - sums[:, 1]).sum()), sums[:, 2].sum())


@dataclass(frozen=True, slots=True)
class Graded:
    """One place of one study: what it is and what was said."""

    study_id: str
    condition: Condition
    level: Level
    truth: Severity
    probabilities: tuple[float, float, float]
    patient: str = ""
    """Empty where a patient has one study."""

    @property
    def group(self) -> str:
        """What intervals and folds keep together."""
        return self.patient or self.study_id


def official_score(cases: Sequence[Graded]) -> dict[str, float]:
    """RSNA 2024's four weighted log losses and their mean under `score`; a region without cases is left out."""
    losses = {}
    for region in Region:
        own = [c for c in cases if c.condition.region is region]
        if own:
            losses[region.value] = weighted_log_loss(*arrays(own))
    canal = [c for c in cases if c.condition.region is Region.CANAL]
    if canal:
        losses["any_severe_canal"] = any_severe_loss(canal)
    return {**losses, "score": float(np.mean(list(losses.values())))}


def any_severe_loss(canal: Sequence[Graded]) -> float:
    """Binary log loss of "severe anywhere": label and prediction are maxima over levels, the weight the largest."""
    studies: dict[str, list[Graded]] = {}
    for case in canal:
        studies.setdefault(case.study_id, []).append(case)
    loss, weight = [], []
    for cases in studies.values():
        truth, probabilities = arrays(cases)
        p = float(np.clip(probabilities[:, 2].max(), LOG_CLIP, 1 - LOG_CLIP))
        loss.append(-np.log(p) if (truth == 2).any() else -np.log1p(-p))
        weight.append(RSNA_WEIGHTS[truth].max())
    return float(np.average(loss, weights=weight))


def any_severe_counts(cases: Sequence[Graded]) -> NDArray[np.int64]:
    """(2, 2) studies: row = any level's canal is severe, column = any was said severe (the box's alert)."""
    counts = np.zeros((2, 2), dtype=np.int64)
    studies: dict[str, list[Graded]] = {}
    for case in cases:
        if case.condition.region is Region.CANAL:
            studies.setdefault(case.study_id, []).append(case)
    for own in studies.values():
        truth, probabilities = arrays(own)
        counts[int((truth == 2).any()), int((probabilities.argmax(axis=1) == 2).any())] += 1
    return counts


def arrays(cases: Sequence[Graded]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Labels (n,) and probabilities (n, 3)."""
    return np.array([c.truth.rank for c in cases], dtype=np.int64), np.array([c.probabilities for c in cases])


def always_normal(cases: Sequence[Graded]) -> list[Graded]:
    """The zero line: the same cases, each called normal_mild with certainty 0.98."""
    return [replace(c, probabilities=(0.98, 0.01, 0.01)) for c in cases]


def constant_prior(cases: Sequence[Graded]) -> list[Graded]:
    """The zero line of log losses: every place is given its region's weighted class shares, the best constant."""
    shares = {name: _weighted_shares(own) for name, own in by_group(cases, "region").items()}
    return [replace(c, probabilities=shares[c.condition.region]) for c in cases]


def _weighted_shares(cases: Sequence[Graded]) -> tuple[float, float, float]:
    weights = np.bincount([c.truth.rank for c in cases], minlength=CLASSES) * RSNA_WEIGHTS
    normal, moderate, severe = (float(w) for w in weights / weights.sum())
    return normal, moderate, severe


def summary(cases: Sequence[Graded]) -> dict[str, object]:
    """Everything worth saying about a set of cases, ready for JSON."""
    truth, probabilities = arrays(cases)
    counts = confusion(truth, probabilities.argmax(axis=1))
    return {
        "cases": len(cases),
        "accuracy": accuracy(counts),
        "always_normal_accuracy": float((truth == 0).mean()),
        "macro_f1": macro_f1(counts),
        "weighted_f1": weighted_f1(counts),
        "precision": precision(counts).tolist(),
        "recall": recall(counts).tolist(),
        "f1": f1(counts).tolist(),
        "quadratic_kappa": quadratic_kappa(counts),
        "linear_kappa": linear_kappa(counts),
        "weighted_log_loss": weighted_log_loss(truth, probabilities),
        "calibration_error": calibration_error(truth, probabilities),
        "confusion": counts.tolist(),
    }


def macro_f1_by_place(cases: Sequence[Graded]) -> dict[tuple[Condition, Level], float]:
    """Macro F1 of each of the 25 places that has cases."""
    groups: dict[tuple[Condition, Level], list[Graded]] = {}
    for case in cases:
        groups.setdefault((case.condition, case.level), []).append(case)
    return {place: macro_f1(_counts(own)) for place, own in groups.items()}


def by_group(cases: Sequence[Graded], key: str) -> Mapping[str, list[Graded]]:
    """Cases by the value of `condition`, `level` or `region`."""
    groups: dict[str, list[Graded]] = {}
    for case in cases:
        value = case.condition.region if key == "region" else getattr(case, key)
        groups.setdefault(str(value), []).append(case)
    return groups


def _counts(cases: Sequence[Graded]) -> NDArray[np.int64]:
    truth, probabilities = arrays(cases)
    return confusion(truth, probabilities.argmax(axis=1))


def _normalised(probabilities: Probabilities) -> NDArray[np.float64]:
    p = np.clip(np.asarray(probabilities, dtype=np.float64), LOG_CLIP, 1 - LOG_CLIP)
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")


def _shares(part: NDArray[np.integer], whole: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.asarray(np.divide(part, whole, out=np.full(CLASSES, np.nan), where=whole > 0), dtype=np.float64)
