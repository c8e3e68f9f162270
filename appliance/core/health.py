"""How the box is, in one value: a verdict and its reasons."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypedDict, cast


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


class HostBody(TypedDict):
    """`HostFacts` as JSON says them, on MQTT and in the API. Megabytes; degrees Celsius; `null` where it does not know."""

    disk_free_mb: int
    disk_total_mb: int
    memory_used_mb: int
    memory_total_mb: int
    load: float
    temperature_c: float | None
    clock_synced: bool | None


def host_body(host: HostFacts) -> HostBody:
    return cast(HostBody, asdict(host))


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
    paused: bool = False
    outbox_since: datetime | None = None
    """When the oldest result that waits for the broker was put there."""
    reader_silent: bool = False
    """The reader was ready, and has not been seen since: its process is gone or stuck."""
    strain: tuple[str, ...] = ()
    """Of the reasons, those that lie in the host: little disk, much heat."""

    @property
    def reasons_for_outside(self) -> tuple[str, ...]:
        """As `reasons`, but an alarm speaks only the fixed words of its code: its own may name a folder or a file."""
        return (*(words_of(alarm.code)[0] for alarm in self.alarms), *self.reasons[len(self.alarms) :])


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

ALARM_WORDS: dict[str, tuple[str, str]] = {
    "no_space": ("The disk is full.", "Make room; all goes on by itself."),
    "share_gone": ("The share is gone.", "Check the cable, the server and the mount; all goes on by itself."),
    "not_writable": ("A folder may not be written.", "Give the box's user the right to."),
    "ledger": ("The box's own database fails.", "Check the box's disk."),
    "ledger_rebuilt": ("The box's database was damaged and made anew.", "Check the disk; look through today's studies."),
    "model_missing": ("A model is missing.", "Install the box's models again."),
    "model_changed": ("A model is not the one the manifest names.", "Install the box's models again."),
    "model_wrong": ("The models do not read as they should.", "Install them again; empty ovcache."),
    "broker": ("The MQTT broker cannot be reached, or refuses.", "Check the broker, the network and its access rules."),
    "client_id_taken": ("Another box seems to use this box's name at the broker.", "Give each box its own box.node."),
    "fault": ("The box made a mistake.", "Report it with the box's log."),
}
"""Every alarm there is, in the words and with the action that may leave the box. At each connect the ones not raised are
cleared at the broker, whoever raised them."""

ALARM_CODES = frozenset(ALARM_WORDS)


def words_of(code: str) -> tuple[str, str]:
    """An alarm's message and action for the outside."""
    return ALARM_WORDS.get(code, ("The box needs attention.", "Look at the box's page."))


HOT_CELSIUS = 90.0


def judge(
    host: HostFacts,
    alarms: tuple[Alarm, ...],
    queue: int,
    reading: int,
    outbox: int,
    reader_ready: bool,
    warn_mb: int,
    paused: bool = False,
    outbox_since: datetime | None = None,
    reader_silent: bool = False,
) -> Health:
    """Put the facts together. No fact is left out of the reasons that changes the verdict."""
    reasons = [alarm.message for alarm in alarms]
    if reader_silent:
        reasons.append("The part that reads does not answer: nothing is read until it is started again.")
    elif not reader_ready:
        reasons.append("The models are not ready: nothing is read.")
    if paused:
        reasons.append("Reading is paused: resume it on the page, by `lumbarbox jobs resume`, or over MQTT.")
    strain = _strain(host, warn_mb)
    reasons += strain
    stopped = not reader_ready or any(alarm.code in STOPPING for alarm in alarms)
    verdict = Verdict.STOPPED if stopped else Verdict.DEGRADED if reasons else Verdict.WELL
    return Health(
        verdict, tuple(reasons), queue, reading, outbox, host, alarms, reader_ready, paused, outbox_since, reader_silent,
        strain,
    )  # fmt: skip


def _strain(host: HostFacts, warn_mb: int) -> tuple[str, ...]:
    said = []
    if host.disk_free_mb < warn_mb:
        said.append(f"Only {host.disk_free_mb} MB are free on the box's disk.")
    if host.temperature_c is not None and host.temperature_c >= HOT_CELSIUS:
        said.append(f"The processor is at {host.temperature_c:.0f} °C.")
    return tuple(said)
