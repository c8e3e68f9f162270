"""A network file system that is ill: the watched share through a FUSE mount that fails as NFS and SMB mounts do.

    python -m benchmarks.ill_share [--studies 40] [--seed 1]

The kernel of the machine this was written on knows neither `nfs` nor `cifs`, so an NFS mount is simulated: a FUSE file
system (mfusepy) over a folder, whose technicians write on the server's side. What it does as a real one does:
attributes are cached for up to three seconds, so a file that grows seems to stand still; every call takes its time;
and in spells of some seconds every call fails with EIO, ESTALE, EACCES, EROFS or ENOSPC, or only those that write.
The box is the real one (see benchmarks/soak.py), killed with SIGKILL at times as well.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.results import Table, save
from benchmarks.soak import Killed, Plan, Share, Tally, _pieces, _settle, _verdict

SPELLS = ((errno.EIO, False), (errno.ESTALE, False), (errno.EACCES, False), (errno.EROFS, True), (errno.ENOSPC, True))
"""The error, and whether only writing fails."""
ATTRIBUTE_SECONDS = 3.0
"""acregmin of nfs(5)."""
LATENCY_SECONDS = 0.0005


def serve(backing: Path, point: Path, spell_file: Path) -> None:
    """Mount, until it is unmounted. `spell_file` holds the number of the error to fail with, and what fails."""
    import mfusepy

    def error(writing: bool) -> int:
        with suppress(OSError, ValueError):
            number, only_writing = spell_file.read_text().split()
            return int(number) if writing or only_writing == "0" else 0
        return 0

    def _slow_and_ill(operation: Callable[..., Any], writing: bool) -> Callable[..., Any]:
        @wraps(operation)
        def call(*args: Any) -> Any:
            time.sleep(LATENCY_SECONDS)
            if found := error(writing):
                raise mfusepy.FuseOSError(found)
            try:
                return operation(*args)
            except OSError as exc:
                raise mfusepy.FuseOSError(exc.errno or errno.EIO) from exc

        return call

    class Ill(mfusepy.Operations):  # type: ignore[misc]
        use_ns = True

        def __init__(self) -> None:
            self._cached: dict[str, tuple[float, dict[str, Any]]] = {}

        def __getattribute__(self, name: str) -> Any:
            """Every call of the file system takes its time, and fails while a spell lasts."""
            found = super().__getattribute__(name)
            return _slow_and_ill(found, name in WRITING) if name in CALLS else found

        def _real(self, path: str) -> str:
            return str(backing) + path

        def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
            now = time.monotonic()
            cached = self._cached.get(path)
            if cached is not None and now < cached[0]:
                return cached[1]
            found = os.lstat(self._real(path))
            names = ("st_atime_ns", "st_ctime_ns", "st_gid", "st_mode", "st_mtime_ns", "st_nlink", "st_size", "st_uid")
            told = {name.removesuffix("_ns"): getattr(found, name) for name in names}
            self._cached[path] = (now + ATTRIBUTE_SECONDS, told)
            return told

        def _forget(self, *paths: str) -> None:
            """A client knows what it changed itself."""
            for path in paths:
                for known in [k for k in self._cached if k == path or k.startswith(path.rstrip("/") + "/")]:
                    del self._cached[known]
                self._cached.pop(os.path.dirname(path) or "/", None)

        def readdir(self, path: str, fh: int) -> list[str]:
            return [".", "..", *os.listdir(self._real(path))]

        def open(self, path: str, flags: int) -> int:
            self._forget(path)  # close-to-open
            return os.open(self._real(path), flags & ~os.O_NOFOLLOW)

        def create(self, path: str, mode: int, fi: Any = None) -> int:
            self._forget(path)
            return os.open(self._real(path), os.O_RDWR | os.O_CREAT, mode)

        def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
            return os.pread(fh, size, offset)

        def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
            self._forget(path)
            return os.pwrite(fh, data, offset)

        def truncate(self, path: str, length: int, fh: int | None = None) -> None:
            self._forget(path)
            os.truncate(self._real(path), length)

        def release(self, path: str, fh: int) -> None:
            os.close(fh)

        def fsync(self, path: str, datasync: int, fh: int) -> None:
            os.fsync(fh)

        def flush(self, path: str, fh: int) -> None:
            """Nothing is kept back."""

        def mkdir(self, path: str, mode: int) -> None:
            self._forget(path)
            os.mkdir(self._real(path), mode)

        def rmdir(self, path: str) -> None:
            self._forget(path)
            os.rmdir(self._real(path))

        def unlink(self, path: str) -> None:
            self._forget(path)
            os.unlink(self._real(path))

        def rename(self, old: str, new: str, flags: int = 0) -> None:
            self._forget(old, new)
            os.rename(self._real(old), self._real(new))

        def statfs(self, path: str) -> dict[str, int]:
            found = os.statvfs(self._real(path))
            return {name: getattr(found, name) for name in ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize")}

    mfusepy.FUSE(Ill(), str(point), foreground=True, nothreads=False, attr_timeout=0, entry_timeout=0)


WRITING = frozenset({"create", "write", "truncate", "mkdir", "rmdir", "unlink", "rename", "fsync"})
CALLS = WRITING | {"getattr", "readdir", "open", "read", "release", "flush", "statfs"}
"""What a file system is asked; `release` of what is open fails as well, as close(2) does on NFS."""


@contextmanager
def mounted(folder: Path, backing: Path) -> Iterator[tuple[Path, Callable[[str], None]]]:
    """The mount point, and a function that begins a spell (`"5 0"`) or ends it (`""`)."""
    point, spell = folder / "mount", folder / "spell"
    point.mkdir()
    spell.write_text("")
    line = [sys.executable, "-m", "benchmarks.ill_share", "--serve", str(backing), str(point), str(spell)]
    root = str(Path(__file__).resolve().parents[1])
    with subprocess.Popen(line, env={**os.environ, "PYTHONPATH": root}) as server:
        try:
            end = time.monotonic() + 90
            while not os.path.ismount(point):
                assert time.monotonic() < end and server.poll() is None, "it was not mounted"
                time.sleep(0.1)
            yield point, lambda words: _say(spell, words)
        finally:
            _say(spell, "")
            subprocess.run(["fusermount3", "-uz", str(point)], check=False)
            server.terminate()


def _say(spell: Path, words: str) -> None:
    beside = spell.with_suffix(".new")
    beside.write_text(words)
    beside.replace(spell)


def run(folder: Path, plan: Plan, spells: int, tell: Callable[[str], object] = print) -> dict[str, Any]:
    """As soak.run, with spells of illness in place of a share that is taken away."""
    rng, tally, ill = random.Random(plan.seed), Tally(), Counter[str]()
    backing = folder / "server"
    backing.mkdir(parents=True)
    (backing / ".lumbarbox-inbox").touch()
    started = time.monotonic()
    with mounted(folder, backing) as (point, say):
        os.symlink(point, folder / "share")
        killed, over = Killed(folder), threading.Event()
        killed.start()
        sick = threading.Thread(target=_sicken, args=(say, spells, ill, random.Random(plan.seed + 1), over))
        sick.start()
        try:
            technicians = Share(backing, tally, rng)
            for piece in _pieces(plan, rng):
                technicians.drop(piece)
                time.sleep(rng.uniform(0.0, 0.15))
                if rng.random() < plan.kills / (plan.studies * 3) and tally.kills < plan.kills:
                    killed.kill()
                    tally.kills += 1
                    killed.start()
            sick.join()
            say("")
            _settle(folder, tally, killed, tell)
        finally:
            over.set()
            killed.stop()
        found = _verdict(folder, tally)
    return {**found, "share_outages": sum(ill.values()), "spells": dict(ill), "seconds": round(time.monotonic() - started)}


def _sicken(
    say: Callable[[str], None], spells: int, ill: Counter[str], rng: random.Random, over: threading.Event
) -> None:
    for number in range(spells):
        if over.wait(rng.uniform(1, 5)):
            return
        code, only_writing = SPELLS[number % len(SPELLS)]
        say(f"{code} {int(only_writing)}")
        over.wait(rng.uniform(0.5, 6))
        say("")
        ill[errno.errorcode[code]] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", nargs=3, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.serve:
        serve(*args.serve)
        return
    folder = Path(tempfile.mkdtemp(prefix="lumbarbox-ill-"))
    found = run(folder, Plan(args.studies, kills=args.studies // 8, seed=args.seed), spells=max(5, args.studies // 2))
    shutil.rmtree(folder)
    flat = {name: value for name, value in found.items() if not isinstance(value, dict)}
    rows = [(name.replace("_", " "), str(value)) for name, value in flat.items()]
    rows += [(f"spells of {name}", str(count)) for name, count in found["spells"].items()]
    print("\n".join(": ".join(row) for row in rows))
    data = f"synthetic, seed {args.seed}; a simulated network file system (FUSE): neither nfs nor cifs in this kernel"
    command = f"python -m benchmarks.ill_share --studies {args.studies} --seed {args.seed}"
    save("ill_share", [Table("A share that is ill", data, command, ("what", "count"), tuple(rows))])


if __name__ == "__main__":
    main()
