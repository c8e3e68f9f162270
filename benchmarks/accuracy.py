"""Every accuracy of the models in one command, in the order of docs/evaluation.md: `python -m benchmarks.accuracy`.

Or some of them: `python -m benchmarks.accuracy levels grades`. The parts are those of `python -m export.evaluate`, with
its options of rest; a workbench with the real pictures and the cut crops needs about an hour on two cores, and another for
`held-out`, which trains eight detectors (what it has done is kept).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from export.evaluate import main as evaluate

PARTS: Mapping[str, Sequence[Sequence[str]]] = {
    "levels": [("levels",)],
    "groups": [("groups",)],
    "held-out": [("held-out",)],
    "grades": [
        ("grades", "--crops", "runs/grader/cache/test", "--studies", "100"),
        ("grades", "--crops", "runs/grader/cache/test_natural", "--studies", "40"),
        ("grades", "--balance", "natural", "--studies", "20", "--series"),
    ],
    "depth": [("depth",)],
    "stability": [("stability",)],
    "calibration": [("calibration",)],
    "refusals": [("refusals",)],
}


def main(parts: Sequence[str]) -> int:
    """All parts, or those named."""
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise SystemExit(f"no part named {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    for part in parts or PARTS:
        for arguments in PARTS[part]:
            print(f"== {' '.join(arguments)}", flush=True)
            evaluate(list(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
