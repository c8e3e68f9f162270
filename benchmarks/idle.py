"""What a full drop area costs: 10,000 files waiting, seconds of one scan, processor time of a box with nothing to do.

    python -m benchmarks.idle [--files 10000] [--seconds 60]

The box is the real one (`lumbarbox intake`'s parts, one process) on a local disk, its reader replaced by one that is never
ready, so that everything waits. Three places to wait in: loose files in the root, folders, and both on a box whose disk
is too full to take anything in.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import psutil

from appliance import config
from appliance.adapters.inbox import Inbox
from appliance.box import Box, clock
from benchmarks.results import Table, save
from benchmarks.soak import study
from benchmarks.soak_reader import ListingReader

FOLDERS = 100


def fill(share: Path, files: int, loose: bool) -> None:
    """Small DICOM files: what a scan pays for is their number."""
    images = [data for _, _, data in study(0, 1)]
    for number in range(files):
        folder = share if loose else share / f"study {number % FOLDERS}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"IM{number:06d}").write_bytes(images[number % len(images)] + number.to_bytes(4))


def scan_seconds(share: Path, rounds: int = 20) -> tuple[float, float]:
    """The first look, and the slowest later one that really looked at everything: an hour lies between any two.

    Seconds of the clock, and what else runs on the machine is in them.
    """
    inbox, now = Inbox(share), clock()
    took = []
    for _ in range(1 + rounds):
        started = time.perf_counter()
        inbox.look(now)
        took.append(time.perf_counter() - started)
        now += timedelta(hours=1)
    return took[0], max(took[1:])


def idle_percent(folder: Path, seconds: float, settle: float, parts: str, full: bool) -> float:
    """Of one core, over `seconds`, after `settle` seconds."""
    free = {"LUMBARBOX_DISK_STOP_MB": "9000000", "LUMBARBOX_DISK_WARN_MB": "9000000"} if full else {}
    root = str(Path(__file__).resolve().parents[1])
    command = [sys.executable, "-m", "benchmarks.idle", "--box", str(folder), "--parts", parts]
    with subprocess.Popen(command, env={**os.environ, **free, "PYTHONPATH": root}) as process:
        try:
            watched = psutil.Process(process.pid)
            _until_calm(watched, settle)
            before, started = _cpu(watched), time.monotonic()
            time.sleep(seconds)
            return 100 * (_cpu(watched) - before) / (time.monotonic() - started)
        finally:
            process.kill()


def _until_calm(watched: psutil.Process, settle: float) -> None:
    """Taking in is work; idle begins when it is done."""
    end = time.monotonic() + 900
    while time.monotonic() < end:
        before = _cpu(watched)
        time.sleep(settle)
        if _cpu(watched) - before < settle * 0.05:
            return
    raise AssertionError("it does not come to rest")


def _cpu(process: psutil.Process) -> float:
    family = [process, *process.children(recursive=True)]
    return float(sum(p.cpu_times().user + p.cpu_times().system for p in family))


class NeverReady(ListingReader):
    """So that everything waits."""

    def prepare(self) -> dict[str, object]:
        from appliance.errors import Code, ModelError

        raise ModelError(Code.MODEL_MISSING, "There are no models in this measurement.", "None.")


def serve(folder: Path, parts: tuple[str, ...]) -> None:
    from appliance.running import Running

    settings = config.load(
        None, os.environ, box__data=str(folder / "box"), inbox__path=str(folder / "share"), limits__files=20_000,
        web__port=0, broker__port=0,
    )  # fmt: skip
    Running(Box(settings, NeverReady(lambda files: ())), parts)
    time.sleep(3600)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--box", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--parts", default="intake", help=argparse.SUPPRESS)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    args = parser.parse_args()
    if args.box:
        serve(args.box, tuple(args.parts.split(",")))
        return
    rows = []
    for loose in (True, False):
        for full in (False, True):
            with tempfile.TemporaryDirectory(prefix="lumbarbox-idle-") as name:
                share = Path(name) / "share"
                fill(share, args.files, loose)
                (share / ".lumbarbox-inbox").touch()
                first, later = scan_seconds(share)
                percent = idle_percent(Path(name), args.seconds, 20.0, "intake", full)
                where = "loose in the root" if loose else f"in {FOLDERS} folders"
                state = "disk too full, nothing taken in" if full else "taken in, waiting to be read"
                rows.append((where, state, f"{first:.2f}", f"{later:.2f}", f"{percent:.1f}"))
                print(rows[-1], flush=True)
    with tempfile.TemporaryDirectory(prefix="lumbarbox-idle-") as name:
        share = Path(name) / "share"
        fill(share, args.files, False)
        (share / ".lumbarbox-inbox").touch()
        percent = idle_percent(Path(name), args.seconds, 20.0, "publisher,intake,reader,web", False)
        rows.append((f"in {FOLDERS} folders", "the whole box: intake, reader, broker, page", "", "", f"{percent:.1f}"))
        print(rows[-1], flush=True)
    columns = ("files lie", "state", "first scan, s", "slowest full scan after it, s", "idle processor, % of one core")
    busy = f"load average {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores meanwhile"
    data = f"synthetic, {args.files} DICOM files of about 1 kB on a local disk; {busy}"
    save("idle", [Table("A full drop area", data, f"python -m benchmarks.idle --files {args.files}", columns, tuple(rows))])


if __name__ == "__main__":
    main()
