"""How the box is, in one value: a verdict and its reasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Verdict(StrEnum):
    WELL = "well"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    """Nothing new is read until a person acts."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that stays wrong until it is put right."""

    code: str
    message: str
    action: str
    since: datetime


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What the machine says of itself; None where it does not know."""

    disk_free_mb: int
    disk_total_mb: int
    memory_used_mb: int
    memory_total_mb: int
    load: float
    temperature_c: float | None
    clock_synced: bool | None


@dataclass(frozen=True, slots=True)
class Health:
    """Everything the page's health line, `health` on MQTT and /readyz are made of."""

    verdict: Verdict
    reasons: tuple[str, ...]
    queue: int
    reading: int
    outbox: int
    host: HostFacts
    alarms: tuple[Alarm, ...]
    reader_ready: bool


STOPPING = frozenset(
    {
        "no_space",
        "share_gone",
        "not_writable",
        "ledger",
        "model_missing",
        "model_changed",
        "model_wrong",
    }
)
"""Alarm codes that pause the reading or the intake."""

ALARM_CODES = STOPPING | {"broker", "fault", "ledger_rebuilt"}
"""Every alarm there is: at each connect the ones not raised are cleared at the broker, whoever raised them."""

HOT_CELSIUS = 90.0


def judge(
    host: HostFacts,
    alarms: tuple[Alarm, ...],
    queue: int,
    reading: int,
    outbox: int,
    reader_ready: bool,
    warn_mb: int,
) -> Health:
    """Put the facts together. No fact is left out of the reasons that changes the verdict."""
    reasons = [alarm.message for alarm in alarms]
    if not reader_ready:
        reasons.append("The models are not ready: nothing is read.")
    if host.disk_free_mb < warn_mb:
        reasons.append(f"Only {host.disk_free_mb} MB are free on the box's disk.")
    if host.temperature_c is not None and host.temperature_c >= HOT_CELSIUS:
        reasons.append(f"The processor is at {host.temperature_c:.0f} °C.")
    stopped = not reader_ready or any(alarm.code in STOPPING for alarm in alarms)
    verdict = Verdict.STOPPED if stopped else Verdict.DEGRADED if reasons else Verdict.WELL
    return Health(verdict, tuple(reasons), queue, reading, outbox, host, alarms, reader_ready)
