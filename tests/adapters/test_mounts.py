"""Which folders lie on a network, read off the kernel's table."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.adapters.mounts import Mount, Mounts

TABLE = r"""
22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw
90 22 0:45 / /srv/lumbar\040share rw,relatime shared:40 - cifs //server/mri rw,vers=3.1.1
91 22 0:46 / /srv/nfs rw - nfs4 server:/mri rw
92 22 0:47 / /srv/sshfs rw - fuse.sshfs me@server: rw
93 22 0:48 / /tmp rw - tmpfs tmpfs rw
nonsense
"""


@pytest.mark.parametrize(
    ("minor", "kind", "network"), [(45, "cifs", True), (46, "nfs4", True), (47, "fuse.sshfs", True), (48, "tmpfs", False)]
)
def test_the_kind_of_file_system_decides(tmp_path: Path, minor: int, kind: str, network: bool) -> None:
    (tmp_path / "table").write_text(TABLE)
    found = Mounts(tmp_path / "table").holding(os.makedev(0, minor))
    assert (found.kind, found.is_network) == (kind, network)


def test_blanks_in_a_mount_point_are_read_as_such(tmp_path: Path) -> None:
    (tmp_path / "table").write_text(TABLE)
    assert Mounts(tmp_path / "table").holding(os.makedev(0, 45)) == Mount("/srv/lumbar share", "cifs")


def test_what_the_kernel_does_not_say_counts_as_local(tmp_path: Path) -> None:
    assert not Mounts(tmp_path / "nowhere").holding(1).is_network
    assert not Mounts().holding(tmp_path.stat().st_dev).is_network
