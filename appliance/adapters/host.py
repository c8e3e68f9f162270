"""What the machine says of itself, by psutil. Whatever it does not know is None, never a guess."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import psutil

from appliance.core.health import HostFacts

_MIB = 1 << 20
_TIME_ERROR = 5
_HOTTEST = ("coretemp", "k10temp", "cpu_thermal", "acpitz")


class Host:
    """`data` is on the disk that must not fill up."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def free_mb(self) -> int:
        return int(psutil.disk_usage(str(self._data)).free // _MIB)

    def facts(self) -> HostFacts:
        disk, memory = psutil.disk_usage(str(self._data)), psutil.virtual_memory()
        return HostFacts(
            disk_free_mb=disk.free // _MIB,
            disk_total_mb=disk.total // _MIB,
            memory_used_mb=(memory.total - memory.available) // _MIB,
            memory_total_mb=memory.total // _MIB,
            load=round(os.getloadavg()[0], 2),
            temperature_c=_temperature(),
            clock_synced=_clock_synced(),
        )


def _temperature() -> float | None:
    try:
        found = psutil.sensors_temperatures()
    except (AttributeError, OSError):
        return None
    for name in _HOTTEST:
        if found.get(name):
            return round(max(sensor.current for sensor in found[name]), 1)
    return None


def _clock_synced() -> bool | None:
    """The kernel's own word (adjtimex, reading only)."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = int(libc.adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _TIME_ERROR
