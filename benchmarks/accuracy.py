"""Every accuracy of the models in one command, in the order of docs/evaluation.md: `python -m benchmarks.accuracy`.

Or some of them: `python -m benchmarks.accuracy levels grades --data DIR`. The parts are those of `python -m
export.evaluate`, with its options of rest. A workbench with the real pictures and the cut crops needs about an hour on one
core, and another for the eight detectors that `held-out` trains (what it has done is kept). A part whose pictures are not
at hand is left out, and said so: the exit status is then 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import FOLDER

REAL = "SPIDER's and Sudirman's pictures (docs/train.md, Pictures), in the folder that --data names"
CROPS = "crops of unseen phantoms: python -m export.grader.prepare --split {0}"


@dataclass(frozen=True, slots=True)
class Step:
    """One call of `export.evaluate`. `real` are folders below --data, `crops` splits below runs/grader/cache."""

    arguments: tuple[str, ...]
    real: tuple[str, ...] = ()
    crops: tuple[str, ...] = ()

    def missing(self, data: Path, crops: Path) -> Iterator[str]:
        """What is not there, and how to get it."""
        yield from (f"{data / name}: {REAL}" for name in self.real if not (data / name).is_dir())
        yield from (f"{crops / s}: {CROPS.format(s)}" for s in self.crops if not any((crops / s).glob("*")))


CACHE = Path("runs/grader/cache")
SPACE, MIDSAGITTAL, AXIAL = "spider_t2_space", "spider_midsagittal", "sudirman_slices"
SCALES = ("--only", "Siemens", "Philips", "T1", "--finest-mm", "0", "0.6", "0.7", "0.85")
PARTS: Mapping[str, Sequence[Step]] = {
    "levels": [Step(("levels",), (SPACE, MIDSAGITTAL))],
    "groups": [Step(("groups",), (SPACE, MIDSAGITTAL))],
    "held-out": [Step(("held-out",), (SPACE, MIDSAGITTAL))],
    "scale": [Step(("scale", *SCALES), (SPACE, MIDSAGITTAL))],
    "short-disc": [Step(("short-disc",), (SPACE, MIDSAGITTAL))],
    "grades": [
        Step(("grades", "--balance", "training", "--studies", "40")),
        Step(("grades", "--crops", str(CACHE / "test"), "--studies", "100"), crops=("test",)),
        Step(("grades", "--crops", str(CACHE / "test_natural"), "--studies", "40"), crops=("test_natural",)),
        Step(("grades", "--balance", "natural", "--studies", "20", "--series")),
    ],
    "depth": [Step(("depth",), (SPACE,))],
    "stability": [Step(("stability",), (SPACE,), ("test",))],
    "calibration": [Step(("calibration", "--studies", "80"), crops=("val", "test"))],
    "refusals": [Step(("refusals", "--studies", "4"), (SPACE, MIDSAGITTAL, AXIAL), ("train",))],
    "motion": [Step(("motion",), (SPACE, MIDSAGITTAL))],
    "recipes": [Step(("recipes", "--studies", "30"), crops=("train", "val", "test"))],
}
BY_THEMSELVES: Mapping[str, str] = {
    "folds": "it trains three graders for each fold",
    "steps": "it needs the checkpoint of each step, --step NAME=CHECKPOINT",
    "second": "it needs the second graders, whose weights are not shipped",
}
"""Parts of `export.evaluate` that are run on their own, and why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """All parts, or those named; 1 when one was left out."""
    parser = argparse.ArgumentParser(prog="benchmarks.accuracy", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of: {', '.join(PARTS)}; all without a name")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the real pictures")
    parser.add_argument("--results", type=Path, default=FOLDER, help="for benchmarks.again: another folder")
    args = parser.parse_args(arguments)
    unknown = sorted(set(args.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part named {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    steps = [step for part in args.parts or PARTS for step in PARTS[part]]
    done = [_run(step, args.data, args.results) for step in steps]
    for part, why in BY_THEMSELVES.items() if not args.parts else ():
        print(f"== not run here: python -m export.evaluate {part}: {why}")
    return 0 if all(done) else 1


def _run(step: Step, data: Path, results: Path) -> bool:
    """False when it was left out."""
    name = " ".join(step.arguments)
    missing = list(step.missing(data, CACHE))
    for one in missing:
        print(f"== {name}: left out, missing {one}", flush=True)
    if not missing:
        from export.evaluate import main as evaluate

        print(f"== {name}", flush=True)
        evaluate([*step.arguments, *(("--data", str(data)) if step.real else ()), "--results", str(results)])
    return not missing


if __name__ == "__main__":
    sys.exit(main())
