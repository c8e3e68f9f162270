"""A backup as one file: a gzipped tar whose last entry, the manifest, names every other with its size and SHA-256.

What a backup holds is not known here (`appliance/backup.py`). It is read with distrust: only plain files that the
manifest names are unpacked, under names that cannot lead out of the folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Any

from appliance.errors import Code, InputError, from_os

MANIFEST = "MANIFEST.json"
FASTEST = 1
"""gzip's level: pictures and slices are compressed already."""
CHUNK = 1 << 20
MOST_MANIFEST = 64 << 20
_DAMAGED = (tarfile.TarError, zlib.error, EOFError, ValueError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Manifest:
    """`facts` say what it is a backup of; `files` are name to (size in bytes, SHA-256)."""

    facts: Mapping[str, Any]
    files: Mapping[str, tuple[int, str]]

    @property
    def bytes(self) -> int:
        """Unpacked."""
        return sum(size for size, _ in self.files.values())


def pack(folder: Path, target: Path, facts: Mapping[str, Any]) -> Manifest:
    """Every file below `folder` into one, whole or not at all, readable by its owner alone. Raises SystemicError."""
    beside = target.with_name(f"{target.name}.part")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            with tarfile.open(fileobj=out, mode="w:gz", compresslevel=FASTEST) as archive:
                files = {name: _add(archive, name, folder / name) for name in _names(folder)}
                _add_manifest(archive, Manifest(facts, files))
            out.flush()
            os.fsync(out.fileno())
        beside.rename(target)
    except OSError as exc:
        beside.unlink(missing_ok=True)
        raise from_os(exc, f"The file {target}", Code.FAULT) from exc
    return Manifest(facts, files)


def verify(file: Path) -> Manifest:
    """Read to its end, every byte compared with the manifest. Raises InputError when it is not whole."""
    found: dict[str, tuple[int, str]] = {}
    with _opened(file) as archive:
        for entry in archive:
            stream = archive.extractfile(entry) if entry.isreg() else None
            if stream is None:
                raise _not_ours(file)
            if entry.name != MANIFEST:
                found[entry.name] = _sum(stream)
                continue
            manifest = _manifest(stream)
            if found != manifest.files or not all(map(_is_inside, found)):
                raise _damaged(file)
            return manifest
    raise _damaged(file)


def unpack(file: Path, folder: Path) -> None:
    """All but the manifest, after `verify` has found it well. Raises InputError or SystemicError."""
    try:
        with _opened(file) as archive:
            for entry in archive:
                stream = archive.extractfile(entry)
                if entry.name == MANIFEST or stream is None or not _is_inside(entry.name):
                    continue
                _write(stream, folder / entry.name)
    except OSError as exc:
        raise from_os(exc, f"The folder {folder}", Code.FAULT) from exc


def _names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _add(archive: tarfile.TarFile, name: str, path: Path) -> tuple[int, str]:
    with path.open("rb") as stream:
        info = tarfile.TarInfo(name)
        at = os.fstat(stream.fileno())
        info.size, info.mode, info.mtime = at.st_size, 0o600, int(at.st_mtime)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        archive.addfile(info, stream)
    return info.size, digest


def _add_manifest(archive: tarfile.TarFile, manifest: Manifest) -> None:
    text = json.dumps({**manifest.facts, "files": manifest.files}, indent=1).encode()
    info = tarfile.TarInfo(MANIFEST)
    info.size, info.mode = len(text), 0o600
    archive.addfile(info, BytesIO(text))


def _manifest(stream: IO[bytes]) -> Manifest:
    facts = json.loads(stream.read(MOST_MANIFEST))
    files = {str(name): (int(size), str(digest)) for name, (size, digest) in facts.pop("files").items()}
    return Manifest(facts, files)


def _sum(stream: IO[bytes]) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def _write(stream: IO[bytes], target: Path) -> None:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while chunk := stream.read(CHUNK):
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


@contextmanager
def _opened(file: Path) -> Iterator[tarfile.TarFile]:
    """From front to back only. Whatever is wrong inside is told in words."""
    try:
        with tarfile.open(file, mode="r|gz") as archive:
            yield archive
    except tarfile.ReadError as exc:
        raise (_damaged(file) if "end of data" in str(exc) or "truncated" in str(exc) else _not_ours(file)) from exc
    except _DAMAGED as exc:
        raise _damaged(file) from exc
    except OSError as exc:
        if exc.errno is None:  # gzip's own complaint about a wrong sum
            raise _damaged(file) from exc
        raise from_os(exc, f"The file {file}", Code.FAULT) from exc


def _not_ours(file: Path) -> InputError:
    what = f"{file} is not a backup of a Lumbarbox."
    return InputError(Code.UNSUPPORTED, what, "Name a file that `lumbarbox backup` made.")


def _damaged(file: Path) -> InputError:
    return InputError(Code.CORRUPT, f"{file} is damaged or was cut off.", "Take another backup; nothing was restored.")
