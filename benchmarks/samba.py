"""The watched share on a real Samba server: written by smbclient, watched locally or through a mount, and cut off.

    python -m benchmarks.samba [--mounted] [--studies 12]

`smbd` runs in the foreground on a loopback address, with the section of systemd/smb-lumbarbox.conf, so that
what is shipped is what is tested. `--mounted` watches the share through a FUSE mount (`smbnetfs`, which needs port 445 and
root): the box then sees what it would see on a file server elsewhere, and the server is killed in the middle. Where
the kernel has the `cifs` module the same may be tried with mount.cifs; here it has not.

The models are not what is tested; see benchmarks/soak.py for the reader that stands in their place.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.adapters.inbox import MARKER
from appliance.adapters.ledger import Ledger
from appliance.core.jobs import State
from benchmarks.results import Table, save
from benchmarks.soak import Killed, study

OPEN = (State.RECEIVED, State.SETTLING, State.QUEUED, State.READING)
SHIPPED = Path(__file__).resolve().parents[1] / "systemd" / "smb-lumbarbox.conf"
NEEDED = ("smbd", "smbclient")
MOUNTING = ("smbnetfs", "fusermount3")

GLOBAL = """
[global]
  server role = standalone server
  interfaces = 127.0.0.1
  bind interfaces only = yes
  smb ports = {port}
  disable netbios = yes
  private dir = {folder}/private
  lock directory = {folder}/lock
  state directory = {folder}/state
  cache directory = {folder}/cache
  pid directory = {folder}/run
  ncalrpc dir = {folder}/run/ncalrpc
  log file = {folder}/log
  map to guest = Bad User
  guest account = root
  load printers = no
