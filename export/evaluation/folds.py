"""Grouped cross-validation: each patient is graded by a model that never saw them, and all of them count.

For every fold three graders are trained on the others (`export.grader.train`, a tenth of their patients kept for
choosing the epoch and the temperature) and answer the fold's places. What is done is kept under `--work`: the same
command goes on after a stop. `--minutes` is the training time of one grader, so the whole takes
folds x 3 x minutes and the cutting of the crops.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from appliance.core.spine import Region
from benchmarks.results import Table
from export.datasets.sample import LabelledStudy
from export.evaluation import plots, sources
from export.evaluation.answers import recalled
from export.evaluation.grade_tables import tables
from export.grader.data import bags_of, has_bags, save_bags
from export.grader.evaluate import cached_cases, torch_grader
from export.grader.model import new_grader
from export.grader.prepare import specs_for
from export.grader.train import Plan, train
from export.reading import Read


@dataclass(frozen=True, slots=True)
class Fold:
    """Study names of one fold, by split; a patient's studies are in one split."""

    number: int
    splits: Mapping[str, tuple[str, ...]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sources.add_arguments(parser)
    parser.set_defaults(split="all")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", help="train and measure these folds alone (0 …)")
    parser.add_argument("--minutes", type=float, default=20.0, help="training time of each grader of each fold")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--trunk", type=Path, help="MobileNetV3-Large state dict to start from")
    parser.add_argument("--size-px", type=int, help="of the crops, where it is not the usual one")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=None, help="default: runs/folds/<dataset>")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    import torch

    torch.set_num_threads(args.threads)
    source = sources.source_of(args)
    work = args.work or Path("runs/folds") / source.name
    specs = specs_for(Region, args.size_px)
    patients = cut_all((load() for _, load in source.studies()), work, specs)
    folds = folds_of(patients, args.folds)
    chosen = [f for f in folds if args.only is None or f.number in args.only]
    reads = [read for fold in chosen for read in answers_of(fold, work, args)]
    data = f"{source.data}; {len(chosen)} of {args.folds} folds by patient, the graders alone, in torch (FP32)"
    name = f"folds-{source.name}".replace("_", "-")
    plots.draw_all({"FP32": [g for r in reads for g in r.graded]}, args.results / "plots", name)
    return {name: tables({"FP32": reads}, data, args.command, source.real)}


def cut_all(studies: Iterable[LabelledStudy], work: Path, specs: Sequence) -> dict[str, str]:  # type: ignore[type-arg]
    """Bags of every study below `work/all`; study name to patient."""
    patients = {}
    for labelled in studies:
        folder = work / "all" / labelled.study_id
        missing = [s for s in specs if not has_bags(folder, s)]
        if missing:
            study = labelled.load()
            for spec in missing:
                save_bags(folder, bags_of(labelled, study, spec))
        patients[labelled.study_id] = labelled.patient
    return patients


def folds_of(patients: Mapping[str, str], count: int, seed: int = 0) -> list[Fold]:
    """Patients shuffled by the seed and dealt out; of the others a tenth, by a hash of the name, is for validation.

    Raises SystemExit when there are fewer patients than folds.
    """
    names = sorted(set(patients.values()))
    if len(names) < count:
        raise SystemExit(f"{count} folds need as many patients; there are {len(names)}")
    dealt = {names[n]: place % count for place, n in enumerate(np.random.default_rng(seed).permutation(len(names)))}
    folds = []
    for number in range(count):
        others = sorted(p for p in names if dealt[p] != number)
        kept = {p for p in others if zlib.crc32(p.encode()) % 10 == 0} or {others[0]}
        split_of = {p: "test" if dealt[p] == number else "val" if p in kept else "train" for p in names}
        splits = {s: tuple(k for k, p in patients.items() if split_of[p] == s) for s in ("train", "val", "test")}
        folds.append(Fold(number, splits))
    return folds


def answers_of(fold: Fold, work: Path, args: argparse.Namespace) -> list[Read]:
    """What the fold's own graders say of its test patients; trained now, or remembered."""
    folder = work / f"fold{fold.number}of{args.folds}"
    path = folder / "answers.jsonl"
    if not path.exists():
        _link(fold, work / "all", folder / "cache")
        plan = Plan(epochs=args.epochs, minutes=args.minutes, seed=fold.number)
        graders = {}
        for spec in specs_for(Region, args.size_px):
            out = folder / spec.region.value
            if not (out / "done").exists():
                train(new_grader(spec, args.trunk), folder / "cache", out, plan, resume=True, origin=f"fold {fold.number}")
                (out / "done").touch()
            graders[spec.region] = torch_grader(out / "best.pt")
        cases = cached_cases(graders, sorted((folder / "cache" / "test").glob("*")))
        reads = [Read(s, tuple(c for c in cases if c.study_id == s), 0) for s in fold.splits["test"]]
        part = path.with_suffix(".tmp")
        part.write_text("".join(json.dumps(asdict(r)) + "\n" for r in reads), "utf-8")
        part.rename(path)
    return list(recalled(path))


def _link(fold: Fold, everything: Path, cache: Path) -> None:
    """The fold's splits as links to the one set of crops."""
    for split, studies in fold.splits.items():
        (cache / split).mkdir(parents=True, exist_ok=True)
        for study in studies:
            link = cache / split / study
            if not link.is_symlink():
                link.symlink_to((everything / study).resolve(), target_is_directory=True)
