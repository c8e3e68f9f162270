"""On what kind of file system a folder lies, by the kernel's own table of mounts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNT_TABLE = Path("/proc/self/mountinfo")

NETWORK = frozenset(
    {"cifs", "smb3", "smbfs", "nfs", "nfs4", "9p", "afs", "ceph", "glusterfs", "lustre", "ncpfs", "davfs", "virtiofs"}
)
"""Where another machine changes files, events do not fire and times are coarse. Every FUSE mount counts as one too."""


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of the table."""

    point: str
    kind: str

    @property
    def is_network(self) -> bool:
        return self.kind in NETWORK or self.kind == "fuse" or self.kind.startswith("fuse.")


LOCAL = Mount("/", "unknown")


class Mounts:
    """Which mount a device number belongs to. The table is read again only when a device is not in it."""

    def __init__(self, table: Path = MOUNT_TABLE) -> None:
        self._table = table
        self._by_device: dict[int, Mount] = {}

    def holding(self, device: int) -> Mount:
        """`device` is `st_dev`. A local one when the kernel does not say."""
        if device not in self._by_device:
            self._by_device = self._read()
            self._by_device.setdefault(device, LOCAL)
        return self._by_device[device]

    def is_network(self, device: int) -> bool:
        """Whether another machine holds this device's files."""
        return self.holding(device).is_network

    def _read(self) -> dict[int, Mount]:
        """Fields of proc(5): id, parent, major:minor, root, mount point, options, …, `-`, type, source."""
        try:
            lines = self._table.read_text("utf-8", "surrogateescape").splitlines()
        except OSError:
            return {}
        found: dict[int, Mount] = {}
        for line in lines:
            before, _, after = line.partition(" - ")
            fields = before.split()
            if len(fields) >= 5 and after:
                major, minor = map(int, fields[2].split(":"))
                found[os.makedev(major, minor)] = Mount(_unescaped(fields[4]), after.split()[0])
        return found


def _unescaped(text: str) -> str:
    """Blanks and the like are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda m: chr(int(m.group(1), 8)), text)
