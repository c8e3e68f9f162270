"""Pictures that are only pictures."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from appliance.adapters.image_reader import is_image, read_image
from appliance.core.limits import Limits
from appliance.errors import Code, InputError

GREY = np.arange(48, dtype=np.uint8).reshape(6, 8)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def test_a_png_becomes_one_slice_without_a_place() -> None:
    data = encoded(Image.fromarray(GREY))
    (picture,) = read_image("a.png", data, Limits())
    assert is_image(data)
    assert np.array_equal(picture.slice.pixels, GREY)
    assert picture.slice.plane is None


def test_sixteen_bits_keep_their_depth_and_colour_becomes_grey() -> None:
    deep = GREY.astype(np.uint16) * 1000
    (picture,) = read_image("deep.png", encoded(Image.fromarray(deep)), Limits())
    assert np.array_equal(picture.slice.pixels, deep)
    (picture,) = read_image("c.jpg", encoded(Image.fromarray(GREY).convert("RGB"), "JPEG", quality=95), Limits())
    assert np.abs(picture.slice.pixels - GREY).max() < 8


def test_the_same_bytes_have_the_same_identifier() -> None:
    data = encoded(Image.fromarray(GREY))
    first, second = read_image("a", data, Limits())[0], read_image("b", data, Limits())[0]
    assert first.slice.sop_uid == second.slice.sop_uid


def test_a_photo_held_sideways_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (picture,) = read_image("p.jpg", encoded(Image.fromarray(GREY), "JPEG", exif=exif), Limits())
    assert picture.slice.pixels.shape == (8, 6)


def test_damage_and_size_are_refused_in_words() -> None:
    data = encoded(Image.fromarray(GREY))
    for bad, limits, code in (
        (data[:40], Limits(), Code.CORRUPT),
        (data[:30] + b"\xff" * 20 + data[50:], Limits(), Code.CORRUPT),
        (data, Limits(rows=5), Code.TOO_LARGE),
    ):
        with pytest.raises(InputError) as caught:
            read_image("a.png", bad, limits)
        assert caught.value.code is code and "a.png" in caught.value.message
