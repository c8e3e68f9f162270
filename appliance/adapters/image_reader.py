"""PNG and JPEG pictures, by Pillow. They say nothing of patient, place or sequence."""

from __future__ import annotations

import hashlib
import warnings
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from appliance.core.limits import Limits
from appliance.core.picture import Picture, StudyFacts
from appliance.core.study import Slice
from appliance.errors import Code, InputError

MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")

DECODER_ERRORS = (
    UnidentifiedImageError, Image.DecompressionBombError, ArithmeticError, EOFError, LookupError, MemoryError, OSError,
    RuntimeError, SyntaxError, TypeError, ValueError,
)  # fmt: skip
"""All that Pillow has been seen to raise on damaged pictures."""


def is_image(data: bytes) -> bool:
    """By content, not by name."""
    return data.startswith(MAGIC)


def read_image(name: str, data: bytes, limits: Limits) -> tuple[Picture, ...]:
    """One grey picture; its identifiers are made from its bytes, so the same picture has the same report."""
    digest = hashlib.sha256(data).digest()
    uid = f"2.25.{int.from_bytes(digest[:15])}"
    slice_ = Slice(sop_uid=uid, pixels=_grey(name, data, limits), plane=None)
    return (Picture(StudyFacts(study_uid=uid), series_uid=uid, slice=slice_, modality=""),)


def _grey(name: str, data: bytes, limits: Limits) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    try:
        with warnings.catch_warnings(), Image.open(BytesIO(data), formats=("PNG", "JPEG")) as image:
            warnings.simplefilter("ignore")
            _refuse_oversize(name, image.size, limits)
            upright = ImageOps.exif_transpose(image)
            deep = upright.mode.startswith("I") or upright.mode == "F"
            return np.asarray(upright if deep else upright.convert("L"), dtype=np.float32).copy()
    except DECODER_ERRORS as exc:
        raise InputError(
            Code.CORRUPT, f"{name} is damaged or was cut off while it was copied.", "Copy it again."
        ) from exc


def _refuse_oversize(name: str, size: tuple[int, int], limits: Limits) -> None:
    columns, rows = size
    if rows > limits.rows or columns > limits.columns or rows * columns * 4 > limits.decoded_bytes:
        raise InputError(
            Code.TOO_LARGE,
            f"{name} is {rows} x {columns}; at most {limits.rows} x {limits.columns} is read.",
            "Send a smaller picture, or raise the limit in the configuration.",
        )
