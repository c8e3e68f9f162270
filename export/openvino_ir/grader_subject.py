"""A trained grader as a subject of quantisation: calibrated on training bags, judged on validation bags."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from appliance.adapters.openvino_model import open_grader
from appliance.core.preprocessing import HIGH_PERCENTILE, LOW_PERCENTILE
from appliance.core.spine import SEVERITIES
from export import metrics
from export.grader.backbone import BACKBONES, EFFICIENTNET_B0, MOBILENETV3
from export.grader.data import BagLabel, BagSet, joined, load_bags, middle, reading_slices
from export.grader.model import GraderNet, export_module, load_facts, load_grader
from export.grader.real_canals import folders
from export.openvino_ir.convert import grader_ir
from export.openvino_ir.int8 import EFFICIENTNET_SCOPES, GRADER_SCOPES
from export.openvino_ir.subject import Subject

CALIBRATION_BAGS = 100
"""300 were no better: on validation places the answers moved from FP32 as far (`export.evaluate recipes`)."""
SCOPES = {MOBILENETV3.name: GRADER_SCOPES, EFFICIENTNET_B0.name: EFFICIENTNET_SCOPES}
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
WITH_REAL_CANALS = {
    "trained_on": "synthetic studies of `export/phantom`, and real canals of {patients} SPIDER patients (T2 SPACE; van der "
    "Graaf et al., CC BY 4.0) as they are and drawn narrower or wider (`export/datasets/spider_warp.py`). Every grade is "
    "a drawn or measured size of the dural sac; no radiologist's grade was available where this was built.",
    "split": "synthetic studies: ranges of the phantom's index (`export/grader/prepare.py`); real ones: by patient, those "
    "whose number hashes into the held-out part are in no training picture (`export/datasets/spider.py`).",
    "proves": "narrowing that the phantom draws is graded as the phantom means it, on studies never trained on. On real "
    "patients never trained on the grade follows the depth of the sac measured on masks, as docs/evaluation.md counts.",
    "does_not_prove": "**that it agrees with a radiologist.** The real pictures are one sequence of one maker, "
    "their stenoses mostly drawn; a grade is more than one depth. The synthetic validation studies also set the "
    "temperature.",
}
"""What the card says of a canal grader trained on SPIDER's real canals beside the phantom's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, default=Path("runs/grader"), help="[<backbone>-]<region>/best.pt, cache/")
    parser.add_argument("--backbone", choices=sorted(BACKBONES), default=MOBILENETV3.name)
    parser.add_argument("--real", type=Path, help="canal: real training crops, which then are half of the calibration")
    parser.add_argument("--seed", type=int, default=0)


def build(args: argparse.Namespace) -> Subject:
    """Raises FileNotFoundError when the grader was not trained."""
    weights = args.runs / BACKBONES[args.backbone].run(args.region) / "best.pt"
    net = load_grader(weights)
    train = load_bags((args.runs / "cache" / "train").glob("*"), net.spec)
    held_out = load_bags((args.runs / "cache" / "val").glob("*"), net.spec)
    spec = net.spec
    origin = str(load_facts(weights).get("origin", f"{net.backbone.title}, trained by export.train grader"))
    real = "rsna2024" in origin
    patients = load_facts(weights).get("real_patients", ())
    canals = load_bags(folders(args.real), spec) if args.real else joined(spec, [])
    return Subject(
        name=f"{net.backbone.name}-{spec.region}",
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
        calibration=calibration(train, args.seed, canals),
        calibration_set=_calibration_set(real, len(canals) > 0),
        scopes=SCOPES[net.backbone.name],
        measure=Measure(held_out),
        measured_on=f"{len(held_out)} places of {'RSNA 2024' if real else 'synthetic'} validation studies",
        origin=origin,
        told=_told(net, real, patients),
    )


def _calibration_set(real: bool, canals: bool) -> str:
    beside = ", half of them of SPIDER's real training canals" if canals else ""
    return f"the bags of the {'RSNA 2024' if real else 'synthetic'} training studies, drawn by seed{beside}"


def _told(net: GraderNet, real: bool, patients: Sequence[str]) -> dict[str, str]:
    words = ON_RSNA if real else _with_real(patients) if patients else {}
    return {"role": net.backbone.role, "backbone": net.backbone.title, **words}


def _with_real(patients: Sequence[str]) -> dict[str, str]:
    return {key: text.format(patients=len(patients)) for key, text in WITH_REAL_CANALS.items()}


def calibration(
    bags: BagSet, seed: int, beside: BagSet | None = None, wanted: int = CALIBRATION_BAGS
) -> list[NDArray[np.uint8]]:
    """Model inputs of `wanted` bags drawn at random, each as the reading would cut it; half of `beside`, if any."""
    sets = [bags, beside] if beside is not None and len(beside) else [bags]
    rng = np.random.default_rng(seed)
    inputs = []
    for own in sets:
        chosen = rng.choice(len(own), size=min(wanted // len(sets), len(own)), replace=False)
        inputs += [as_read(own, own.labels[i]) for i in sorted(chosen)]
    return inputs


def as_read(bags: BagSet, bag: BagLabel) -> NDArray[np.uint8]:
    """(n, size, size): the slices and the square that the reading would give the grader."""
    return np.ascontiguousarray(middle(bags.pictures[reading_slices(bag, bags.spec)], bags.spec.size_px))


@dataclass(slots=True)
class Measure:
    """Everything the tables report of a grader, over all bags, through the appliance's adapter.

    `same_grade` is the share of bags that get the grade of the first model measured, the FP32 one: where it is 99.5 %
    the accuracy of no part of the bags can have been lucky, and over all of them is within half a point for certain.
    """

    bags: BagSet
    first: NDArray[np.int64] | None = None

    def __call__(self, folder: Path) -> Mapping[str, float]:
        grader = open_grader(folder)
        p = np.array([grader.grade(as_read(self.bags, bag)).probabilities for bag in self.bags.labels])
        said = p.argmax(axis=1)
        self.first = said if self.first is None else self.first
        counts = metrics.confusion(self.bags.ranks, said)
        return {
            "macro_f1": metrics.macro_f1(counts),
            "weighted_f1": metrics.weighted_f1(counts),
            "accuracy": metrics.accuracy(counts),
            "quadratic_kappa": metrics.quadratic_kappa(counts),
            "linear_kappa": metrics.linear_kappa(counts),
            "weighted_log_loss": metrics.weighted_log_loss(self.bags.ranks, p),
            "calibration_error": metrics.calibration_error(self.bags.ranks, p),
            "same_grade": float((said == self.first).mean()),
        }
