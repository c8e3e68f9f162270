"""What it catches and what it costs that a short disc on the sacrum makes the numbering uncertain.

A well-formed disc within the sacrum (S1/S2) can pass for L5/S1; it is shorter than the discs above it. Asked of the
detectors that `held-out` leaves behind, each on the group it never saw: the shipped one was trained on these pictures.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.core.numbering import SHORT_DISC, TOO_SHORT, UNCLEAR, Numbering, relative_length
from appliance.core.spine import LEVELS, Level
from benchmarks.results import Table
from export.datasets import spider
from export.datasets.sample import LabelledStudy
from export.datasets.spider_groups import Facts, Group, facts_of
from export.detector.cases import Case, has_all_levels, real
from export.detector.evaluate import read_case
from export.detector.train import CURRENT
from export.evaluation.held_out import folder_of, trained_without
from export.evaluation.level_cells import share

WHO = {False: "who set the rule", True: "held out"}


@dataclass(frozen=True, slots=True)
class Named:
    """What was said of one picture that got names."""

    patient: str
    is_held_out: bool
    is_right: bool
    is_short: bool
    is_doubted: bool
    """For any other reason."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/held-out"), help="where `held-out` left its detectors")
    parser.add_argument("--threads", type=int, default=1)


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    """Raises SystemExit where no detector was trained without any group."""
    import torch

    torch.set_num_threads(args.threads)
    facts = facts_of(args.data)
    found = {group.name: list(_named(group, facts, args)) for group in trained_without(args.work)}
    return {"short-disc": [_caught(found, args.command), _lengths(facts, args.data, args.command)]}


def _named(group: Group, facts: Mapping[str, Facts], args: argparse.Namespace) -> Iterator[Named]:
    """Of the group's pictures of the middle that show all five levels."""
    from export.detector.predict import TorchDetector

    detector = TorchDetector(folder_of(group, args.work) / CURRENT)

    def chosen(study: LabelledStudy) -> bool:
        return group.has(facts[study.study_id])

    for case in real(args.data, chosen):
        if has_all_levels(case):
            numbering, outcome = read_case(detector, case)
            if numbering.levels:
                yield said(numbering, facts[case.name]["patient"], not outcome.misnamed)


def said(numbering: Numbering, patient: str, is_right: bool) -> Named:
    told = set(numbering.warnings)
    return Named(patient, spider.held_out(patient), is_right, SHORT_DISC in told, not UNCLEAR.isdisjoint(told))


def _caught(found: Mapping[str, Sequence[Named]], command: str) -> Table:
    rows = tuple(
        (group, who, how, *caught(some))
        for group, named in found.items()
        for is_held_out, who in WHO.items()
        for is_right, how in ((True, "right"), (False, "one or more wrong"))
        if (some := [n for n in named if n.is_held_out == is_held_out and n.is_right == is_right])
    )
    columns = ("left out and read", "patients", "names", "number", "pictures", "uncertain without the rule", "with it")
    of = ("real mid-sagittal SPIDER pictures whose levels got names, each group read by a detector trained without it "
          f"(`held-out`), FP32 in torch; the rule: shorter than {TOO_SHORT} of the three discs above")  # fmt: skip
    return Table("A short disc on the sacrum is doubted", of, command, columns, rows)


def caught(named: Sequence[Named]) -> tuple[str, str, str, str]:
    """Patients, pictures, and the shares called uncertain without the rule and with it."""
    without = sum(n.is_doubted for n in named)
    both = sum(n.is_doubted or n.is_short for n in named)
    return str(len({n.patient for n in named})), str(len(named)), share(without, len(named)), share(both, len(named))


def _lengths(facts: Mapping[str, Facts], data: Path, command: str) -> Table:
    """Of L5/S1 by the project's own boxes, from which the rule was made."""
    rows = []
    for is_held_out, who in WHO.items():
        cases = real(data, lambda study, wanted=is_held_out: spider.held_out(study.patient) == wanted)
        lengths = {case.name: length_of(case) for case in cases}
        rows.append((who, *_length_cells({name: n for name, n in lengths.items() if math.isfinite(n)}, facts)))
    columns = ("patients", "number", "pictures", "median", "1st percentile", f"below {TOO_SHORT}: pictures", "patients")
    of = "real mid-sagittal SPIDER pictures; diagonal of the project's own box of L5/S1 over the median of the three above"
    return Table("How long is L5/S1?", of, command, columns, tuple(rows))


def _length_cells(lengths: Mapping[str, float], facts: Mapping[str, Facts]) -> tuple[str, ...]:
    """By picture."""
    short = [name for name, length in lengths.items() if length < TOO_SHORT]
    low, middle = np.percentile(list(lengths.values()), (1, 50))
    patients, of_short = (len({facts[name]["patient"] for name in names}) for names in (lengths, short))
    return str(patients), str(len(lengths)), f"{middle:.2f}", f"{low:.2f}", str(len(short)), str(of_short)


def length_of(case: Case) -> float:
    """`relative_length` of L5/S1 by the true boxes."""
    row_mm, column_mm = case.pixel_mm
    diagonals = {
        level: math.hypot((x1 - x0) * column_mm, (y1 - y0) * row_mm) for level, (x0, y0, x1, y1) in case.truth.items()
    }
    return relative_length([diagonals.get(level, 0.0) for level in LEVELS], LEVELS.index(Level.L5_S1))
