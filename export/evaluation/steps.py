"""What each step of training did to real canals, and what it cost on drawn ones: checkpoints side by side.

    python -m export.evaluate steps --step phantom=A/best.pt --step real-texture=B/best.pt,B0/best.pt,B1/best.pt

A step is a name and its checkpoints: the one that would be shipped, then those of its cross-validation. A patient is
graded by the first that was not trained on him (each says whom it saw); only where there is none is he called "trained
on". The truth is the sac's depth on the masks, and the phantom's own rule for such a depth.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from appliance.core.models import Grader
from appliance.core.spine import SEVERITIES, Region
from benchmarks.results import Table
from export import metrics
from export.datasets import spider
from export.datasets.spider_canal import ABSOLUTE_MM, RELATIVE_MM, canal_bags, stacks
from export.datasets.spider_warp import area_of_depth
from export.evaluation.depth import DATA, DEPTHS, HELD_OUT, Measured, auc, correlation, measured, said_between
from export.evaluation.intervals import by_patient
from export.evaluation.stability import Moved, moved
from export.evaluation.torch_grader import TorchGrader
from export.grader.data import BagSet, load_bags
from export.grader.model import DEFAULT_SPECS
from export.grader.validate import logits_of
from export.phantom.grades import CANAL

PHANTOMS = "SYNTHETIC: crops of unseen phantom studies"
UNSEEN, TRAINED_ON = "the others, by a model that never saw them", "the others, TRAINED ON"
Answers = Sequence[tuple[Measured, Moved]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--crops", type=Path, default=Path("runs/grader/cache/test"))
    parser.add_argument("--limit", type=int, help="at most so many patients, and phantom studies")
    parser.add_argument("--step", action="append", required=True, metavar="NAME=CHECKPOINT[,CHECKPOINT...]")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    spec = DEFAULT_SPECS[Region.CANAL]
    patients = list(stacks(args.data / spider.SPACE, held_out_only=False))[: args.limit]
    bags = {stack.patient: canal_bags([stack], spec) for stack in patients}
    drawn = load_bags(sorted(args.crops.glob("*"))[: args.limit], spec)
    rows, said, cost = [], [], []
    for name, paths in map(parsed, args.step):
        graders = [TorchGrader(path) for path in paths]
        for group, answers in grouped(graders, bags).items():
            rows.append((group, name, *_cells(answers)))
            own = [m for m, _ in answers]
            said += [(group, at, name, *said_between(own, low, high)) for at, low, high in DEPTHS]
        cost.append((name, *_on_drawn(graders[0], drawn)))
    rows.sort(key=lambda row: row[0])
    deep = [name for name, _, _ in DEPTHS]
    said.sort(key=lambda row: (row[0], deep.index(row[1])))
    return {"canal-steps": [
        Table("Each step on real canals", DATA, args.command, COLUMNS, tuple(rows)),
        Table("Each step: said, by measured depth", DATA, args.command,
              ("patients", "depth of the sac", "step", *(s.label for s in SEVERITIES)), tuple(said)),
        Table("Each step on drawn canals", PHANTOMS, args.command,
              ("step", "places", "macro F1", "accuracy", "quadratic κ", "weighted log loss"), tuple(cost)),
    ]}  # fmt: skip


COLUMNS = (
    "patients", "step", "n", "places", "Spearman ρ of grade and depth", f"AUC under {ABSOLUTE_MM:.0f} mm",
    f"AUC under {RELATIVE_MM:.0f} mm", "quadratic κ with the phantom's rule", "grade unchanged by all changes",
    "unchanged by a change, mean",
)  # fmt: skip


def parsed(step: str) -> tuple[str, list[Path]]:
    """`name=path,path`. Raises SystemExit where there is no path or no such file."""
    name, _, paths = step.partition("=")
    found = [Path(path) for path in paths.split(",") if path]
    missing = [path for path in found if not path.is_file()]
    if missing or not found:
        raise SystemExit(f"--step {step}: no checkpoint at {', '.join(map(str, missing)) or 'all'}")
    return name, found


def grouped(graders: Sequence[TorchGrader], bags: Mapping[str, BagSet]) -> dict[str, Answers]:
    """Answers by how honest they are; each patient by the first grader that never saw him."""
    found: dict[str, list[tuple[Measured, Moved]]] = {}
    for patient, own in bags.items():
        unseen = [g for g in graders if patient not in g.seen]
        grader: Grader = (unseen or graders)[0]
        group = HELD_OUT if spider.held_out(patient) else UNSEEN if unseen else TRAINED_ON
        found.setdefault(group, []).extend(zip(measured(grader, own), moved(grader, own), strict=True))
    return {group: found[group] for group in (HELD_OUT, UNSEEN, TRAINED_ON) if group in found}


def rule(depth_mm: float) -> int:
    """The phantom's grade of a sac so deep."""
    return CANAL.severity(area_of_depth(depth_mm)).rank


def _kappa(own: Sequence[Measured]) -> float:
    truth, said = np.array([rule(m.depth_mm) for m in own]), np.array([m.said for m in own])
    return metrics.quadratic_kappa(metrics.confusion(truth, said))


def _cells(answers: Answers) -> tuple[str, ...]:
    own = [m for m, _ in answers]
    by_name: dict[str, list[Measured]] = {}
    stable: dict[str, list[Moved]] = {}
    for m, move in answers:
        by_name.setdefault(m.patient, []).append(m)
        stable.setdefault(m.patient, []).append(move)
    figures = (correlation, lambda x: auc(x, ABSOLUTE_MM), lambda x: auc(x, RELATIVE_MM), _kappa)
    texts = [_with_interval(figure, own, by_name) for figure in figures]
    shares = [_with_interval(share, [move for _, move in answers], stable) for share in (_all_same, _mean_same)]
    return str(len(by_name)), str(len(own)), *texts, *shares


def _with_interval(figure, own, by_name) -> str:  # type: ignore[no-untyped-def]
    low, high = by_patient(by_name, figure)
    return f"{figure(own):.2f} ({low:.2f}-{high:.2f})"


def _all_same(moves: Sequence[Moved]) -> float:
    return float(np.mean([not any(move) for move in moves]))


def _mean_same(moves: Sequence[Moved]) -> float:
    return float(np.mean([[not grades for grades in move] for move in moves]))


def _on_drawn(grader: TorchGrader, drawn: BagSet) -> tuple[str, ...]:
    logits = logits_of(grader.net, drawn) / float(grader.net.temperature)
    e = np.exp(logits - logits.max(1, keepdims=True))
    counts = metrics.confusion(drawn.ranks, logits.argmax(1))
    loss = metrics.weighted_log_loss(drawn.ranks, e / e.sum(1, keepdims=True))
    figures = (metrics.macro_f1(counts), metrics.accuracy(counts), metrics.quadratic_kappa(counts), loss)
    return str(len(drawn)), *(f"{figure:.3f}" for figure in figures)
