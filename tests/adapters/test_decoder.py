"""The decoding process: the same pictures as in ours, and what it survives."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import FileDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian

from appliance.adapters.decoder import Decoder
from appliance.adapters.dicom_reader import read_dicom
from appliance.adapters.image_reader import read_image
from appliance.core.limits import MIB, Limits
from appliance.core.study import Role
from appliance.errors import Code, InputError
from tests.make_dicom import Recipe, axial_series, sagittal_series

ROOMY = Limits()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    made = Decoder(1024 * MIB)
    yield made
    made.close()


def as_bytes(dataset: FileDataset) -> bytes:
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


@pytest.fixture
def one() -> bytes:
    return as_bytes(sagittal_series(Recipe(side_px=64, sagittal_slices=1))[0])


def refused(decoder: Decoder, data: bytes, limits: Limits = ROOMY) -> InputError:
    with pytest.raises(InputError) as caught:
        decoder.pictures("IM1", data, limits)
    assert caught.value.message and caught.value.action
    return caught.value


def test_the_pictures_are_those_that_are_read_here(decoder: Decoder, one: bytes) -> None:
    (there,), (here,) = decoder.pictures("IM1", one, ROOMY), read_dicom("IM1", one, ROOMY)
    assert np.array_equal(there.slice.pixels, here.slice.pixels)
    assert (there.study, there.contrast, there.slice.plane) == (here.study, here.contrast, here.slice.plane)
    png = io.BytesIO()
    Image.fromarray(np.arange(600, dtype=np.uint8).reshape(20, 30)).save(png, "PNG")
    (picture,), (expected,) = decoder.pictures("a.png", png.getvalue(), ROOMY), read_image("a.png", png.getvalue(), ROOMY)
    assert np.array_equal(picture.slice.pixels, expected.slice.pixels) and picture.slice.plane is None


def test_a_header_says_study_and_role_without_the_pixels(decoder: Decoder, one: bytes) -> None:
    found = decoder.header("IM1", one, ROOMY)
    assert found and found.role is Role.SAGITTAL_T2 and found.modality == "MR" and found.study_uid and found.sop_uid
    cut = decoder.header("IM1", one[: len(one) - 1000], ROOMY)
    assert cut and cut.sop_uid == found.sop_uid and cut.digest != found.digest, "cut off, it is another image"
    axial = as_bytes(axial_series(Recipe(side_px=16, axial_slices=1))[0])
    assert (decoder.header("x", axial, ROOMY) or found).role is Role.AXIAL_T2
    assert decoder.header("x", b"hello", ROOMY) is None


def test_what_is_refused_there_is_refused_here(decoder: Decoder, one: bytes) -> None:
    assert refused(decoder, one, Limits(rows=32)).code is Code.TOO_LARGE
    assert refused(decoder, one[:-100]).code is Code.CORRUPT


def test_a_file_that_kills_its_reader_costs_itself_alone(decoder: Decoder, one: bytes) -> None:
    decoder.header("IM1", one, ROOMY)
    child = decoder._child
    assert child is not None
    child.kill()
    child.wait()
    assert decoder.pictures("IM1", one, ROOMY), "the next file finds a new process"


def test_a_file_that_takes_too_long_is_given_up(decoder: Decoder) -> None:
    nested = as_bytes(sagittal_series(Recipe(side_px=16, sagittal_slices=1))[0])
    started = time.monotonic()
    error = refused(decoder, nested, Limits(decode_seconds=1e-6))
    assert error.code is Code.CORRUPT and "took too long" in error.message and time.monotonic() - started < 5
    assert decoder.pictures("IM1", nested, ROOMY)


def test_a_deflated_bomb_runs_into_the_wall(decoder: Decoder) -> None:
    dataset = sagittal_series(Recipe(side_px=16, sagittal_slices=1))[0]
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = as_bytes(dataset)
    body_at = 144 + struct.unpack("<I", whole[140:144])[0]  # File Meta Information Group Length (0002,0000)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(bytes(600 * MIB)) + packer.flush()
    assert len(bomb) < MIB
    assert refused(decoder, whole[:body_at] + bomb, Limits(file_bytes=64 * MIB)).code is Code.TOO_LARGE
    error = refused(Decoder(420 * MIB), whole[:body_at] + bomb, Limits())
    assert error.code is Code.TOO_LARGE and "memory" in error.message, "the wall is nearer than the limit"


def test_memory_is_bounded(one: bytes) -> None:
    """A picture that is allowed but does not fit: refused in words, and the box's own memory is not touched."""
    tight = Decoder(420 * MIB)
    big = sagittal_series(Recipe(side_px=16, sagittal_slices=1))[0]
    big.Rows = big.Columns = 4000
    big.NumberOfFrames = 6
    big.PixelData = bytes(4000 * 4000 * 2 * 6)
    error = refused(tight, as_bytes(big), Limits(decoded_bytes=4096 * MIB))
    assert error.code in (Code.TOO_LARGE, Code.CORRUPT), error.message
    assert tight.pictures("IM1", one, ROOMY)
    tight.close()


LOCKED = """
import sys; sys.path.insert(0, {root!r})
from appliance.adapters.lockdown import lock_down
assert lock_down(1 << 30)
import errno, os, socket, ctypes
refused = []
for what in (lambda: socket.socket(), lambda: os.execv("/bin/true", ["true"]), lambda: socket.socketpair(),
             lambda: open("/tmp/lumbarbox-should-not-be", "wb", buffering=0).write(b"x")):
    try:
        what()
    except OSError as exc:
        refused.append(exc.errno)
try:
    bytearray(2 << 30)
except MemoryError:
    refused.append("memory")
print(refused)
"""


@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="the filter knows these two")
def test_the_process_has_no_network_no_programs_no_disk_and_no_more_memory() -> None:
    done = subprocess.run([sys.executable, "-c", LOCKED.format(root=str(ROOT))], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[1, 1, 1, 27, 'memory']", done.stdout + done.stderr
