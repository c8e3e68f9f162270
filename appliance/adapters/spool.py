"""The spool: the box's own copy of what is to be read, on its own disk. A study is read from here, never from a share.

A copy is made beside (`<job>.part`), every file hashed and synced, then renamed: `<job>` is either whole or absent.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from appliance.core.drops import SeenFile, plain_name
from appliance.core.jobs import Manifest
from appliance.core.printable import printable
from appliance.durable import sync
from appliance.errors import Code, InputError, SystemicError, from_os

Card = Mapping[str, Any]
"""What lies beside a copy (`<job>.json`): enough to put its job into a new ledger."""

_CHUNK = 1 << 20
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")


class Spool:
    """One folder a job. Job ids are made by the box, so a path here never holds anything a stranger wrote."""

    def __init__(self, root: Path, file_limit: int, stop_free: int = 0) -> None:
        """`file_limit` and `stop_free` in bytes."""
        self._root = root
        self._file_limit = file_limit
        self._stop_free = stop_free
        self._named: tuple[tuple[str, int], tuple[str, ...]] = ("", 0), ()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise from_os(exc, f"The spool {root}", Code.FAULT) from exc

    def folder(self, job_id: str) -> Path:
        return self._root / job_id

    def claim(self, job_id: str, files: Iterable[tuple[Path, SeenFile]], card: Card) -> Manifest | None:
        """Copy a drop. None when it changed meanwhile: it is not complete after all, and nothing is kept.

        `card` is what a rebuilt ledger needs to know of it; the files it came from are added where it names none.
        """
        wanted = list(files)
        self._check_room(sum(seen.size for _, seen in wanted))
        target = self._begin(job_id)
        try:
            sums = self._copy(wanted, target)
            if sums is None or not all(_is_still(path, seen) for path, seen in wanted):
                self.discard(job_id)
                return None
            noted = {"files": [[s.path, s.size, s.mtime_ns] for _, s in wanted], "called": _called(wanted)}
            return self._seal(job_id, sums, {**noted, **card})
        except (InputError, SystemicError):
            self.discard(job_id)  # half a copy would fill the disk that may be full already
            raise

    def _copy(self, wanted: list[tuple[Path, SeenFile]], target: Path) -> list[tuple[str, int]] | None:
        sums = []
        for number, (path, seen) in enumerate(wanted, start=1):
            copied = _copy_unchanged(path, seen, target / _numbered(number, path.name), self._file_limit)
            if copied is None:
                return None
            sums.append(copied)
        return sums

    def begin_upload(self, job_id: str, expected_bytes: int) -> Path:
        self._check_room(expected_bytes)
        return self._begin(job_id)

    def add_upload(self, job_id: str, number: int, client_name: str, stream: IO[bytes]) -> tuple[str, int]:
        """One uploaded file, under a number and what is harmless of the browser's name. SHA-256 and size."""
        return _write(stream, self._part(job_id) / _numbered(number, client_name), client_name, self._file_limit)

    def finish_upload(self, job_id: str, sums: list[tuple[str, int]], card: Card) -> Manifest:
        return self._seal(job_id, sums, {**card, "files": []})

    def files(self, job_id: str) -> tuple[Path, ...]:
        """The copies of one drop, in order; empty when they are not kept any more."""
        try:
            return tuple(sorted(path for path in self.folder(job_id).iterdir() if path.is_file()))
        except FileNotFoundError:
            return ()
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc

    def append_upload(self, job_id: str, number: int, client_name: str, data: bytes) -> None:
        """The next bytes of one file of an upload that comes in pieces."""
        try:
            with (self._part(job_id) / _numbered(number, client_name)).open("ab") as out:
                out.write(data)
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc

    def finish_pieces(self, job_id: str, card: Card) -> Manifest:
        """All pieces are there: every file hashed and synced, then the folder put in place."""
        part = self._part(job_id)
        try:
            sums = [_summed(file) for file in sorted(part.iterdir())]
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc
        return self._seal(job_id, sums, {**card, "files": []})

    def discard(self, job_id: str) -> None:
        """Whatever there is of a job, half or whole."""
        self._card(job_id).unlink(missing_ok=True)
        shutil.rmtree(self._part(job_id), ignore_errors=True)
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def keep(self, job_id: str, names: Collection[str]) -> None:
        """Only these of a drop's copies."""
        try:
            for file in self.files(job_id):
                if file.name not in names:
                    file.unlink()
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc

    def called(self, copy: Path) -> str:
        """What people call the file that this is a copy of: its path in the drop, or its name without our number."""
        number, _, name = copy.name.partition("_")
        called = self._names(copy.parent.name)
        return called[int(number) - 1] if number.isdigit() and 0 < int(number) <= len(called) else name or copy.name

    def _names(self, job_id: str) -> tuple[str, ...]:
        """Asked for every file of a drop in turn: the last answer is kept while its card is the same."""
        try:
            which = (job_id, self._card(job_id).stat().st_mtime_ns)
        except OSError:
            return ()
        if self._named[0] != which:
            self._named = which, tuple(map(str, (self.card(job_id) or {}).get("called", ())))
        return self._named[1]

    def sweep(self, keep: Iterable[str], before: datetime) -> int:
        """What no job of `keep` needs goes, unless it is younger: it may be arriving. How many drops that were."""
        found = list(self._root.iterdir())
        young = {_drop_of(path) for path in found if _grew(path) >= before.timestamp()}
        others = {_drop_of(path) for path in found} - set(keep) - young
        for name in others:
            self.discard(name)
        return len(others)

    def held(self) -> tuple[str, ...]:
        """Drops that lie here whole, the oldest copy first."""
        folders = [path for path in self._root.iterdir() if path.is_dir() and not path.name.endswith(".part")]
        return tuple(path.name for path in sorted(folders, key=lambda p: p.stat().st_mtime))

    def card(self, job_id: str) -> Card | None:
        """What was noted when this drop was copied; None where nothing that can be read was."""
        try:
            found = json.loads(self._card(job_id).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _card(self, job_id: str) -> Path:
        return self._root / f"{job_id}.json"

    def _part(self, job_id: str) -> Path:
        return self._root / f"{job_id}.part"

    def _begin(self, job_id: str) -> Path:
        self.discard(job_id)
        try:
            self._part(job_id).mkdir()
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc
        return self._part(job_id)

    def _seal(self, job_id: str, sums: list[tuple[str, int]], card: Card) -> Manifest:
        part = self._part(job_id)
        content = hashlib.sha256("".join(sorted(digest for digest, _ in sums)).encode()).hexdigest()
        manifest = Manifest(content, len(sums), sum(size for _, size in sums))
        try:
            sync(part)
            with self._card(job_id).open("w", encoding="utf-8") as out:
                json.dump({**card, "manifest": asdict(manifest)}, out)
                out.flush()
                os.fsync(out.fileno())
            part.rename(self.folder(job_id))
            sync(self._root)
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc
        return manifest

    def _check_room(self, wanted: int) -> None:
        free = shutil.disk_usage(self._root).free
        if free - wanted < self._stop_free:
            raise SystemicError(
                Code.NO_SPACE,
                f"The box's disk has {free >> 20} MB free; taking this study in needs "
                f"{(wanted + self._stop_free) >> 20} MB.",
                "Make room: nothing is lost, all goes on by itself once there is space.",
            )


def _copy_unchanged(source: Path, seen: SeenFile, target: Path, limit: int) -> tuple[str, int] | None:
    """Copy one file through a descriptor that cannot be a link or a device; None when it is not what was seen."""
    try:
        descriptor = _open_without_links(source, seen)
    except OSError as exc:
        if exc.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            return None  # taken away, or a link was put in its place: not what was seen
        raise from_os(exc, f"The file {printable(seen.path)} on the share") from exc
    try:
        with os.fdopen(descriptor, "rb", closefd=False) as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            digest, size = _write(stream, target, printable(seen.path), limit)
    except OSError as exc:  # a share that went away while the file was open
        raise from_os(exc, f"The file {printable(seen.path)} on the share") from exc
    finally:
        with suppress(OSError):
            os.close(descriptor)
    return (digest, size) if size == seen.size else None


def _open_without_links(source: Path, seen: SeenFile) -> int:
    """No component below the drop area may be a link: whoever can write there could swap a folder for one."""
    folders = seen.path.split("/")[:-1]
    at = os.open(source.parents[len(folders)], os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(source.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)


def _write(stream: IO[bytes], target: Path, shown: str, limit: int) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    try:
        with target.open("xb") as out:
            while chunk := stream.read(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise InputError(
                        Code.TOO_LARGE,
                        f"{shown} is larger than {limit >> 20} MB.",
                        "Send the study without that file, or raise limits.file_mb.",
                    )
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
    except OSError as exc:
        raise from_os(exc, f"Copying {shown}") from exc
    return digest.hexdigest(), size


def _summed(file: Path) -> tuple[str, int]:
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        os.fsync(stream.fileno())
    return digest, file.stat().st_size


def _is_still(path: Path, seen: SeenFile) -> bool:
    try:
        found = path.lstat()
    except OSError:
        return False
    return found.st_size == seen.size and found.st_mtime_ns == seen.mtime_ns


def _numbered(number: int, name: str) -> str:
    """Folders are flattened: the reader groups by what is in the files. `000012_IMG_0012.dcm`."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    found = _SUFFIX.search(last)
    ending = found.group().lower() if found else ""
    return f"{number:06d}_{plain_name(last.removesuffix(found.group()) if found else last, 'file')[:40]}{ending}"


def _grew(path: Path) -> float:
    """When it last became more: of a folder its newest file, for a file that grows leaves its folder's time alone."""
    times = [path.stat().st_mtime]
    if path.is_dir():
        for file in path.iterdir():
            with suppress(FileNotFoundError):
                times.append(file.stat().st_mtime)
    return max(times)


def _called(files: Iterable[tuple[Path, SeenFile]]) -> list[str]:
    """Paths below the folder all of them lie in."""
    paths = [seen.path for _, seen in files]
    base = os.path.commonpath([os.path.dirname(path) for path in paths]) if paths else ""
    return [printable(os.path.relpath(path, base or ".")) for path in paths]


def _drop_of(path: Path) -> str:
    """`<job>`, `<job>.part` and `<job>.json` belong together."""
    return path.name.split(".")[0]