"""


class Samba:
    """One share, served from `folder`/share."""

    def __init__(self, folder: Path, port: int) -> None:
        self.share = folder / "share"
        self._port, self._config = port, folder / "smb.conf"
        self._process: subprocess.Popen[bytes] | None = None
        for name in ("share", "private", "lock", "state", "cache", "run"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        shipped = shipped_share(self.share)
        self._config.write_text(GLOBAL.format(folder=folder, port=port) + shipped, "utf-8")
        (self.share / MARKER).touch()

    def start(self) -> None:
        command = ["smbd", "--foreground", "--no-process-group", "-s", str(self._config)]
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
        for _ in range(100):
            if self.client("ls", check=False) == 0:
                return
            time.sleep(0.1)
        raise RuntimeError("smbd does not answer")

    def stop(self) -> None:
        """At once, with the connections it serves: the server is gone."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def client(self, command: str, check: bool = True) -> int:
        """What a technician's computer does."""
        line = ["smbclient", "-p", str(self._port), "-N", "//127.0.0.1/lumbarbox", "-c", command]
        done = subprocess.run(line, check=check, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if check and "NT_STATUS" in done.stdout + done.stderr:  # smbclient ends well when a copy did not
            raise RuntimeError(done.stdout + done.stderr)
        return done.returncode

    def put(self, folder: Path, name: str) -> None:
        """A folder with all that is in it, as the share's root sees it."""
        self.client(f'lcd "{folder.parent}"; recurse; prompt; mput "{name}"')


def shipped_share(path: Path) -> str:
    """The shipped section, for this folder and without the users of a clinic."""
    others = ("path", "valid users", "force user", "force group")
    kept = [line for line in SHIPPED.read_text("utf-8").splitlines() if line.split("=")[0].strip() not in others]
    return "\n".join([*kept, f"  path = {path}", "  guest ok = yes", "  force user = root", ""])


@contextmanager
def mounted(folder: Path) -> Iterator[Path]:
    """The server's share as another computer's mount: SMB from end to end."""
    home, point = folder / "home", folder / "mount"
    (home / ".smb").mkdir(parents=True)
    point.mkdir()
    for name, text in (
        ("smbnetfs.conf", 'auth "guest" ""\ninclude "smbnetfs.host"\n'), ("smbnetfs.host", "host 127.0.0.1 visible=true\n"),
        ("smb.conf", "[global]\nclient min protocol = SMB2\nname resolve order = host\n"), ("smbnetfs.auth", ""),
    ):  # fmt: skip
        (home / ".smb" / name).write_text(text)
        (home / ".smb" / name).chmod(0o600)
    subprocess.run(["smbnetfs", str(point)], check=True, env={**os.environ, "HOME": str(home)}, timeout=30)
    try:
        yield point / "127.0.0.1" / "lumbarbox"
    finally:
        subprocess.run(["fusermount3", "-uz", str(point)], check=False)


def run(folder: Path, studies: int, port: int, through_mount: bool, seed: int = 1) -> dict[str, str]:
    """Drop studies by smbclient, cut the server off in the middle, wait, and count. Raises AssertionError."""
    rng, samba = random.Random(seed), Samba(folder, port)
    samba.start()
    started = time.monotonic()
    cuts = 0
    try:
        with mounted(folder) if through_mount else _local(samba.share) as watched:
            (folder / "soak").mkdir()
            os.symlink(watched, folder / "soak" / "share")
            box = Killed(folder / "soak")
            box.start()
            try:
                for number in range(studies):
                    _drop(samba, folder, number, rng)
                    if through_mount and number == studies // 2:
                        samba.stop()
                        time.sleep(8)
                        samba.start()
                        cuts += 1
                _wait(folder / "soak", studies)
            finally:
                box.stop()
    finally:
        samba.stop()
    return {**_verdict(folder / "soak", samba.share, studies), "server killed while watched": str(cuts),
            "seconds": f"{time.monotonic() - started:.0f}"}  # fmt: skip


@contextmanager
def _local(share: Path) -> Iterator[Path]:
    yield share


def _drop(samba: Samba, folder: Path, number: int, rng: random.Random) -> None:
    """In two folders, one after the other."""
    images = list(study(number, 3))
    rng.shuffle(images)
    cut = rng.randrange(1, len(images))
    for part, some in enumerate((images[:cut], images[cut:])):
        made = folder / "technician" / f"study {number} part {part}"
        made.mkdir(parents=True)
        for index, (_, _, data) in enumerate(some):
            (made / f"IM{index:04d}").write_bytes(data)
        samba.put(made, made.name)


def _wait(folder: Path, studies: int, patience: float = 600) -> None:
    end, ledger = time.monotonic() + patience, Ledger(folder / "box" / "ledger.db")
    while True:
        final = [j for j in ledger.newest(10_000, 0, State.DONE) if not j.superseded_by and not j.duplicate_of]
        waiting = len(ledger.unfinished_business()) + sum(map(ledger.count, OPEN))
        if len(final) == studies and not waiting:
            break
        assert time.monotonic() < end, f"it does not come to rest: {len(final)} of {studies}, {waiting} waiting"
        time.sleep(1)
    ledger.close()


def _verdict(folder: Path, share: Path, studies: int) -> dict[str, str]:
    ledger = Ledger(folder / "box" / "ledger.db")
    jobs = ledger.newest(10_000)
    final = [j for j in jobs if j.state is State.DONE and not j.superseded_by and not j.duplicate_of]
    originals = [p for p in (share / "_done").rglob("*") if p.is_file() and p.name.startswith("IM")]
    left = [p.name for p in share.iterdir() if not p.name.startswith((".", "_", "~"))]
    assert len({j.study_uid for j in final}) == len(final) == studies and not left, left
    assert len(originals) == studies * 9, f"{len(originals)} of {studies * 9} images in _done"
    assert all(j.state is State.DONE for j in jobs)
    found = {"studies": str(studies), "final reports": str(len(final)), "images filed in _done": str(len(originals))}
    return {**found, "left in the drop area": "0", "studies lost or doubled": "0"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=12)
    parser.add_argument("--mounted", action="store_true")
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="lumbarbox-samba-"))
    found = run(folder, args.studies, 445 if args.mounted else 4450, args.mounted)
    shutil.rmtree(folder)
    print("\n".join(": ".join(row) for row in found.items()))
    how = "through a smbnetfs (FUSE) mount" if args.mounted else "in the server's folder"
    version = subprocess.run(["smbd", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    data = f"synthetic, smbd {version.removeprefix('Version ')} on loopback, written by smbclient, watched {how}"
    command = f"python -m benchmarks.samba --studies {args.studies}" + (" --mounted" if args.mounted else "")
    name = "samba_mounted" if args.mounted else "samba"
    save(name, [Table("A real Samba share", data, command, ("what", "count"), tuple(found.items()))])




if __name__ == "__main__":
    main()
