"""Where the bytes come from: a file, a folder, a zip. Files one at a time, every size checked on the real bytes.

No path is ever built from a name inside an archive: entries are read into memory and never unpacked to disk.
"""

from __future__ import annotations

import errno
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from appliance.core.limits import MIB, Limits
from appliance.errors import Code, InputError, SystemicError

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
IGNORED_NAMES = frozenset({"thumbs.db", "desktop.ini", "dicomdir", "autorun.inf"})
IGNORED_FOLDERS = frozenset({"__macosx", "@eadir"})
UNBLAMED_GROWTH = 16 * MIB
"""An archive may grow to this without its ratio being looked at: tiny files compress absurdly well."""

_ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, LookupError, MemoryError, OverflowError, RuntimeError, ValueError),
)
"""All that `zipfile` and its decompressors have been seen to raise on damaged archives."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file's name as a person knows it, its bytes, and the file it lies in: itself, a copy, an archive."""

    name: str
    data: bytes
    source: Path


class Ration:
    """What is left of the limits while a study is read."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._files = 0
        self._bytes = 0

    def take(self, name: str, size: int) -> None:
        """Count one file of `size` bytes, or refuse the study."""
        self._files += 1
        self._bytes += size
        if self._files > self.limits.files:
            raise _too_large(f"There are more than {self.limits.files} files.")
        if size > self.limits.file_bytes:
            raise _too_large(f"{name} is larger than {self.limits.file_bytes // MIB} MB.")
        if self._bytes > self.limits.total_bytes:
            raise _too_large(f"The study is larger than {self.limits.total_bytes // MIB} MB.")


Called = Callable[[Path], str]


def own_name(path: Path) -> str:
    """Of a file that is no copy."""
    return path.name


def iterate_files(path: Path | Sequence[Path], limits: Limits, called: Called = own_name) -> Iterator[FoundFile]:
    """Every file under the path, or the paths, in a fixed order, archives opened. Links and devices are passed over.

    `called`: what people call a file named by itself, not by its folder.
    """
    ration = Ration(limits)
    try:
        for one in (path,) if isinstance(path, Path) else path:
            for file, name in _walk(one, called):
                for inner, data in _open(file, name, ration):
                    yield FoundFile(inner, data, file)
    except OSError as exc:
        where = Path(exc.filename).name if isinstance(exc.filename, str) else "The study"
        raise SystemicError(
            Code.SHARE_GONE,
            f"{where} could not be read: {exc.strerror or exc}.",
            "Check that the folder is there and that this box may read it.",
        ) from exc


def _walk(path: Path, called: Called) -> Iterator[tuple[Path, str]]:
    if not path.exists():
        raise InputError(Code.EMPTY, f"There is nothing at {path}.", "Check the path.")
    if not path.is_dir():
        yield path, called(path)
        return
    for folder, folders, files in os.walk(path, onerror=_raise):
        folders[:] = sorted(f for f in folders if not _ignored(f, IGNORED_FOLDERS))
        for name in sorted(files):
            file = Path(folder, name)
            if not _ignored(name, IGNORED_NAMES) and stat.S_ISREG(file.lstat().st_mode):
                yield file, str(file.relative_to(path))


def _raise(error: OSError) -> None:
    raise error


def _ignored(name: str, also: frozenset[str]) -> bool:
    return name.startswith(".") or name.lower() in also


def _open(file: Path, name: str, ration: Ration) -> Iterator[tuple[str, bytes]]:
    with file.open("rb") as stream:
        if stream.read(4) in ZIP_MAGIC:
            yield from _entries(stream, name, ration, depth=0)
            return
        stream.seek(0)
        expected = os.fstat(stream.fileno()).st_size
        data = stream.read(min(expected, ration.limits.file_bytes) + 1)  # one more: it may have grown
    ration.take(name, len(data))
    yield name, data


def _entries(stream: BinaryIO, name: str, ration: Ration, depth: int) -> Iterator[tuple[str, bytes]]:
    """Files of one archive; archives inside it as deep as the limits allow."""
    try:
        with zipfile.ZipFile(stream) as archive:
            for info in _checked(archive, name, ration.limits):
                data = _inflate(archive, info, ration)
                inner = f"{name}/{info.filename}"
                if data[:4] not in ZIP_MAGIC:
                    yield inner, data
                elif depth < ration.limits.archive_nesting:
                    yield from _entries(BytesIO(data), inner, ration, depth + 1)
                else:
                    raise _unsafe(f"{inner} is an archive too deep inside another.")
    except _ZIP_ERRORS as exc:
        raise _damaged(name) from exc
    except OSError as exc:
        if exc.errno not in (None, errno.EINVAL):  # a disk or a share that fails; those two come from nonsense inside
            raise
        raise _damaged(name) from exc


def _checked(archive: zipfile.ZipFile, name: str, limits: Limits) -> list[zipfile.ZipInfo]:
    """The entries that are files, by name; refused whole when one of them is a trick."""
    infos = archive.infolist()
    if len(infos) > limits.archive_entries:
        raise _unsafe(f"{name} holds {len(infos)} entries; at most {limits.archive_entries} are opened.")
    for info in infos:
        _refuse_tricks(info, name)
    files = [i for i in infos if not i.is_dir() and not _ignored_entry(i.filename)]
    return sorted(files, key=lambda i: i.filename)


def _refuse_tricks(info: zipfile.ZipInfo, name: str) -> None:
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        raise _unsafe(f"{name} holds an entry that points outside of it.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _unsafe(f"{name} holds a link or a device instead of a file.")
    if info.flag_bits & 0x1:
        raise InputError(Code.UNSUPPORTED, f"{name} is locked by a password.", "Send it without a password.")


def _ignored_entry(filename: str) -> bool:
    *folders, last = filename.replace("\\", "/").split("/")
    return _ignored(last, IGNORED_NAMES) or any(_ignored(f, IGNORED_FOLDERS) for f in folders)


def _inflate(archive: zipfile.ZipFile, info: zipfile.ZipInfo, ration: Ration) -> bytes:
    """One entry, read no further than the limits allow whatever its header claims."""
    limits = ration.limits
    bomb = max(UNBLAMED_GROWTH, info.compress_size * limits.archive_ratio)
    with archive.open(info) as entry:
        data = entry.read(min(bomb, limits.file_bytes) + 1)
    if len(data) > bomb:
        raise _unsafe(f"{info.filename} grows more than {limits.archive_ratio} times when unpacked.")
    ration.take(info.filename, len(data))
    return data


def _damaged(name: str) -> InputError:
    message = f"{name} is no archive, or damaged, or was cut off."
    return InputError(Code.CORRUPT, message, "Make the archive again and send it again.")


def _too_large(message: str) -> InputError:
    return InputError(Code.TOO_LARGE, message, "Send one lumbar-spine study, or raise the limit in the configuration.")


def _unsafe(message: str) -> InputError:
    return InputError(Code.UNSAFE_ARCHIVE, message, "Send the images as a plain folder.")
