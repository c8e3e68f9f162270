"""The whole chain of finding and naming the levels, one picture at a time: letterbox, network, decoding, numbering."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from appliance.adapters.openvino_model import open_detector
from appliance.core.models import Detector
from benchmarks.results import Table
from export.detector.evaluate import all_cases, evaluate, summarise

DETECTOR = "yolov8n-spine"
WHICH = (
    "t1, t2, t2_SPACE and fields: real images of held-out SPIDER patients, truth boxed by eye by the project "
    "(not by a radiologist), masks for `space`; phantom: synthetic studies never seen in training"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--studies", type=int, default=40, help="synthetic studies beside the real pictures; 0 for none")
    parser.add_argument("--limit", type=int, help="at most so many pictures of each kind")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    cases = all_cases(args.data, args.studies)
    kinds = list(dict.fromkeys(case.kind for case in cases))
    if args.limit:
        cases = [c for kind in kinds for c in [x for x in cases if x.kind == kind][: args.limit]]
    rows = []
    for precision, detector in detectors(args):
        for s in summarise(evaluate(detector, cases)):
            sure, mm = f"{s.wrong_and_sure:.1%}", f"{s.median_mm:.2f} / {s.p95_mm:.2f}"
            rows.append((s.kind, precision, str(s.pictures), f"{s.all_right:.1%}", f"{s.levels_right:.1%}",
                         f"{s.uncertain:.1%}", sure, mm))  # fmt: skip
    rows.sort(key=lambda row: kinds.index(row[0]))
    columns = ("pictures", "model", "n", "all five right", "levels right", "called uncertain",
               "wrong without a warning", "centre error, mm (median / 95 %)")  # fmt: skip
    return {"detector": [Table("Levels found and named, one picture at a time", WHICH, args.command, columns, tuple(rows))]}


def detectors(args: argparse.Namespace) -> list[tuple[str, Detector]]:
    """INT8, and FP32 where its folder is there."""
    folders = [("INT8", args.int8 / DETECTOR), ("FP32", args.fp32 / DETECTOR)]
    return [(name, open_detector(folder)) for name, folder in folders if folder.exists()]
