"""`python -m export.evaluate PART …`: every measurement of the models, one door.

    levels       finding and naming the levels on real held-out images, and on synthetic ones
    groups       the same by maker, field strength and sequence
    held-out     whole groups left out of training, one at a time: a training and a measurement for each
    scale        at what scale the detectors trained for `held-out` read best
    short-disc   what calling a short disc on the sacrum uncertain catches, and what it costs
    grades       the whole reading of labelled studies (phantom, RSNA 2024), or the graders alone on cut crops
    folds        grouped five-fold cross-validation: a training and a measurement for each fold
    depth        canal grades against the canal depth measured on SPIDER's masks
    steps        what each step of the canal grader's training did to real canals, and its cost on drawn ones
    stability    do grades stay when a second scanner's picture is shown
    calibration  are probabilities honest, before and after the temperature
    second       what a second opinion changes, where the two graders disagree, what it costs
    refusals     how often spoilt pictures are refused, and how often good ones
    motion       drawn motion found, and good pictures refused for it
    recipes      what INT8 costs a grader, way by way of quantising it

Each writes `benchmarks/results/<name>.json` (shown in documents by `python -m benchmarks.tables`) and prints Markdown.
INT8 models (`--int8`) beside FP32 (`--fp32`), through the box's own adapter.
"""

from __future__ import annotations

import argparse
import importlib
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.results import FOLDER, markdown, save

PARTS = (
    "levels", "groups", "held-out", "scale", "short-disc", "grades", "folds", "depth", "steps", "stability", "calibration",
    "second", "refusals", "motion", "recipes",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and hand over; only the part asked for is imported."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="export.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    for name in PARTS:
        sub = parts.add_parser(name)
        sub.add_argument("--int8", type=Path, default=Path("models_int8"))
        sub.add_argument("--fp32", type=Path, default=Path("runs/fp32"))
        sub.add_argument("--results", type=Path, default=FOLDER)
        if given[:1] == [name]:
            _module(name).add_arguments(sub)
    args = parser.parse_args(given)
    args.command = command(given)
    for name, tables in _module(args.part).run(args).items():
        save(name, tables, args.results)
        print(markdown(tables))
    return 0


def command(given: Sequence[str]) -> str:
    """What anyone would type: without the folders that differ from machine to machine."""
    kept, own = [], {"--results", "--data", "--int8", "--fp32", "--answers", "--pretrained", "--runs", "--work"}
    words = iter(given)
    for word in words:
        if word in own:
            next(words, None)
        else:
            kept.append(word)
    return f"python -m export.evaluate {shlex.join(kept)}"


def _module(part: str):  # type: ignore[no-untyped-def]
    return importlib.import_module(f"export.evaluation.{part.replace('-', '_')}")


if __name__ == "__main__":
    raise SystemExit(main())
