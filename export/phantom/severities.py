"""Drawing the 25 parameters of a study: RSNA's class counts, conditions of one level and one spine correlated."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES, Condition, Level, Severity
from export.phantom.grades import parameter_of
from export.phantom.options import Balance, PhantomOptions

Place = tuple[Condition, Level]

# Counts normal_mild/moderate/severe in L1/L2..L5/S1 of RSNA 2024's published labels (reference, "Class counts").
NATURAL_COUNTS: dict[Condition, tuple[tuple[int, int, int], ...]] = {
    Condition.SPINAL_CANAL_STENOSIS: (
        (1886, 67, 21), (1770, 151, 53), (1622, 230, 122), (1482, 237, 255), (1904, 51, 19)),
    Condition.LEFT_NEURAL_FORAMINAL_NARROWING: (
        (1908, 63, 2), (1791, 171, 11), (1522, 411, 40), (1204, 629, 140), (1247, 520, 206)),
    Condition.RIGHT_NEURAL_FORAMINAL_NARROWING: (
        (1891, 63, 13), (1793, 168, 6), (1512, 414, 41), (1208, 629, 130), (1281, 496, 190)),
    Condition.LEFT_SUBARTICULAR_STENOSIS: (
        (1690, 93, 28), (1555, 255, 83), (1324, 454, 194), (887, 624, 461), (1408, 409, 147)),
    Condition.RIGHT_SUBARTICULAR_STENOSIS: (
        (1680, 110, 24), (1577, 243, 73), (1322, 454, 197), (891, 622, 460), (1399, 396, 173)),
}  # fmt: skip
TRAINING_SHARES = (0.50, 0.27, 0.23)  # a mix that shows a network every grade at every place

# Shares of the latent's variance. "Conditions of a level are correlated" [C]; the sizes are our choice.
SHARED_BY_STUDY = {Balance.NATURAL: 0.25, Balance.TRAINING: 0.08}
SHARED_BY_LEVEL = {Balance.NATURAL: 0.30, Balance.TRAINING: 0.22}


def shares(condition: Condition, level: Level, balance: Balance) -> tuple[float, float, float]:
    """Probability of normal_mild, moderate, severe at one place."""
    if balance is Balance.TRAINING:
        return TRAINING_SHARES
    counts = NATURAL_COUNTS[condition][LEVELS.index(level)]
    total = sum(counts)
    return counts[0] / total, counts[1] / total, counts[2] / total


def value_at(condition: Condition, quantile: float, probabilities: tuple[float, float, float]) -> float:
    """The parameter's value at a quantile of badness: 0 the best in the population, 1 the worst."""
    start = 0.0
    for severity, share in zip(SEVERITIES, probabilities, strict=True):
        if quantile < start + share or severity is Severity.SEVERE:
            low, high = parameter_of(condition).interval(severity)
            within = min(max((quantile - start) / share, 0.0), 1.0)
            return high - (high - low) * (within**0.8 if severity is Severity.NORMAL_MILD else within)
        start += share
    raise AssertionError("probabilities do not add up to one")


def draw_parameters(rng: np.random.Generator, options: PhantomOptions) -> Mapping[Place, float]:
    """All 25 parameters (mm2 for the canal, mm otherwise), overrides not yet applied."""
    by_study, by_level = SHARED_BY_STUDY[options.balance], SHARED_BY_LEVEL[options.balance]
    of_study = rng.standard_normal()
    values: dict[Place, float] = {}
    for level in LEVELS:
        of_level = rng.standard_normal()
        for condition in CONDITIONS:
            own = rng.standard_normal()
            latent = math.sqrt(by_study) * of_study + math.sqrt(by_level) * of_level
            latent += math.sqrt(1 - by_study - by_level) * own
            quantile = 0.5 * (1 + math.erf(latent / math.sqrt(2)))
            values[condition, level] = value_at(
                condition, quantile, shares(condition, level, options.balance)
            )
    return values


def with_overrides(values: Mapping[Place, float], options: PhantomOptions) -> Mapping[Place, float]:
    """The same parameters with the caller's own in their places."""
    return {**values, **{(condition, level): value for condition, level, value in options.override}}
