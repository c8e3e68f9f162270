"""Are the probabilities honest? Before the stored temperature, with it, and with what would be fitted next.

The temperature was fitted in training on the validation studies and travels in the weights (`rt_info`). Everything is
worked out from the box's own answers: dividing log probabilities by 1/T takes a temperature away again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from appliance.core.models import Grader
from appliance.core.spine import Region
from benchmarks.results import Table
from export import metrics
from export.evaluation.answers import opened
from export.evaluation.intervals import by_patient
from export.grader.evaluate import cached_cases
from export.grader.train import fit_temperature, softmax
from export.metrics import Graded
from export.openvino_ir.convert import ov

Rows = NDArray[np.float64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--crops", type=Path, default=Path("runs/grader/cache"), help="holds val/ and test/")
    parser.add_argument("--studies", "--limit", type=int, default=60, help="at most so many of each split")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    folders = {split: list(islice(sorted((args.crops / split).glob("*")), args.studies)) for split in ("val", "test")}
    rows = []
    for weights, root in zip(opened(args.int8, args.fp32), (args.int8, args.fp32), strict=False):
        for region, grader in weights.models.graders.items():
            stored = stored_temperature(root / grader.identity.name)
            val, test = (cases_of(region, grader, folders[split]) for split in ("val", "test"))
            rows += [(region.value, weights.name, *row) for row in compare(val, test, stored)]
    rows.sort(key=lambda row: list(Region).index(Region(row[0])))
    columns = ("region", "model", "calibration", "fitted", "calibration error", "weighted log loss", "log loss")
    data = f"SYNTHETIC: fitted on {len(folders['val'])} validation studies, measured on {len(folders['test'])} unseen ones"
    return {"calibration": [Table("Calibration", data, args.command, columns, tuple(rows))]}


def stored_temperature(folder: Path) -> float:
    """What the weights say of themselves; 1 where they are silent."""
    model = ov.Core().read_model(folder / "model.xml")
    told = model.get_rt_info()["lumbarbox"] if model.has_rt_info("lumbarbox") else {}
    facts = {str(k): str(getattr(v, "value", v)) for k, v in getattr(told, "value", told).items()}
    return float(facts.get("temperature", 1.0))


def cases_of(region: Region, grader: Grader, folders: Sequence[Path]) -> list[Graded]:
    """Crops cut round centres that are wrong by a localiser's error."""
    return cached_cases({region: grader}, folders)


def compare(val: Sequence[Graded], test: Sequence[Graded], stored: float) -> list[tuple[str, ...]]:
    """One row a way of calibrating; all are monotone or nearly so: grades stay, only their confidence changes."""
    truth, given = metrics.arrays(val)
    logits = np.log(np.clip(given, 1e-12, 1)) * stored
    again, vector = fit_temperature(logits, truth), fit_vector(logits, truth)
    ways = {
        "none": ("T = 1", softmax),
        "stored temperature": (f"T = {stored:.2f}", lambda z: softmax(z / stored)),
        "temperature fitted again": (f"T = {again:.2f}", lambda z: softmax(z / again)),
        "vector scaling": ("scale and bias of each grade", lambda z: softmax(z * vector[:3] + vector[3:])),
    }
    return [(name, fitted, *_cells(test, stored, way)) for name, (fitted, way) in ways.items()]


def fit_vector(logits: Rows, ranks: NDArray[np.int64]) -> Rows:
    """Scale (3) and bias (3) of the logits with the least log loss (vector scaling, Guo et al. 2017)."""

    def loss(x: Rows) -> float:
        p = softmax(logits * x[:3] + x[3:])[np.arange(len(ranks)), ranks]
        return float(-np.log(p.clip(1e-12)).mean() + 1e-3 * (x[3:] ** 2).sum())

    return np.asarray(minimize(loss, np.array([1.0, 1, 1, 0, 0, 0]), method="L-BFGS-B").x)


def _cells(test: Sequence[Graded], stored: float, way) -> tuple[str, ...]:  # type: ignore[no-untyped-def]
    truth, given = metrics.arrays(test)
    p = way(np.log(np.clip(given, 1e-12, 1)) * stored)
    by_name: dict[str, list[int]] = {}
    for n, case in enumerate(test):
        by_name.setdefault(case.group, []).append(n)
    low, high = by_patient(by_name, lambda rows: metrics.calibration_error(truth[rows], p[rows]), resamples=300)
    log_loss = float(-np.log(p[np.arange(len(truth)), truth].clip(1e-12)).mean())
    return (
        f"{metrics.calibration_error(truth, p):.3f} ({low:.3f}-{high:.3f})",
        f"{metrics.weighted_log_loss(truth, p):.3f}",
        f"{log_loss:.3f}",
    )
