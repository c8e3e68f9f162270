"""The detector on held-out patients, by what made the picture: maker, model, field strength, sequence, thickness.

Held-out patients, not held-out groups: the detector has seen pictures of the same makers and sequences. What it is
worth on a maker or a sequence it never saw is measured by `export.evaluation.held_out`.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.results import Table
from export.datasets.spider_groups import KEYS, Facts, facts_of
from export.detector.cases import has_all_levels, held_out_real
from export.detector.evaluate import Outcome, evaluate
from export.evaluation import level_cells
from export.evaluation.levels import detectors

DATA = (
    "real mid-sagittal images of held-out SPIDER patients that show all five levels; truth boxed by eye by the project; "
    f"{level_cells.SAID}"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="at most so many pictures")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    cases = [c for c in held_out_real(args.data) if has_all_levels(c)][: args.limit]
    facts = facts_of(args.data)
    rows = []
    for precision, detector in detectors(args):
        rows += [(*row[:2], precision, *row[2:]) for row in group_rows(evaluate(detector, cases), facts)]
    rows.sort(key=lambda row: (list(KEYS).index(row[0]), row[1]))
    columns = ("group", "value", "model", *level_cells.COLUMNS)
    table = Table("Levels by group of pictures", DATA, args.command, columns, tuple(rows))
    return {"detector-groups": [table]}


def group_rows(outcomes: Sequence[Outcome], facts: Mapping[str, Facts]) -> Iterator[tuple[str, ...]]:
    """Key, value, cells; each maker's sequences are groups too."""
    for group in KEYS:
        by_value: dict[str, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            own = facts[outcome.name]
            by_value[own[group]].append(outcome)
            if group == "maker":
                by_value[f"{own[group]}, {own['sequence']}"].append(outcome)
        for value, found in by_value.items():
            yield (group, value, *level_cells.cells(found, facts))
