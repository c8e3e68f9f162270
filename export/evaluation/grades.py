"""Grades of labelled studies: as the box reads them from files to report, or the graders alone on crops already cut.

Crops (`--crops runs/grader/cache/test`) lie round the true centres, moved by a localiser's error; that needs no
drawing and no detector, and so says nothing of them.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from appliance.pipeline import Options
from benchmarks.results import Table
from export.datasets.sample import LabelledStudy
from export.evaluation import plots, sources
from export.evaluation.answers import Weights, opened, read_or_recall
from export.evaluation.grade_tables import tables
from export.grader.evaluate import cached_cases, exchanged_sides, graded_cases, one_sided_studies
from export.reading import Read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sources.add_arguments(parser)
    parser.add_argument("--crops", type=Path, help="a folder of cached bags: the graders alone, --studies of them")
    parser.add_argument("--one-sided", type=int, default=0, help="phantoms narrowed on one side only: are sides exchanged?")
    parser.add_argument("--no-refine", action="store_true", help="do not look for the canal on axial slices")
    parser.add_argument("--answers", type=Path, default=Path("runs/evaluation"), help="what was read is kept here")
    parser.add_argument("--fresh", action="store_true", help="forget what was kept")
    parser.add_argument("--series", action="store_true", help="also plot series counts (draws or opens every study)")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    weights = opened(args.int8, args.fp32)
    if args.one_sided:
        return _one_sided(args, weights)
    if args.crops:
        return _on_crops(args, weights)
    source = sources.source_of(args)
    options = Options(refine_by_canal=not args.no_refine)
    runs = {w.name: read_or_recall(source, w, args.answers, options, args.fresh) for w in weights}
    name = f"grading-{source.name}".replace("_", "-")
    if args.series:
        labelled = (load() for _, load in source.studies())
        plots.draw_series_counts(series_counts(labelled), args.results / "plots" / f"{name}-series.png")
    return _told(name, runs, source.data, args, source.real)


def _on_crops(args: argparse.Namespace, weights: list[Weights]) -> Mapping[str, list[Table]]:
    folders = list(islice(sorted(args.crops.glob("*")), args.studies))
    runs = {w.name: reads_of_crops(w, folders) for w in weights}
    data = f"crops of {len(folders)} studies of {args.crops.name} ({args.dataset}), the graders alone"
    made_up = "SYNTHETIC: " if args.dataset == "phantom" else ""
    return _told(f"grading-crops-{args.crops.name}".replace("_", "-"), runs, made_up + data, args, not made_up)


def _one_sided(args: argparse.Namespace, weights: list[Weights]) -> Mapping[str, list[Table]]:
    """The same places twice: severe on one side, normal on the other."""
    rows = []
    for w in weights:
        found = exchanged_sides(graded_cases(w.models.graders, one_sided_studies(args.one_sided)))
        rows.append((w.name, *(str(n) for n in found.values())))
    data = f"SYNTHETIC: {args.one_sided} phantoms severely narrow on one side at every level, left and right by turns"
    columns = ("model", "one-sided places", "normal side said graver", "severe side said normal/mild")
    return {"grading-one-sided": [Table("Left and right", data, args.command, columns, tuple(rows))]}


def reads_of_crops(weights: Weights, folders: list[Path]) -> list[Read]:
    """One answer a study; what no crop was cut for is not counted."""
    by_study = defaultdict(list)
    for case in cached_cases(weights.models.graders, folders):
        by_study[case.study_id].append(case)
    return [Read(study, tuple(cases), 0) for study, cases in by_study.items()]


def _told(name: str, runs: Mapping[str, list[Read]], data: str, args: argparse.Namespace, real: bool) -> dict:  # type: ignore[type-arg]
    made = {name: tables(runs, data, args.command, real)}
    cases = {model: [g for r in reads for g in r.graded] for model, reads in runs.items()}
    plots.draw_all(cases, args.results / "plots", name)
    return made


def series_counts(studies: Iterator[LabelledStudy]) -> dict[str, Counter[int]]:
    """For each role, how many studies have so many series of it; a tilted stack is no series of its own."""
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for labelled in studies:
        of_role = Counter(role.value for role in labelled.roles.values())
        for role in ("sagittal_t1", "sagittal_t2", "sagittal_stir", "axial_t2"):
            found[role][of_role[role]] += 1
    return dict(found)
