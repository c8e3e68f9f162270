"""`lumbarbox doctor`, `selftest`, `bench`: is this box as it should be, does it read as it should, how fast?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter

import psutil

from appliance import selftest
from appliance.adapters.dicom_reader import DECODERS
from appliance.adapters.openvino_model import devices, verify
from appliance.config import Config
from appliance.core.limits import MIB
from appliance.errors import LumbarboxError
from appliance.pipeline import read_study
from appliance.reading import read_path
from appliance.wiring import limits_of, models_folder, models_of, read_config

WELL, FAULT, DEGRADED = 0, 1, 4
ENOUGH_MEMORY = 1_500 * MIB
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's: a name, what was found, and what it means."""

    name: str
    found: str
    code: int = WELL

    @property
    def word(self) -> str:
        return {WELL: "well", DEGRADED: "WARNING", FAULT: "FAULT"}[self.code]


def add_commands(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`doctor`, `selftest`, `bench`."""
    subparsers.add_parser("doctor", help="examine this box").set_defaults(run=_doctor)
    subparsers.add_parser("selftest", help="read the built-in study and compare").set_defaults(run=_selftest)
    bench = subparsers.add_parser("bench", help="how long a reading takes")
    bench.add_argument("path", type=Path, nargs="?", help="a study; without it, the built-in one")
    bench.add_argument("--rounds", type=int, default=5)
    bench.set_defaults(run=_bench)


def _doctor(args: argparse.Namespace) -> int:
    checks = tuple(examine(read_config(args.config)))
    for check in checks:
        print(f"{check.word:<8} {check.name:<12} {check.found}")
    return FAULT if any(c.code == FAULT for c in checks) else max(c.code for c in checks)


def examine(settings: Config) -> Iterator[Check]:
    """Everything that can be looked at without reading a study."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", version, WELL if sys.version_info >= OLDEST_PYTHON else FAULT)
    heavy = find_spec("torch") is not None
    yield Check("torch", "here, but the box never needs it" if heavy else "absent, as it should be", DEGRADED * heavy)
    missing = [package for package in DECODERS if find_spec(package) is None]
    yield Check("decoders", f"missing: {', '.join(missing)}" if missing else "all there", DEGRADED * bool(missing))
    yield _check_models(settings)
    yield Check("devices", ", ".join(devices()))
    memory = psutil.virtual_memory()
    enough = memory.total >= ENOUGH_MEMORY
    yield Check("memory", f"{memory.available // MIB} of {memory.total // MIB} MB free", WELL if enough else DEGRADED)


def _check_models(settings: Config) -> Check:
    try:
        models = verify(models_folder(settings))
    except LumbarboxError as error:
        return Check("models", error.message, FAULT)
    return Check("models", f"{len(models)} as the manifest says: {', '.join(models)}")


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
