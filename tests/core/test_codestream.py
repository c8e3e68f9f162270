"""The size of a compressed picture, from its own bytes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from appliance.core.codestream import picture_size

HTJ2K = Path(__file__).resolve().parents[1] / "data" / "htj2k_64.j2c"


def encoded(kind: str, **options: object) -> bytes:
    out = BytesIO()
    Image.new("L", (31, 17)).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"x" * 300}])
def test_jpeg(options: dict[str, object]) -> None:
    assert picture_size(encoded("JPEG", **options)) == (17, 31)


def test_jpeg_2000_bare_in_a_box_and_high_throughput() -> None:
    if "jpeg2k" in Image.registered_extensions().values() or hasattr(Image.core, "jpeg2k_encoder"):
        boxed = encoded("JPEG2000")
        assert picture_size(boxed) == (17, 31)
        assert picture_size(boxed[boxed.index(b"\xff\x4f\xff\x51") :]) == (17, 31)
    assert picture_size(HTJ2K.read_bytes()) == (64, 64)


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"\xff\x4f\xff\x51\x00", b"RLE...", b"\xff\xd8\xff\xe0\x00\x02\x00\x00"]
)
def test_what_is_cut_off_or_something_else_has_no_size(data: bytes) -> None:
    assert picture_size(data) is None


def test_a_damaged_length_does_not_hang() -> None:
    assert picture_size(b"\xff\xd8" + b"\xff\xe0\x00\x00" * 1000) is None
