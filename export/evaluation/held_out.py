"""The detector on groups of pictures that no training saw: one maker, one sequence, one field strength at a time.

For every group a detector is trained from COCO's weights without any picture of it, and one reference in as many steps
with nothing left out but the held-out patients, who are kept from all of them. Each reads the held-out patients'
pictures; the detector without a group reads the group's other patients too, which the reference cannot do fairly.
What is done is kept under `--work`: the same command goes on after a stop.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from appliance.core.spine import Level
from benchmarks.results import Table
from export.datasets import spider
from export.datasets.sample import LabelledStudy
from export.datasets.spider_groups import GROUPS, Facts, Group, facts_of
from export.detector.cases import Case, has_all_levels, masked, real
from export.detector.evaluate import Outcome, read_case
from export.detector.train import CURRENT, Plan, Pool, phases_of, train, training_pools
from export.evaluation.held_out_tables import REFERENCE, Run, tables

BATCH = 16
_TRAINED_ON, _OUTCOMES, _PLAN = "trained_on.txt", "outcomes.json", "plan.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--pretrained", type=Path, default=Path("../shared/weights/yolov8n.pt"), help="COCO's")
    parser.add_argument("--only", nargs="*", choices=[g.name for g in GROUPS], help="leave out these groups alone")
    parser.add_argument("--steps", type=int, default=320, help="of every training, the reference's too")
    parser.add_argument("--sizes", default="320:0.6,480:0.4", help="side:share of the steps, in order")
    parser.add_argument("--phantoms", type=int, default=0, help="synthetic studies in every training")
    parser.add_argument("--minutes", type=float, help="begin no further training after so many; run again to go on")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/held-out"))


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    import torch

    torch.set_num_threads(args.threads)
    facts = facts_of(args.data)
    wanted = [None, *(g for g in GROUPS if not args.only or g.name in args.only)]
    began, runs = time.monotonic(), list[Run]()
    for group in wanted:
        late = runs and args.minutes is not None and time.monotonic() - began > args.minutes * 60
        if late and not (folder_of(group, args.work) / _OUTCOMES).exists():
            print(f"time is up: {_name(group)} waits for the next run of this command")
            continue
        runs.append(trained_and_read(group, facts, args))
    synthetic = f"{args.phantoms or 'no'} synthetic studies"
    trained = f"every training {args.steps} steps of {BATCH} pictures from COCO's weights, {synthetic}"
    return {"detector-held-out": tables(runs, facts, trained, args.command)}


def trained_and_read(group: Group | None, facts: Mapping[str, Facts], args: argparse.Namespace) -> Run:
    """One training without the group (None: the reference) and what it read; both remembered in its folder."""
    folder = folder_of(group, args.work)
    folder.mkdir(parents=True, exist_ok=True)
    _agree(folder / _PLAN, {"steps": args.steps, "sizes": args.sizes, "phantoms": args.phantoms})
    if not (folder / _OUTCOMES).exists():
        _train(group, folder, facts, args)
        outcomes = read_all(folder / CURRENT, cases_for(group, facts, args.data))
        _write(folder / _OUTCOMES, json.dumps([asdict(o) for o in outcomes]))
    raw = json.loads((folder / _OUTCOMES).read_text("utf-8"))
    seen = Run(group, _lines(folder / _TRAINED_ON), tuple(_outcome(o) for o in raw))
    refuse_leaks(seen, facts)
    return seen


def _train(group: Group | None, folder: Path, facts: Mapping[str, Facts], args: argparse.Namespace) -> None:
    """Into `folder`, going on where a stopped one stood; what it draws from is written down and looked through first."""
    pools = pools_without(group, facts, args.data, args.phantoms)
    names = tuple(p.name for pool in pools for p in pool.pictures)
    refuse_leaks(Run(group, names, ()), facts)
    _write(folder / _TRAINED_ON, "".join(f"{name}\n" for name in names))
    plan = Plan(0, phases_of(args.sizes), BATCH, threads=args.threads, steps=args.steps)
    train(pools, plan, args.pretrained, folder, resume=True)


def pools_without(group: Group | None, facts: Mapping[str, Facts], data: Path, phantoms: int) -> list[Pool]:
    """What a training draws from: no held-out patient, no real picture of the group.

    Raises SystemExit when nothing real is left, KeyError for a picture without facts.
    """

    def keep(study: LabelledStudy) -> bool:
        return group is None or not group.has(facts[study.study_id])

    pools = training_pools(data, phantoms, keep=keep)
    if not any(pool.name in ("space", "midsagittal") for pool in pools):
        raise SystemExit(f"without {_name(group)} no real picture is left to train on")
    return pools


def cases_for(group: Group | None, facts: Mapping[str, Facts], data: Path) -> list[Case]:
    """Pictures that show all five levels, of every held-out patient and of everybody in the group."""

    def chosen(study: LabelledStudy) -> bool:
        own = group is not None and group.has(facts[study.study_id])
        return own or spider.held_out(study.patient)

    return [case for case in [*real(data, chosen), *masked(data, chosen)] if has_all_levels(case)]


def read_all(weights: Path, cases: Iterable[Case]) -> list[Outcome]:
    """The box's chain, numbering included, around the network in torch."""
    from export.detector.predict import TorchDetector

    detector = TorchDetector(weights)
    return [read_case(detector, case)[1] for case in cases]


def refuse_leaks(run: Run, facts: Mapping[str, Facts]) -> None:
    """Raises ValueError when a training saw what it is measured on; asks the list of what it drew from, not the filter."""
    real_names = [name for name in run.trained_on if name in facts]
    read = {outcome.name for outcome in run.outcomes}
    leaked = [
        name for name in real_names
        if name in read or spider.held_out(facts[name]["patient"]) or (run.group and run.group.has(facts[name]))
    ]  # fmt: skip
    if leaked:
        raise ValueError(f"the training without {run.name} saw {len(leaked)} of its pictures: {leaked[:3]}")


def _outcome(raw: Mapping[str, Any]) -> Outcome:
    levels = {key: tuple(Level(v) for v in raw[key]) for key in ("found", "misnamed", "visible", "seen")}
    return Outcome(**{**raw, **levels, "errors_mm": tuple(raw["errors_mm"])})


def trained_without(work: Path, only: Sequence[str] | None = None) -> list[Group]:
    """The groups, or those named, whose detector lies in `work`. Raises SystemExit where there is none."""
    groups = [g for g in GROUPS if (not only or g.name in only) and (folder_of(g, work) / CURRENT).exists()]
    if not groups:
        raise SystemExit(f"no detector trained without a group lies in {work}: python -m export.evaluate held-out")
    return groups


def folder_of(group: Group | None, work: Path) -> Path:
    return work / _name(group).lower().replace(" ", "-")


def _lines(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text("utf-8").splitlines())


def _write(path: Path, text: str) -> None:
    """Beside, then renamed: what is there is whole."""
    part = path.with_suffix(".tmp")
    part.write_text(text, "utf-8")
    part.rename(path)


def _name(group: Group | None) -> str:
    return group.name if group else REFERENCE


def _agree(path: Path, settings: Mapping[str, object]) -> None:
    """What is remembered must be of these settings. Raises SystemExit when it is of others."""
    if not path.exists():
        path.write_text(json.dumps(settings), "utf-8")
    kept = json.loads(path.read_text("utf-8"))
    if kept != settings:
        raise SystemExit(f"{path.parent} was trained with {kept}, not {settings}: name another --work")
