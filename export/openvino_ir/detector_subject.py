"""The trained detector as a subject of quantisation: calibrated on training pictures, judged on the held-out ones."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.adapters.openvino_model import open_detector
from appliance.core.postprocessing import Thresholds
from appliance.core.preprocessing import letterbox
from appliance.core.spine import STRUCTURES
from export.detector.cases import Case
from export.detector.data import FINEST_MM, Picture
from export.detector.evaluate import Outcome, all_cases, evaluate
from export.detector.model import INPUT_SIZE, load_detector
from export.detector.train import training_pools
from export.openvino_ir.convert import detector_ir
from export.openvino_ir.int8 import DETECTOR_SCOPES
from export.openvino_ir.subject import Subject

CALIBRATION_PICTURES = 300
NEAR_MM = 2.0
"""A centre nearer than this is as good as a person's (issue 2: median error at most 2 mm)."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--weights", type=Path, default=Path("runs/detector/current.pt"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--phantoms", type=int, default=20, help="synthetic studies, to calibrate and to measure")
    parser.add_argument("--size", type=int, default=INPUT_SIZE)
    parser.add_argument("--seed", type=int, default=0)


def build(args: argparse.Namespace) -> Subject:
    cases = all_cases(args.data, args.phantoms)
    limits = Thresholds()
    return Subject(
        name="yolov8n-spine",
        ir=detector_ir(load_detector(args.weights), args.size),
        facts={
            "kind": "detector",
            "version": args.version,
            "labels": " ".join(STRUCTURES),
            "input_size": str(args.size),
            "finest_mm": str(FINEST_MM),
            "score_threshold": str(limits.score),
            "iou_threshold": str(limits.overlap),
        },
        calibration=calibration(args),
        calibration_set="the training pictures (real SPIDER and synthetic), drawn by seed",
        scopes=DETECTOR_SCOPES,
        measure=lambda folder: measure(folder, cases),
        measured_on=f"{len(cases)} held-out pictures: real by patient, and unseen synthetic studies",
        origin="YOLOv8n (ultralytics, COCO start, AGPL-3.0), trained on SPIDER (CC BY 4.0) and synthetic studies",
    )


def calibration(args: argparse.Namespace) -> list[NDArray[np.uint8]]:
    """Model inputs, an equal share from each pool of the training."""
    pools = training_pools(args.data, args.phantoms)
    rng = np.random.default_rng(args.seed)
    share = CALIBRATION_PICTURES // len(pools)
    return [_input(p, args.size) for pool in pools for p in _some(pool.pictures, share, rng)]


def _some(pictures: Sequence[Picture], count: int, rng: np.random.Generator) -> list[Picture]:
    chosen = rng.choice(len(pictures), size=min(count, len(pictures)), replace=False)
    return [pictures[i] for i in sorted(chosen)]


def _input(picture: Picture, size: int) -> NDArray[np.uint8]:
    return letterbox(picture.pixels, size, picture.pixel_mm, picture.finest_mm)[0][None, None]


def measure(folder: Path, cases: Sequence[Case]) -> Mapping[str, float]:
    """Share of levels found and rightly named, and of centres within 2 mm: on real T2, in other fields, synthetic."""
    outcomes = evaluate(open_detector(folder), cases)
    groups = {
        "real_t2": [o for o in outcomes if o.kind == "t2"],
        "real_t2_other_fields": [o for o in outcomes if "field" in o.kind],
        "phantom": [o for o in outcomes if "phantom" in o.kind],
    }
    found = {name: group for name, group in groups.items() if group}
    rightly = {f"{name}_levels_right": _right(group) for name, group in found.items()}
    return {**rightly, **{f"{name}_within_2_mm": _near(group) for name, group in found.items()}}


def _right(outcomes: Sequence[Outcome]) -> float:
    return sum(o.right for o in outcomes) / sum(o.truths for o in outcomes)


def _near(outcomes: Sequence[Outcome]) -> float:
    errors = np.array([e for o in outcomes for e in o.errors_mm])
    return float((errors <= NEAR_MM).mean()) if errors.size else 0.0
