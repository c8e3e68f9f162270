"""The spool: the box's own copy of what is to be read, on its own disk. A study is read from here, never from a share.

A copy is made beside (`<job>.part`), every file hashed and synced, then renamed: `<job>` is either whole or absent.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from appliance.core.drops import SeenFile, plain_name
from appliance.core.jobs import Manifest
from appliance.errors import Code, InputError, SystemicError, from_os

_CHUNK = 1 << 20
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")


class Spool:
    """One folder a job. Job ids are made by the box, so a path here never holds anything a stranger wrote."""

    def __init__(self, root: Path, file_limit: int, stop_free: int = 0) -> None:
        """`file_limit` and `stop_free` in bytes."""
        self._root = root
        self._file_limit = file_limit
        self._stop_free = stop_free
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise from_os(exc, f"The spool {root}", Code.FAULT) from exc

    def folder(self, job_id: str) -> Path:
        return self._root / job_id

    def claim(self, job_id: str, files: Iterable[tuple[Path, SeenFile]]) -> Manifest | None:
        """Copy a drop. None when it changed meanwhile: it is not complete after all, and nothing is kept."""
        wanted = list(files)
        self._check_room(sum(seen.size for _, seen in wanted))
        target = self._begin(job_id)
        sums = []
        for number, (path, seen) in enumerate(wanted, start=1):
            copied = _copy_unchanged(path, seen, target / _numbered(number, path.name), self._file_limit)
            if copied is None:
                shutil.rmtree(target, ignore_errors=True)
                return None
            sums.append(copied)
        if not all(_is_still(path, seen) for path, seen in wanted):
            shutil.rmtree(target, ignore_errors=True)
            return None
        return self._seal(job_id, sums)

    def begin_upload(self, job_id: str, expected_bytes: int) -> Path:
        self._check_room(expected_bytes)
        return self._begin(job_id)

    def add_upload(self, job_id: str, number: int, client_name: str, stream: IO[bytes]) -> tuple[str, int]:
        """One uploaded file, under a number and what is harmless of the browser's name. SHA-256 and size."""
        return _write(stream, self._part(job_id) / _numbered(number, client_name), client_name, self._file_limit)

    def finish_upload(self, job_id: str, sums: list[tuple[str, int]]) -> Manifest:
        return self._seal(job_id, sums)

    def append_upload(self, job_id: str, number: int, client_name: str, data: bytes) -> None:
        """The next bytes of one file of an upload that comes in pieces."""
        try:
            with (self._part(job_id) / _numbered(number, client_name)).open("ab") as out:
                out.write(data)
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc

    def finish_pieces(self, job_id: str) -> Manifest:
        """All pieces are there: every file hashed and synced, then the folder put in place."""
        part = self._part(job_id)
        try:
            sums = [_summed(file) for file in sorted(part.iterdir())]
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc
        return self._seal(job_id, sums)

    def discard(self, job_id: str) -> None:
        """Whatever there is of a job, half or whole."""
        shutil.rmtree(self._part(job_id), ignore_errors=True)
        shutil.rmtree(self.folder(job_id), ignore_errors=True)

    def sweep(self, keep: Iterable[str]) -> None:
        """At start: what no job of `keep` needs is left over from a crash."""
        wanted = set(keep)
        for folder in self._root.iterdir():
            if folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)

    def _part(self, job_id: str) -> Path:
        return self._root / f"{job_id}.part"

    def _begin(self, job_id: str) -> Path:
        self.discard(job_id)
        try:
            self._part(job_id).mkdir()
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc
        return self._part(job_id)

    def _seal(self, job_id: str, sums: list[tuple[str, int]]) -> Manifest:
        part = self._part(job_id)
        try:
            _sync_folder(part)
            part.rename(self.folder(job_id))
            _sync_folder(self._root)
        except OSError as exc:
            raise from_os(exc, "The spool", Code.FAULT) from exc
        content = hashlib.sha256("".join(sorted(digest for digest, _ in sums)).encode()).hexdigest()
        return Manifest(content, len(sums), sum(size for _, size in sums))

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
        descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise from_os(exc, f"The file {seen.path} on the share") from exc
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        digest, size = _write(stream, target, seen.path, limit)
    return (digest, size) if size == seen.size else None


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


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
