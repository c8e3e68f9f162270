"""`python -m export.phantom --studies 10 --seed 1 --out DIR`: write phantom studies, each with its truth."""

from __future__ import annotations

import argparse
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from tqdm import tqdm

from export.phantom import PhantomOptions, PhantomTruth, render_study, write_study
from export.phantom.options import Balance
from export.phantom.quirk_plan import RATES


def arguments() -> argparse.ArgumentParser:
    """The command's options."""
    parser = argparse.ArgumentParser(prog="python -m export.phantom", description=__doc__)
    parser.add_argument("--studies", type=int, default=10, help="how many studies (default 10)")
    parser.add_argument("--first", type=int, default=0, help="index of the first study (default 0)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other patients (default 1)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--balance", type=Balance, choices=list(Balance), default=Balance.NATURAL,
                        help="class counts as in RSNA 2024, or a mix for training")  # fmt: skip
    parser.add_argument("--quirks", action=argparse.BooleanOptionalAction, default=True,
                        help="oddities of real studies at their real rates (default on)")  # fmt: skip
    parser.add_argument(
        "--quirk", choices=list(RATES), metavar="NAME", help="this oddity in every study: %(choices)s"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--max-matrix", type=int, default=512, help="largest number of rows and columns")
    return parser


def make_one(index: int, seed: int, out: Path, options: PhantomOptions) -> PhantomTruth:
    """Render and write study `index`; its content depends on nothing but seed, index and options."""
    study = render_study(seed, index, options)
    return write_study(study, out / study.truth.patient_id)


def main(argv: list[str] | None = None) -> None:
    """Write the studies, show progress, print what was made."""
    args = arguments().parse_args(argv)
    options = PhantomOptions(args.balance, args.quirks, args.quirk, max_matrix=args.max_matrix)
    make = partial(make_one, seed=args.seed, out=args.out, options=options)
    indices = range(args.first, args.first + args.studies)
    if args.jobs > 1:
        with ProcessPoolExecutor(args.jobs) as pool:
            truths = list(tqdm(pool.map(make, indices), total=len(indices), unit="study"))
    else:
        truths = [make(i) for i in tqdm(indices, unit="study")]
    print(summary(truths))


def summary(truths: list[PhantomTruth]) -> str:
    """Counts of grades and quirks, for the person at the screen."""
    grades = Counter(f.severity for t in truths for f in t.findings)
    quirks = Counter(q for t in truths for q in t.quirks)
    lines = [f"{len(truths)} studies", "grades: " + ", ".join(f"{k} {v}" for k, v in sorted(grades.items()))]
    return "\n".join(
        [*lines, "quirks: " + (", ".join(f"{k} {v}" for k, v in quirks.most_common()) or "none")]
    )


if __name__ == "__main__":
    main()
