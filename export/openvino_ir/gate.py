"""May these INT8 weights take the place of the FP32 ones? A pure verdict over measured numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

ALLOWED_DROP = 0.005
"""Half a point of any metric (issue 3: INT8 within 0.5 points of FP32 on every metric that is reported)."""
ROUNDING = 1e-9
"""So that 995 right of 1,000 where there were 1,000 is half a point, not a hair more."""
LOWER_IS_BETTER = frozenset({"weighted_log_loss", "calibration_error"})
"""Of all other metrics more is better."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`drops` say how much worse INT8 is in each metric, in the metric's own units."""

    passed: bool
    drops: Mapping[str, float]
    worst: str


def gate(fp32: Mapping[str, float], int8: Mapping[str, float], allowed_drop: float) -> Verdict:
    """Pass when no metric became worse by more than `allowed_drop`.

    Raises ValueError when the two do not hold the same metrics, or hold none: a gate with nothing to
    measure must not open.
    """
    if not fp32 or set(fp32) != set(int8):
        raise ValueError(f"FP32 and INT8 must share their metrics: {sorted(fp32)} against {sorted(int8)}")
    drops = {name: (fp32[name] - int8[name]) * (-1 if name in LOWER_IS_BETTER else 1) for name in fp32}
    if any(math.isnan(drop) for drop in drops.values()):
        raise ValueError("a metric is not a number")
    worst = max(drops, key=lambda name: drops[name])
    return Verdict(passed=drops[worst] <= allowed_drop + ROUNDING, drops=drops, worst=worst)
