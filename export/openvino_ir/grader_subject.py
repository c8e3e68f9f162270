"""A trained grader as a subject of quantisation: calibrated on training bags, judged on validation bags."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.adapters.openvino_model import open_grader
from appliance.core.preprocessing import HIGH_PERCENTILE, LOW_PERCENTILE
from appliance.core.spine import SEVERITIES
from export import metrics
from export.grader.data import BagLabel, BagSet, load_bags, middle, reading_slices
from export.grader.model import export_module, load_facts, load_grader
from export.openvino_ir.convert import grader_ir
from export.openvino_ir.int8 import GRADER_SCOPES
from export.openvino_ir.subject import Subject

CALIBRATION_BAGS = 300
ON_RSNA = {
    "trained_on": "RSNA 2024 Lumbar Spine Degenerative Classification: real studies graded by radiologists, used under "
    "Kaggle's terms by whoever trained this; none of them is in these weights' repository.",
    "split": "by patient, by a hash of the study's number: 80 % training, 10 % validation, 10 % test "
    "(`export/grader/prepare.py`).",
    "proves": "on RSNA 2024's validation studies, grades agree with its readers at these rates.",
    "does_not_prove": "other hospitals and scanners than RSNA 2024's. The validation studies chose the best checkpoint "
    "and set the temperature; `python -m export.evaluate grades --dataset rsna2024` measures on the test studies.",
}
"""What the card says of weights trained on real grades."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, default=Path("runs/grader"), help="holds <region>/best.pt and cache/")
    parser.add_argument("--seed", type=int, default=0)


def build(args: argparse.Namespace) -> Subject:
    """Raises FileNotFoundError when the grader was not trained."""
    weights = args.runs / args.region.value / "best.pt"
    net = load_grader(weights)
    train = load_bags((args.runs / "cache" / "train").glob("*"), net.spec)
    held_out = load_bags((args.runs / "cache" / "val").glob("*"), net.spec)
    spec = net.spec
    origin = str(load_facts(weights).get("origin", "MobileNetV3-Large, trained by export.train grader"))
    real = "rsna2024" in origin
    return Subject(
        name=f"mobilenetv3-{spec.region}",
        ir=grader_ir(export_module(net), spec.size_px, spec.slices),
        facts={
            "kind": "grader",
            "version": args.version,
            "labels": " ".join(SEVERITIES),
            "region": spec.region.value,
            "input_size": str(spec.size_px),
            "crop_mm": str(spec.crop_mm),
            "slices": str(spec.slices),
            "low_percentile": str(LOW_PERCENTILE),
            "high_percentile": str(HIGH_PERCENTILE),
            "temperature": f"{float(net.temperature):.4f}",
        },
        calibration=calibration(train, args.seed),
        calibration_set=f"the bags of the {'RSNA 2024' if real else 'synthetic'} training studies, drawn by seed",
        scopes=GRADER_SCOPES,
        measure=lambda folder: measure(folder, held_out),
        measured_on=f"{len(held_out)} places of {'RSNA 2024' if real else 'synthetic'} validation studies",
        origin=origin,
        told=ON_RSNA if real else {},
    )


def calibration(bags: BagSet, seed: int) -> list[NDArray[np.uint8]]:
    """Model inputs of bags drawn at random, each as the reading would cut it."""
    count = min(CALIBRATION_BAGS, len(bags))
    chosen = np.random.default_rng(seed).choice(len(bags), size=count, replace=False)
    return [as_read(bags, bags.labels[i]) for i in sorted(chosen)]


def as_read(bags: BagSet, bag: BagLabel) -> NDArray[np.uint8]:
    """(n, size, size): the slices and the square that the reading would give the grader."""
    return np.ascontiguousarray(middle(bags.pictures[reading_slices(bag, bags.spec)], bags.spec.size_px))


def measure(folder: Path, bags: BagSet) -> Mapping[str, float]:
    """Macro F1, accuracy and quadratic kappa over all bags, through the appliance's adapter."""
    grader = open_grader(folder)
    said = np.array([np.argmax(grader.grade(as_read(bags, bag)).probabilities) for bag in bags.labels])
    counts = metrics.confusion(bags.ranks, said)
    return {
        "macro_f1": metrics.macro_f1(counts),
        "accuracy": metrics.accuracy(counts),
        "quadratic_kappa": metrics.quadratic_kappa(counts),
    }
