"""The detector on held-out patients, by what made the picture: maker, model, field strength, sequence, thickness.

Held-out patients, not held-out groups: the detector has seen pictures of the same makers and sequences.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.results import Table
from export.datasets import spider
from export.detector.cases import Case, has_all_levels, held_out_real
from export.detector.evaluate import Outcome, read_case
from export.evaluation.intervals import by_patient, wilson
from export.evaluation.levels import detectors

KEYS = {"sequence": "sequence", "maker": "manufacturer", "scanner": "model", "field, T": "field_tesla",
        "slice thickness, mm": "slice_thickness_mm"}  # fmt: skip
MAKERS = {"SIEMENS": "Siemens", "Philips Healthcare": "Philips", "Philips Medical Systems": "Philips"}
DATA = (
    "real mid-sagittal images of held-out SPIDER patients that show all five levels; truth boxed by eye by the project; "
    "intervals: Wilson's over pictures for shares, patients drawn again for the error"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="at most so many pictures")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    cases = [c for c in held_out_real(args.data) if has_all_levels(c)][: args.limit]
    facts = facts_of(args.data / spider.MIDSAGITTAL / "index.csv")
    rows = []
    for precision, detector in detectors(args):
        outcomes = [(case, read_case(detector, case)[1]) for case in cases]
        rows += [(*row[:2], precision, *row[2:]) for row in group_rows(outcomes, facts)]
    rows.sort(key=lambda row: (list(KEYS).index(row[0]), row[1]))
    columns = ("group", "value", "model", "patients", "pictures", "all five right", "wrong without a warning",
               "called uncertain", "centre error, mm (median)")  # fmt: skip
    table = Table("Levels by group of pictures", DATA, args.command, columns, tuple(rows))
    return {"detector-groups": [table]}


def facts_of(index: Path) -> dict[str, dict[str, str]]:
    """Image name to what its header said, makers by one name each; T1 and T2 of each maker are groups too."""
    with index.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        row["image"]: {name: _plain(row[key]) for name, key in KEYS.items()}
        for row in rows
    }  # fmt: skip


Seen = tuple[Case, Outcome]


def group_rows(outcomes: Sequence[Seen], facts: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, ...]]:
    for group in KEYS:
        by_value: dict[str, list[Seen]] = defaultdict(list)
        for case, outcome in outcomes:
            value = facts[case.name][group]
            by_value[value].append((case, outcome))
            if group == "maker":
                by_value[f"{value}, {facts[case.name]['sequence']}"].append((case, outcome))
        for value, own in by_value.items():
            yield (group, value, *_cells(own))


def _cells(own: Sequence[Seen]) -> tuple[str, ...]:
    by_name: dict[str, list[Outcome]] = defaultdict(list)
    for case, outcome in own:
        by_name[case.name.split("_")[0]].append(outcome)
    outcomes = [outcome for _, outcome in own]
    low, high = by_patient(by_name, _median)
    return (
        str(len(by_name)),
        str(len(outcomes)),
        _share(sum(o.perfect for o in outcomes), len(outcomes)),
        _share(sum(o.wrong > 0 and not o.uncertain for o in outcomes), len(outcomes)),
        _share(sum(o.uncertain for o in outcomes), len(outcomes)),
        f"{_median(outcomes):.2f} ({low:.2f}-{high:.2f})",
    )


def _median(outcomes: Sequence[Outcome]) -> float:
    errors = [e for o in outcomes for e in o.errors_mm]
    return float(np.median(errors)) if errors else float("nan")


def _share(hits: int, count: int) -> str:
    low, high = wilson(hits, count)
    return f"{hits / count:.1%} ({low:.0%}-{high:.0%})"


def _plain(value: str) -> str:
    """Header spellings to words: makers by name, thickness to a tenth."""
    if value in MAKERS:
        return MAKERS[value]
    try:
        return f"{float(value):.1f}"
    except ValueError:
        return value
