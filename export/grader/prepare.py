"""`python -m export.grader.prepare`: render phantoms and keep only their crops. Resumable, one process a study.

Splits are ranges of the study index, so a patient is in one split only:
train 0.., validation 10000.., test 20000.. (natural class counts: test_natural 30000..).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from appliance.core.models import GraderSpec
from appliance.core.spine import Region
from appliance.errors import InputError
from export.datasets.sample import LabelledStudy
from export.grader.data import bags_of, has_bags, save_bags
from export.grader.model import DEFAULT_SPECS

CACHE = Path("runs/grader/cache")
SPLIT_START = {"train": 0, "val": 10_000, "test": 20_000, "test_natural": 30_000}
STIR_EVERY = 8
"""One training study in so many has STIR in place of sagittal T2: the canal grader meets both."""


def prepare_phantom(index: int, split: str, seed: int, cache: Path, specs: Sequence[GraderSpec]) -> str:
    """Render one phantom and save its bags by every spec; returns what was done."""
    from export.datasets.phantom import labelled_rendering, measures
    from export.grader.focus import render_for_crops
    from export.phantom.options import Balance, PhantomOptions, Role

    folder = cache / split / f"{seed}-{index:05d}"
    if all(has_bags(folder, spec) for spec in specs):
        return f"{folder.name} kept"
    stir = split == "train" and index % STIR_EVERY == STIR_EVERY - 1
    role_of = {Region.CANAL: Role.SAGITTAL_STIR if stir else Role.SAGITTAL_T2,
               Region.FORAMINAL: Role.SAGITTAL_T1, Region.SUBARTICULAR: Role.AXIAL_T2}  # fmt: skip
    roles = tuple(role_of[spec.region] for spec in specs)
    balance = Balance.NATURAL if split == "test_natural" else Balance.TRAINING
    rendered = render_for_crops(seed, index, PhantomOptions(balance=balance, roles=roles))
    labelled = labelled_rendering(rendered)
    study = labelled.load()
    for spec in specs:
        save_bags(folder, bags_of(labelled, study, spec, measures(rendered.truth)))
    return f"{folder.name} made"


def prepare_studies(studies: Iterable[LabelledStudy], cache: Path, specs: Sequence[GraderSpec]) -> int:
    """Bags of any data set, split by patient: 80 % train, 10 % validation, 10 % test. Returns the studies read."""
    count = 0
    for labelled in studies:
        folder = cache / split_of(labelled.patient) / labelled.study_id
        missing = [s for s in specs if not has_bags(folder, s)]
        if missing:
            try:
                study = labelled.load()
            except InputError as error:  # one unreadable study in two thousand stops nothing, and is not hidden
                print(f"{labelled.study_id} left out: {error.message}", flush=True)
                continue
            for spec in missing:
                save_bags(folder, bags_of(labelled, study, spec))
        count += 1
    return count


def split_of(patient: str) -> str:
    """The split of a patient, the same on every machine and in every run."""
    return {0: "val", 1: "test"}.get(zlib.crc32(patient.encode()) % 10, "train")


def specs_for(regions: Iterable[Region], size_px: int | None) -> list[GraderSpec]:
    """The usual specs, or the same millimetres at another size: for the evaluation of what a size is worth."""
    usual = [DEFAULT_SPECS[region] for region in regions]
    return [replace(spec, size_px=size_px) for spec in usual] if size_px else usual


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.grader.prepare", description=__doc__)
    parser.add_argument("--split", choices=sorted(SPLIT_START), default="train")
    parser.add_argument("--from", dest="start", type=int, default=0, help="first study, counted within the split")
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--regions", type=Region, nargs="*", default=list(Region))
    parser.add_argument("--size-px", type=int, default=None, help="other than usual; give it a cache of its own")
    args = parser.parse_args(arguments)
    first = SPLIT_START[args.split] + args.start
    work = partial(prepare_phantom, split=args.split, seed=args.seed, cache=args.cache,
                   specs=specs_for(args.regions, args.size_px))  # fmt: skip
    with multiprocessing.get_context("spawn").Pool(args.workers, os.nice, (5,)) as pool:
        for n, what in enumerate(pool.imap_unordered(work, range(first, first + args.studies)), 1):
            print(f"{args.split} {n}/{args.studies}: {what}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
