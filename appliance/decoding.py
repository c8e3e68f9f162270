"""The decoding process, begun by `adapters/decoder.py`. Headers and pixels of strangers' files, nothing else.

Requests come on stdin, answers go to stdout: four bytes' length, JSON, eight bytes' length, raw bytes. It is started
with nothing to write to, no network and bounded memory (`adapters/lockdown.py`); its parent bounds its time.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, BinaryIO

from appliance.adapters.dicom_reader import read_dicom, read_header
from appliance.adapters.image_reader import is_image, read_image
from appliance.adapters.lockdown import lock_down
from appliance.core.limits import Limits
from appliance.core.picture_wire import to_wire
from appliance.errors import InputError

HEAD = struct.Struct(">IQ")
"""Lengths of the JSON and of the raw bytes."""


def main(memory_bytes: int) -> None:
    """Answer until the other side is gone."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a decoder prints must not get among the answers
    _load_decoders()
    shut = lock_down(memory_bytes)
    send(answers, {"ready": True, "network_shut": shut}, b"")
    while (request := receive(requests)) is not None:
        send(answers, *_answer(*request))


def send(stream: BinaryIO, told: Mapping[str, Any], raw: bytes) -> None:
    text = json.dumps(told).encode()
    stream.write(HEAD.pack(len(text), len(raw)))
    stream.write(text)
    stream.write(raw)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict[str, Any], bytes] | None:
    """None when the other side is gone."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    text_size, raw_size = HEAD.unpack(head)
    return json.loads(stream.read(text_size)), stream.read(raw_size)


def _answer(asked: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    name, limits = asked["name"], Limits(**asked["limits"])
    try:
        if asked["what"] == "header":
            header = read_header(name, data, limits)
            return {"header": asdict(header) if header is not None else None}, b""
        read = read_image if is_image(data) else read_dicom
        pictures, raw = to_wire(read(name, data, limits))
        return {"pictures": pictures}, raw
    except InputError as exc:
        return {"refused": [exc.code.value, exc.message, exc.action]}, b""
    except MemoryError:
        return {"memory": True}, b""


def _load_decoders() -> None:
    """Before the walls go up: what is imported later would count against them, and cannot be searched for."""
    import jpeg_ls  # noqa: F401
    import libjpeg  # noqa: F401
    import openjpeg  # noqa: F401
    from PIL import JpegImagePlugin, PngImagePlugin  # noqa: F401
