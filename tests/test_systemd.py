"""What is installed on a clinic's box: unit, user and folders belong together, and systemd itself finds no fault."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from appliance.cli import build_parser

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "systemd"
UNITS = sorted(FOLDER.glob("*.service"))
SNIPPETS = sorted(FOLDER.glob("*.d/*.conf"))


def unit(path: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(path)
    return parser["Service"]


@pytest.mark.parametrize("path", [*UNITS, *SNIPPETS], ids=lambda p: str(p.relative_to(FOLDER)))
def test_every_block_of_lines_has_its_reason(path: Path) -> None:
    """A comment stands before each run of settings."""
    said = False
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("#"):
            said = said or not line.startswith("#Type")
        elif not line or line.startswith("["):
            said = line.startswith("[")  # what a section holds first may speak for itself
        else:
            assert said, f"{path.name}: {line} has no reason"


@pytest.mark.parametrize("path", UNITS, ids=lambda p: p.name)
def test_the_command_of_the_unit_exists(path: Path) -> None:
    program, *rest = shlex.split(unit(path)["ExecStart"])
    assert program.endswith("/bin/lumbarbox")
    build_parser().parse_args(rest)


def test_user_folders_and_unit_belong_together() -> None:
    service = unit(FOLDER / "lumbarbox.service")
    users = (FOLDER / "sysusers.d" / "lumbarbox.conf").read_text("utf-8")
    folders = (FOLDER / "tmpfiles.d" / "lumbarbox.conf").read_text("utf-8")
    assert re.search(rf"^u\s+{service['User']}\s", users, re.MULTILINE)
    assert f"/var/lib/{service['StateDirectory']}" in service["ExecStart"] and f"/var/lib/{service['User']}" in users
    share = service["ReadWritePaths"].removeprefix("-")
    assert re.search(rf"^d\s+{share}\s+2770\s", folders, re.MULTILINE)
    assert f"{share}/.lumbarbox-inbox" in folders
    assert f'path = "{share}"' in (ROOT / "docs" / "deploy.md").read_text("utf-8")


def test_what_breaks_the_models_is_left_out() -> None:
    service = unit(FOLDER / "lumbarbox.service")
    assert "MemoryDenyWriteExecute" not in service and "PrivateDevices" not in service


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
@pytest.mark.parametrize("path", UNITS, ids=lambda p: p.name)
def test_systemd_finds_no_fault(path: Path, tmp_path: Path) -> None:
    """The program need not be installed where the tests run: /bin/true stands in."""
    text = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", path.read_text("utf-8"), flags=re.MULTILINE)
    (tmp_path / path.name).write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / path.name)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
    ask = ["systemd-analyze", "security", "--offline=true", "--threshold=25", str(tmp_path / path.name)]
    shown = subprocess.run(ask, capture_output=True, text=True, check=False, timeout=60)
    assert shown.returncode == 0, f"more open than 2.5 of 10:\n{shown.stdout[-300:]}"


def _can_try_live() -> bool:
    return os.geteuid() == 0 and "overlay" in Path("/proc/filesystems").read_text() and Path("/usr/bin/python3.11").exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not _can_try_live(), reason="needs root, overlay mounts and Debian's Python 3.11")
def test_the_unit_lives_under_a_real_systemd() -> None:
    """Started, sandboxed, read a study, killed, frozen, stopped, restored: see the script's first lines."""
    done = subprocess.run(
        [str(FOLDER / "try-live"), sys.executable], capture_output=True, text=True, check=False, timeout=850
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0 and said.count("well: ") == 7 and "NOT: " not in said, said
