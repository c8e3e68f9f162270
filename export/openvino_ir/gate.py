"""May these INT8 weights take the place of the FP32 ones? A pure verdict over measured numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

ALLOWED_DROP = 0.01
"""One point of any metric (issue 2: INT8 within one point of FP32)."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`drops` are FP32 minus INT8 for each metric, in the metric's own units; higher metrics are better."""

    passed: bool
    drops: Mapping[str, float]
    worst: str


def gate(fp32: Mapping[str, float], int8: Mapping[str, float], allowed_drop: float) -> Verdict:
    """Pass when no metric fell by more than `allowed_drop`.

    Raises ValueError when the two do not hold the same metrics, or hold none: a gate with nothing to
    measure must not open.
    """
    if not fp32 or set(fp32) != set(int8):
        raise ValueError(f"FP32 and INT8 must share their metrics: {sorted(fp32)} against {sorted(int8)}")
    drops = {name: fp32[name] - int8[name] for name in fp32}
    if any(math.isnan(drop) for drop in drops.values()):
        raise ValueError("a metric is not a number")
    worst = max(drops, key=lambda name: drops[name])
    return Verdict(passed=drops[worst] <= allowed_drop, drops=drops, worst=worst)
