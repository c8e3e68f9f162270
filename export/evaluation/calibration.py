"""Are the probabilities honest? Without the stored temperature, with it, and with what could take its place.

The temperature was fitted in training on the validation studies and travels in the weights (`rt_info`). Everything is
worked out from the box's own answers: dividing log probabilities by 1/T takes a temperature away again. Which way is
kept is decided on the validation studies alone, each judged by a fit to the others; the test studies only measure it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from export.evaluation.plots import draw_reliability
from export.evaluation.tally import Tally, figures, intervals, tally_of
from export.grader.evaluate import cached_cases
from export.grader.validate import fit_temperature, softmax
from export.metrics import Graded
from export.openvino_ir.convert import ov

Rows = NDArray[np.float64]
"""(n, 3) logits, or probabilities."""
Way = Callable[[Rows], Rows]
"""From logits to probabilities."""
FOLDS = 5
PULL = 1e-2
"""Weight of the squares that draw scales to 1 and biases to 0 (ODIR, Kull et al. 2019): without it a well parted set
drives them to infinity."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to calibrate: `fit` takes logits and ranks and says what it found in words, and the way itself."""

    name: str
    fit: Callable[[Rows, NDArray[np.int64]], tuple[str, Way]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--crops", type=Path, default=Path("runs/grader/cache"), help="holds val/ and test/")
    parser.add_argument("--studies", "--limit", type=int, default=120, help="at most so many of each split")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    folders = {split: list(islice(sorted((args.crops / split).glob("*")), args.studies)) for split in ("val", "test")}
    if not all(folders.values()):
        raise SystemExit(f"{args.crops} needs val/ and test/: python -m export.grader.prepare --split val, --split test")
    rows, shown = [], {}
    for weights, root in zip(opened(args.int8, args.fp32), (args.int8, args.fp32), strict=False):
        for region, grader in weights.models.graders.items():
            stored = stored_temperature(root / grader.identity.name)
            val, test = (cases_of(region, grader, folders[split]) for split in ("val", "test"))
            found = list(compare(val, test, stored))
            rows += [(region.value, weights.name, *row.cells) for row in found]
            shown[region.value, weights.name] = {row.cells[0]: row.tally for row in found[:2]}
            print(f"{weights.name} {region}", flush=True)
    draw_reliability(shown, args.results / "plots" / "calibration.png")
    rows.sort(key=lambda row: list(Region).index(Region(row[0])))
    columns = ("region", "model", "calibration", "fitted", "log loss / RSNA's weighted log loss by folds, validation",
               "calibration error, test", "weighted log loss, test", "log loss, test")  # fmt: skip
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


@dataclass(frozen=True, slots=True)
class Compared:
    """One row of the table, and what the reliability plot needs of it."""

    cells: tuple[str, ...]
    tally: Tally


def compare(val: Sequence[Graded], test: Sequence[Graded], stored: float) -> Iterator[Compared]:
    """A row for each way: its losses by folds over the validation studies are what may choose, never the test."""
    logits, ranks = logits_of(val, stored)
    studies = np.array([c.group for c in val])
    unseen, _ = logits_of(test, stored)
    for method in methods(stored):
        words, way = method.fit(logits, ranks)
        judged = [replaced(case, p) for case, p in zip(test, way(unseen), strict=True)]
        tally = tally_of(judged)
        found, between = figures(tally), intervals(tally)["calibration_error"]
        cells = (
            method.name,
            words,
            " / ".join(f"{loss:.4f}" for loss in losses_by_folds(method, logits, ranks, studies)),
            f"{found['calibration_error']:.3f} ({between[0]:.3f}-{between[1]:.3f})",
            f"{found['weighted_log_loss']:.3f}",
            f"{log_loss(way(unseen), metrics.arrays(test)[0]):.3f}",
        )
        yield Compared(cells, tally)


def logits_of(cases: Sequence[Graded], stored: float) -> tuple[Rows, NDArray[np.int64]]:
    """Logits before the stored temperature (up to a constant in each row), and ranks."""
    ranks, given = metrics.arrays(cases)
    return np.log(np.clip(given, 1e-12, 1)) * stored, ranks


def replaced(case: Graded, probabilities: Rows) -> Graded:
    normal, moderate, severe = (float(p) for p in probabilities)
    return Graded(case.study_id, case.condition, case.level, case.truth, (normal, moderate, severe), case.patient)


def methods(stored: float) -> tuple[Method, ...]:
    """From the plainest on. The first two are not fitted here: they are what the weights do without and with theirs."""
    return (
        Method("none", lambda z, y: ("T = 1", softmax)),
        Method("stored temperature", lambda z, y: (f"T = {stored:.2f}", lambda x: softmax(x / stored))),
        Method("temperature fitted again", _temperature),
        Method("vector scaling", _vector),
        Method("Dirichlet", _dirichlet),
    )


def _temperature(logits: Rows, ranks: NDArray[np.int64]) -> tuple[str, Way]:
    t = fit_temperature(logits, ranks)
    return f"T = {t:.2f}", lambda x: softmax(x / t)


def _vector(logits: Rows, ranks: NDArray[np.int64]) -> tuple[str, Way]:
    """A scale and a bias for each grade (Guo et al. 2017), drawn to the best temperature."""
    t = fit_temperature(logits, ranks)

    def way(x: Rows, w: Rows) -> Rows:
        return softmax(x / t * w[:3] + w[3:])

    w = _least(lambda w: log_loss(way(logits, w), ranks) + PULL * float(((w - _ONES) ** 2).sum()), _ONES)
    return f"scales {_words(w[:3] / t)}, biases {_words(w[3:])}", lambda x: way(x, w)


def _dirichlet(logits: Rows, ranks: NDArray[np.int64]) -> tuple[str, Way]:
    """A full matrix and a bias on log probabilities (Kull et al. 2019), drawn to the best temperature."""
    t = fit_temperature(logits, ranks)
    start = np.concatenate([np.eye(3).ravel(), np.zeros(3)])

    def way(x: Rows, w: Rows) -> Rows:
        return softmax(np.log(softmax(x / t).clip(1e-12)) @ w[:9].reshape(3, 3).T + w[9:])

    w = _least(lambda w: log_loss(way(logits, w), ranks) + PULL * float(((w - start) ** 2).sum()), start)
    return "3 × 3 matrix and biases", lambda x: way(x, w)


_ONES = np.array([1.0, 1, 1, 0, 0, 0])


def _least(loss: Callable[[Rows], float], start: Rows) -> Rows:
    return np.asarray(minimize(loss, start, method="L-BFGS-B").x)


def _words(values: Rows) -> str:
    return "/".join(f"{v:.2f}" for v in values)


def losses_by_folds(
    method: Method, logits: Rows, ranks: NDArray[np.int64], studies: NDArray[np.str_]
) -> tuple[float, float]:
    """Mean log loss, and RSNA's weighted one, of each fifth of the studies under a fit to the other four."""
    names = np.unique(studies)
    fold_of = dict(zip(names[np.random.default_rng(0).permutation(len(names))], np.arange(len(names)) % FOLDS, strict=True))
    fold = np.array([fold_of[s] for s in studies])
    p = np.zeros_like(logits)
    for n in np.unique(fold):
        _, way = method.fit(logits[fold != n], ranks[fold != n])
        p[fold == n] = way(logits[fold == n])
    return log_loss(p, ranks), metrics.weighted_log_loss(ranks, p)


def log_loss(probabilities: Rows, ranks: NDArray[np.int64]) -> float:
    return float(-np.log(probabilities[np.arange(len(ranks)), ranks].clip(1e-12)).mean())
