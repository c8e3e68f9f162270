"""`lumbarbox doctor`: is this box as it should be? It looks and changes nothing."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from appliance.adapters.dicom_reader import DECODERS
from appliance.adapters.host import Host
from appliance.adapters.mounts import Mounts
from appliance.adapters.openvino_model import devices, verify
from appliance.config import Config
from appliance.core.limits import MIB
from appliance.errors import LumbarboxError
from appliance.typeface import typeface
from appliance.wiring import models_folder, read_config

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
    """`doctor`."""
    subparsers.add_parser("doctor", help="examine this box").set_defaults(run=_doctor)


def _doctor(args: argparse.Namespace) -> int:
    worst = WELL
    for check in examine(read_config(args.config)):
        print(f"{check.word:<8} {check.name:<12} {check.found}", flush=True)
        worst = FAULT if FAULT in (worst, check.code) else max(worst, check.code)
    return worst


def examine(settings: Config) -> Iterator[Check]:
    """Everything that can be looked at without reading a study."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", version, WELL if sys.version_info >= OLDEST_PYTHON else FAULT)
    heavy = find_spec("torch") is not None
    yield Check("torch", "here, but the box never needs it" if heavy else "absent, as it should be", DEGRADED * heavy)
    missing = [package for package in DECODERS if find_spec(package) is None]
    yield Check("decoders", f"missing: {', '.join(missing)}" if missing else "all there", DEGRADED * bool(missing))
    yield _letters()
    yield _asked("models", lambda: _models(settings))
    yield Check("devices", ", ".join(devices()))
    memory = psutil.virtual_memory()
    enough = memory.total >= ENOUGH_MEMORY
    yield Check("memory", f"{memory.available // MIB} of {memory.total // MIB} MB free", WELL if enough else DEGRADED)
    yield from _outside(settings)


def _letters() -> Check:
    if typeface() is None:
        return Check("letters", "Debian's fonts-dejavu-core is not installed: the PDF can print no Arabic", DEGRADED)
    return Check("letters", "DejaVu: the PDF can print all six languages")


def _outside(settings: Config) -> Iterator[Check]:
    """What the box stands on: its folder, its clock, the share, the broker."""
    data = Path(settings.box.data)
    if not data.exists():
        yield Check("data", f"{data.resolve()} is made at the first start")
    else:
        yield _data(data, settings)
        synced = Host(data).facts().clock_synced
        yield Check("clock", "set from the network" if synced else "not known to be set from the network")
    yield _asked("share", lambda: _share(settings))
    yield _asked("broker", lambda: _broker(settings))


def _asked(name: str, ask: Callable[[], str]) -> Check:
    """What it answers, or what is wrong with it and what to do."""
    try:
        return Check(name, ask())
    except LumbarboxError as error:
        return Check(name, f"{error.message} {error.action}".strip(), FAULT)


def _models(settings: Config) -> str:
    models = verify(models_folder(settings), settings.reader.second_opinion)
    return f"{len(models)} as the manifest says: {', '.join(models)}"


def _data(folder: Path, settings: Config) -> Check:
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check("data", f"{folder.resolve()} cannot be written by this user", FAULT)
    free, disk = Host(folder).free_mb(), settings.disk
    code = FAULT if free < disk.stop_mb else DEGRADED if free < disk.warn_mb else WELL
    return Check("data", f"{folder.resolve()}, {free} MB free", code)


def _share(settings: Config) -> str:
    from appliance.outside import watched  # here and below, so that `lumbarbox read` loads no network

    inbox = watched(settings, Mounts())
    if not inbox.root.exists() and not settings.inbox.mount:
        return f"{inbox.root} is made at the first start"
    inbox.check()
    return str(inbox.root)


def _broker(settings: Config) -> str:
    from appliance.adapters.mqtt import MqttLink
    from appliance.outside import beside, broker_address

    if settings.embedded_broker:
        return "the embedded one, while the box runs"
    if not settings.mqtt.host:
        return "none is configured: results are published nowhere"
    address = broker_address(settings)
    link = MqttLink(beside(address, "doctor"))
    link.connect()
    link.close()
    return f"{address.host}:{address.port} lets this box in"
