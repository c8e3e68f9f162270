"""Intervals of shares and medians when patients, not pictures, are drawn again. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")
RESAMPLES = 1000


def by_patient(
    rows: Mapping[str, Sequence[T]], figure: Callable[[Sequence[T]], float], seed: int = 0, resamples: int = RESAMPLES
) -> tuple[float, float]:
    """95 % percentile interval of `figure` over all rows; a patient's rows come and go together."""
    names = sorted(rows)
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = [row for n in rng.integers(0, len(names), len(names)) for row in rows[names[n]]]
        values.append(figure(drawn))
    kept = np.array(values)[np.isfinite(values)]
    if not kept.size:
        return float("nan"), float("nan")
    low, high = np.percentile(kept, (2.5, 97.5))
    return float(low), float(high)


def wilson(hits: int, count: int) -> tuple[float, float]:
    """95 % interval of a share that stays honest at 0 and at 100 % (Wilson 1927); (0, 1) without a case."""
    if not count:
        return 0.0, 1.0
    z, p = 1.96, hits / count
    middle = (p + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * float(np.sqrt(p * (1 - p) / count + z * z / (4 * count * count)))
    return max(0.0, middle - half), min(1.0, middle + half)
