"""At what scale should the detector read? Asked of patients who are in no measurement, by detectors that never saw them.

`held-out` leaves detectors behind that were trained without one group of pictures. Each reads its group's pictures at
several scales, but of patients who are not held out: those are for measuring what was chosen here.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.results import Table
from export.datasets import spider
from export.datasets.sample import LabelledStudy
from export.datasets.spider_groups import GROUPS, Facts, Group, facts_of
from export.detector.cases import FIELDS_MM, Case, has_all_levels, masked, real, with_field
from export.detector.evaluate import read_case
from export.detector.train import CURRENT
from export.evaluation import level_cells
from export.evaluation.held_out import folder_of, trained_without

_DATA = (
    "real SPIDER pictures of patients who are not held out, each group read by a detector trained without it "
    f"(`held-out`), FP32 in torch; {level_cells.SAID}"
)
_SQUARE = "the picture fills the square"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--work", type=Path, default=Path("runs/held-out"), help="where `held-out` left its detectors")
    parser.add_argument("--finest-mm", nargs="+", type=float, default=[0.0, 0.5, 0.6, 0.7, 0.85])
    parser.add_argument("--only", nargs="*", choices=[g.name for g in GROUPS], help="these groups alone")
    parser.add_argument("--threads", type=int, default=1)


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    """Raises SystemExit where no detector was trained without any group."""
    import torch

    torch.set_num_threads(args.threads)
    facts = facts_of(args.data)
    groups = trained_without(args.work, args.only)
    rows = tuple(row for group in groups for row in _rows(group, facts, args))
    columns = ("left out and read", "pictures of", "mm a pixel, at least", *level_cells.COLUMNS)
    return {"detector-scale": [Table("The scale at which pictures are read", _DATA, args.command, columns, rows)]}


def _rows(group: Group, facts: Mapping[str, Facts], args: argparse.Namespace) -> Iterator[tuple[str, ...]]:
    from export.detector.predict import TorchDetector

    parts = cases_of(group, facts, args.data)
    for finest in args.finest_mm:
        detector = TorchDetector(folder_of(group, args.work) / CURRENT, finest)
        for name, cases in parts.items():
            outcomes = [read_case(detector, case)[1] for case in cases]
            yield (group.name, name, f"{finest:g}" if finest else _SQUARE, *level_cells.cells(outcomes, facts))


def cases_of(group: Group, facts: Mapping[str, Facts], data: Path) -> dict[str, list[Case]]:
    """The group's mid-sagittal pictures, every third of them in other fields, its SPACE slices; nobody held out."""

    def chosen(study: LabelledStudy) -> bool:
        return group.has(facts[study.study_id]) and not spider.held_out(study.patient)

    middle = [case for case in real(data, chosen) if has_all_levels(case)]
    cut = [with_field(case, field) for field in FIELDS_MM for case in middle[::3]]
    parts = {
        "the middle": middle,
        "the middle, fields of 250 to 400 mm": [case for case in cut if case is not None],
        "SPACE slices": [case for case in masked(data, chosen) if has_all_levels(case)],
    }
    return {name: cases for name, cases in parts.items() if cases}
