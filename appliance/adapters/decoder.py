"""Reads strangers' files in another process, which may die, hang or grow without harm: it is ended and begun anew."""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import IO, Any

from appliance.core.gathering import Image
from appliance.core.limits import MIB, Limits
from appliance.core.picture import Picture
from appliance.core.picture_wire import from_wire
from appliance.core.study import Role
from appliance.errors import Code, InputError, SystemicError

_ROOT = Path(__file__).resolve().parents[2]
_PROGRAM = "import sys; sys.path.insert(0, sys.argv[1]); from appliance.decoding import main; main(int(sys.argv[2]))"
"""Isolated (`-I`): neither the environment nor the working folder decides what code is loaded."""

HEAD = struct.Struct(">IQ")
MOST_WORDS = 64 * MIB
START_SECONDS = 60.0

_NONSENSE = (ValueError, TypeError, KeyError, AttributeError, LookupError, RecursionError)


class _GoneError(Exception):
    """The process ended or took too long."""


class Decoder:
    """One child at a time, begun when first needed; safe to share between threads."""

    def __init__(self, memory_bytes: int) -> None:
        """`memory_bytes`: the child's address space, programs and libraries included."""
        self._memory = memory_bytes
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def pictures(self, name: str, data: bytes, limits: Limits) -> tuple[Picture, ...]:
        """As `dicom_reader.read_dicom` and `image_reader.read_image`. Raises InputError."""
        answer, raw = self._ask("pictures", name, data, limits)
        try:
            return from_wire(answer["pictures"], raw)
        except _NONSENSE as exc:
            raise self._distrusted(name) from exc

    def header(self, name: str, data: bytes, limits: Limits) -> Image | None:
        """As `dicom_reader.read_header`. Raises InputError."""
        answer, _ = self._ask("header", name, data, limits)
        try:
            found = answer["header"]
            return None if found is None else Image(**{**_texts(found), "role": Role(found["role"])})  # type: ignore[arg-type]
        except _NONSENSE as exc:
            raise self._distrusted(name) from exc

    def close(self) -> None:
        with self._lock:
            self._end()

    def _ask(self, what: str, name: str, data: bytes, limits: Limits) -> tuple[Mapping[str, Any], bytes]:
        with self._lock:
            child = self._started()
            end = monotonic() + limits.decode_seconds
            try:
                _send(child, {"what": what, "name": name, "limits": asdict(limits)}, data, end)
                answer, raw = _receive(child, end, limits.decoded_bytes + MIB)
            except _GoneError as exc:
                took_too_long = child.poll() is None
                self._end()
                raise _killed(name, took_too_long) from exc
        if "refused" in answer:
            code, message, action = answer["refused"]
            raise InputError(Code(code), str(message), str(action))
        if "memory" in answer:
            raise _too_much(name)
        return answer, raw

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._end()
        command = [sys.executable, "-I", "-c", _PROGRAM, str(_ROOT), str(self._memory)]
        try:
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_ENVIRONMENT
            )
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    os.set_blocking(pipe.fileno(), False)
            self._child = child
            _receive(child, monotonic() + START_SECONDS, MIB)
        except (OSError, _GoneError) as exc:
            self._end()
            raise SystemicError(
                Code.FAULT, "The process that opens images cannot be started.", "Look at the log, and report it."
            ) from exc
        return child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def _distrusted(self, name: str) -> InputError:
        """What it says makes no sense: it may not be itself any more."""
        self.close()
        return _corrupt(name)


_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2", "PYTHONWARNINGS": "ignore"}
"""Nothing of ours: no token, no path. Threads would take address space and gain nothing."""


def _send(child: subprocess.Popen[bytes], told: Mapping[str, Any], raw: bytes, end: float) -> None:
    text = json.dumps(told).encode()
    for block in (HEAD.pack(len(text), len(raw)) + text, raw):
        left = memoryview(block)
        while left:
            _wait(child, end, writing=True)
            try:
                left = left[os.write(_fileno(child.stdin), left[: 1 << 20]) :]
            except BlockingIOError:
                continue
            except OSError as exc:
                raise _GoneError from exc


def _receive(child: subprocess.Popen[bytes], end: float, most: int) -> tuple[Mapping[str, Any], bytes]:
    text_size, raw_size = HEAD.unpack(_read(child, HEAD.size, end))
    if text_size > MOST_WORDS or raw_size > most:
        raise _GoneError
    text, raw = _read(child, text_size, end), _read(child, raw_size, end)
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise _GoneError from exc
    if not isinstance(answer, dict):
        raise _GoneError
    return answer, raw


def _read(child: subprocess.Popen[bytes], size: int, end: float) -> bytes:
    found = bytearray()
    while len(found) < size:
        _wait(child, end, writing=False)
        try:
            block = os.read(_fileno(child.stdout), min(size - len(found), 1 << 20))
        except BlockingIOError:
            continue
        except OSError as exc:
            raise _GoneError from exc
        if not block:
            child.wait()  # it closed its end: it is dying
            raise _GoneError
        found += block
    return bytes(found)


def _wait(child: subprocess.Popen[bytes], end: float, writing: bool) -> None:
    left = end - monotonic()
    pipe = [_fileno(child.stdin if writing else child.stdout)]
    if left <= 0 or not any(select.select([] if writing else pipe, pipe if writing else [], [], left)):
        raise _GoneError


def _fileno(pipe: IO[bytes] | None) -> int:
    assert pipe is not None
    return pipe.fileno()


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in values.items()}


def _killed(name: str, took_too_long: bool) -> InputError:
    why = "took too long to open" if took_too_long else "ended the program that opens images"
    return InputError(
        Code.CORRUPT, f"{name} {why}: it is damaged, or made to do harm.", "Copy it again from the scanner, or leave it out."
    )


def _too_much(name: str) -> InputError:
    return InputError(
        Code.TOO_LARGE,
        f"{name} needs more memory to open than is allowed.",
        "Leave it out, or raise limits.decode_memory_mb.",
    )


def _corrupt(name: str) -> InputError:
    return InputError(
        Code.CORRUPT, f"{name} is damaged or was cut off while it was copied.", "Copy it again from the scanner."
    )
