"""The whole chain of finding and naming the levels, one picture at a time: letterbox, network, decoding, numbering."""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from appliance.adapters.openvino_model import open_detector
from appliance.core.models import Detector
from appliance.core.spine import LEVELS, Level
from benchmarks.results import Table
from export.detector.evaluate import Outcome, all_cases, evaluate, summarise
from export.evaluation.level_cells import share

DETECTOR = "yolov8n-spine"
WHICH = (
    "t1, t2, t2_SPACE and fields: real images of held-out SPIDER patients, truth boxed by eye by the project "
    "(not by a radiologist), masks for `space`; phantom: synthetic studies never seen in training"
)
NAMED = (
    "named: within 10 mm of its own truth and nearer to it than to any other; accuracy: pictures in which it is so named, "
    "or absent and not named; intervals: Wilson's"
)
LEVEL_COLUMNS = ("pictures", "level", "model", "visible", "named", "precision", "recall", "F1", "accuracy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--studies", type=int, default=40, help="synthetic studies beside the real pictures; 0 for none")
    parser.add_argument("--limit", type=int, help="at most so many pictures of each kind")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    cases = all_cases(args.data, args.studies)
    kinds = list(dict.fromkeys(case.kind for case in cases))
    if args.limit:
        cases = [c for kind in kinds for c in [x for x in cases if x.kind == kind][: args.limit]]
    rows, each = [], []
    for precision, detector in detectors(args):
        outcomes = evaluate(detector, cases)
        each += [(*row[:2], precision, *row[2:]) for row in level_rows(outcomes)]
        for s in summarise(outcomes):
            sure, mm = f"{s.wrong_and_sure:.1%}", f"{s.median_mm:.2f} / {s.p95_mm:.2f}"
            rows.append((s.kind, precision, str(s.pictures), f"{s.all_right:.1%}", f"{s.levels_right:.1%}",
                         f"{s.uncertain:.1%}", sure, mm))  # fmt: skip
    rows.sort(key=lambda row: kinds.index(row[0]))
    columns = ("pictures", "model", "n", "all five right", "levels right", "called uncertain",
               "wrong without a warning", "centre error, mm (median / 95 %)")  # fmt: skip
    each.sort(key=lambda row: kinds.index(row[0]))
    return {
        "detector": [Table("Levels found and named, one picture at a time", WHICH, args.command, columns, tuple(rows))],
        "detector-levels": [Table("Each level by itself", f"{WHICH}; {NAMED}", args.command, LEVEL_COLUMNS, tuple(each))],
    }


def level_rows(outcomes: Sequence[Outcome]) -> Iterator[tuple[str, ...]]:
    """Kind, level (and all five together), `LEVEL_COLUMNS` after the model's."""
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.kind].append(outcome)
    for kind, own in kinds.items():
        for level in LEVELS:
            yield (kind, level.label, *_level_cells(own, [level]))
        yield (kind, "all", *_level_cells(own, LEVELS))


def _level_cells(own: Sequence[Outcome], levels: Sequence[Level]) -> tuple[str, ...]:
    """A level named elsewhere counts against precision, and against recall too where it is in the picture."""
    places = [(level, o) for o in own for level in levels]
    visible = sum(level in o.visible for level, o in places)
    found = sum(level in o.found for level, o in places)
    misnamed = sum(level in o.misnamed for level, o in places)
    rightly = sum(level in o.found or level not in (*o.visible, *o.misnamed) for level, o in places)
    f1 = 2 * found / (visible + found + misnamed) if visible + found + misnamed else float("nan")
    return (str(visible), str(found + misnamed), share(found, found + misnamed), share(found, visible), f"{f1:.3f}",
            share(rightly, len(places)))  # fmt: skip


def detectors(args: argparse.Namespace) -> list[tuple[str, Detector]]:
    """INT8, and FP32 where its folder is there."""
    folders = [("INT8", args.int8 / DETECTOR), ("FP32", args.fp32 / DETECTOR)]
    return [(name, open_detector(folder)) for name, folder in folders if folder.exists()]
