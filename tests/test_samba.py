"""A real Samba server with the shipped share section: written by smbclient, taken in by the box."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from benchmarks import samba

needs = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, samba.NEEDED)), reason="samba is not installed, or this is not root"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@needs
def test_the_shipped_section_is_one_that_samba_understands(tmp_path: Path) -> None:
    (tmp_path / "smb.conf").write_text("[global]\nserver role = standalone server\n" + samba.SHIPPED.read_text("utf-8"))
    done = subprocess.run(["testparm", "-s", str(tmp_path / "smb.conf")], capture_output=True, text=True, check=True)
    assert "[lumbarbox]" in done.stdout and "Unknown parameter" not in done.stderr + done.stdout


@needs
@pytest.mark.timeout(240)
def test_studies_written_over_smb_are_read_once_and_filed(tmp_path: Path) -> None:
    found = samba.run(tmp_path, studies=2, port=free_port(), through_mount=False)
    assert found["final reports"] == "2" and found["images filed in _done"] == "18"


@pytest.mark.slow
@needs
@pytest.mark.skipif(not all(map(shutil.which, samba.MOUNTING)), reason="smbnetfs is not installed")
@pytest.mark.timeout(900)
def test_a_server_that_dies_while_its_mounted_share_is_watched(tmp_path: Path) -> None:
    found = samba.run(tmp_path, studies=6, port=445, through_mount=True)
    assert found["server killed while watched"] == "1" and found["final reports"] == "6"
