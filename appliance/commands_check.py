"""`lumbarbox selftest`, `bench`: does this box read as it should, how fast?"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from statistics import median
from time import perf_counter

from appliance import selftest
from appliance.pipeline import read_study
from appliance.reading import read_path
from appliance.wiring import limits_of, models_of, read_config

WELL, FAULT = 0, 1


def add_commands(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`selftest`, `bench`."""
    subparsers.add_parser("selftest", help="read the built-in study and compare").set_defaults(run=_selftest)
    bench = subparsers.add_parser("bench", help="how long a reading takes")
    bench.add_argument("path", type=Path, nargs="?", help="a study; without it, the built-in one")
    bench.add_argument("--rounds", type=int, default=5)
    bench.set_defaults(run=_bench)


def _selftest(args: argparse.Namespace) -> int:
    settings = read_config(args.config)
    differences = selftest.run(models_of(settings), datetime.now().astimezone())
    for line in differences or ("The built-in study reads as expected.",):
        print(line)
    return FAULT if differences else WELL


def _bench(args: argparse.Namespace) -> int:
    settings = read_config(args.config)
    models = models_of(settings)
    path = args.path or selftest.STUDY
    now = datetime.now().astimezone()
    rounds = range(max(1, args.rounds))
    study = read_path(path, limits_of(settings))
    files = [_milliseconds(lambda: read_path(path, limits_of(settings))) for _ in rounds]
    reports = [read_study(study, models, now) for _ in rounds]
    for name, times in _by_stage([dict(r.runtime.milliseconds) for r in reports]).items():
        print(f"{name:<16} {median(times):>8.0f} ms")
    print(f"{'reading files':<16} {median(files):>8.0f} ms")
    return WELL


def _by_stage(rounds: list[dict[str, float]]) -> dict[str, list[float]]:
    return {stage: [one[stage] for one in rounds] for stage in rounds[0]}


def _milliseconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return (perf_counter() - start) * 1000
