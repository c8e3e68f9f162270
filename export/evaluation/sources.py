"""Which studies are read: synthetic ones drawn for the purpose, written phantoms, or RSNA 2024's test patients."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from export.datasets.sample import LabelledStudy
from export.grader.prepare import split_of

UNSEEN_SEED = 990_002
"""Of the synthetic studies that only evaluation draws; training draws from other seeds."""
Later = tuple[str, Callable[[], LabelledStudy]]
"""A study's name, and how to get it: drawing one takes seconds, so it is done only for who has not been read."""


@dataclass(frozen=True, slots=True)
class Source:
    """A set of studies and what must be said of it beside every number."""

    name: str
    data: str
    studies: Callable[[], Iterator[Later]]
    real: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dataset", choices=("phantom", "rsna2024"), default="phantom")
    parser.add_argument("--data", type=Path, help="rsna2024: Kaggle's folder; phantom: written studies, else drawn anew")
    parser.add_argument("--balance", choices=("training", "natural"), default="training", help="of drawn phantoms")
    parser.add_argument("--split", choices=("test", "all"), default="test", help="of rsna2024, by patient")
    parser.add_argument("--studies", "--limit", type=int, default=20, help="at most so many")


def source_of(args: argparse.Namespace) -> Source:
    """The one the arguments name."""
    if args.dataset == "rsna2024":
        return _rsna(args.data, args.split, args.studies)
    return _written(args.data, args.studies) if args.data else _drawn(args.balance, args.studies)


def _drawn(balance: str, count: int) -> Source:
    """With all quirks of the real world that leave a study readable."""

    def studies() -> Iterator[Later]:
        from export.datasets.phantom import labelled_rendering
        from export.phantom import render_study
        from export.phantom.options import Balance, PhantomOptions

        options = PhantomOptions(balance=Balance(balance))
        for index in range(count):
            yield f"{UNSEEN_SEED}-{index}", lambda i=index: labelled_rendering(render_study(UNSEEN_SEED, i, options))

    data = f"SYNTHETIC: {count} phantom studies never seen in training or calibration, {balance} balance of grades"
    return Source(f"phantom_{balance}", data, studies)


def _written(folder: Path, count: int) -> Source:
    from export.datasets.phantom import labelled_folders

    def studies() -> Iterator[Later]:
        yield from ((s.study_id, lambda s=s: s) for s in islice(labelled_folders(folder), count))

    return Source("phantom_written", f"SYNTHETIC: phantom studies of {folder.name}", studies)


def _rsna(folder: Path | None, split: str, count: int) -> Source:
    from export.datasets.rsna2024 import labelled_studies

    if folder is None:
        raise SystemExit("--dataset rsna2024 needs --data: the folder that holds train.csv")

    def studies() -> Iterator[Later]:
        chosen = (s for s in labelled_studies(folder) if split == "all" or split_of(s.patient) == split)
        yield from ((s.study_id, lambda s=s: s) for s in islice(chosen, count))

    return Source("rsna2024", f"RSNA 2024, {split} patients (at most {count} studies)", studies, real=True)
