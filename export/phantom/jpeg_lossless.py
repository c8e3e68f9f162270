"""A small JPEG Lossless encoder (ITU-T T.81 process 14, selection value 1): no pydicom plugin writes this syntax."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

# Code lengths of the Huffman table for difference categories 0..16 (T.81 leaves the choice free): counts of codes of
# 1..16 bits. Short codes for the middling categories that noisy MR differences fall into.
_COUNTS = (0, 0, 6, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0)
_CATEGORIES = (4, 5, 6, 3, 7, 2, 8, 1, 0, 9, 10, 11, 12, 13, 14, 15, 16)


def _codes() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(code, length) of each category, by T.81 annex C."""
    code, place = 0, 0
    codes, lengths = np.zeros(17, np.int64), np.zeros(17, np.int64)
    for length, count in enumerate(_COUNTS, start=1):
        for _ in range(count):
            codes[_CATEGORIES[place]], lengths[_CATEGORIES[place]] = code, length
            code, place = code + 1, place + 1
        code <<= 1
    return codes, lengths


def differences(pixels: NDArray[np.integer], bits: int) -> NDArray[np.int64]:
    """Each pixel less its left neighbour; first column less the one above; first pixel less half scale; mod 65536."""
    values = pixels.astype(np.int64) & 0xFFFF
    predicted = np.empty_like(values)
    predicted[:, 1:] = values[:, :-1]
    predicted[1:, 0] = values[:-1, 0]
    predicted[0, 0] = 1 << (bits - 1)
    return (values - predicted + 32768) % 65536 - 32768


def encode(pixels: NDArray[np.integer], bits: int) -> bytes:
    """One greyscale frame as a JPEG Lossless stream of `bits` precision."""
    rows, columns = pixels.shape
    frame = struct.pack(">BHHBBBB", bits, rows, columns, 1, 1, 0x11, 0)
    table = bytes([0, *_COUNTS, *_CATEGORIES])
    scan = bytes([1, 1, 0, 1, 0, 0])  # one component, table 0, predictor 1, no point transform
    header = b"\xff\xd8" + _segment(0xC3, frame) + _segment(0xC4, table) + _segment(0xDA, scan)
    return header + _entropy_coded(differences(pixels, bits).ravel()) + b"\xff\xd9"


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _entropy_coded(diff: NDArray[np.int64]) -> bytes:
    """Huffman category then the difference's own bits, vectorised through one array of single bits."""
    codes, lengths = _codes()
    category = np.zeros(len(diff), np.int64)
    size = np.abs(diff)
    nonzero = size > 0
    category[nonzero] = np.floor(np.log2(size[nonzero])).astype(np.int64) + 1
    extra = np.where(category == 16, 0, category)  # category 16 (difference 32768) has no further bits
    tail = np.where(diff < 0, diff + (1 << category) - 1, diff)
    word = (codes[category] << extra) | np.where(extra > 0, tail & ((1 << extra) - 1), 0)
    total = lengths[category] + extra
    ends = np.cumsum(total)
    bits = np.ones(int(-(-ends[-1] // 8) * 8), np.uint8)  # padded with ones, T.81 F.1.2.3
    within = np.arange(int(ends[-1])) - np.repeat(ends - total, total)
    bits[: ends[-1]] = (np.repeat(word, total) >> (np.repeat(total, total) - 1 - within)) & 1
    return np.packbits(bits).tobytes().replace(b"\xff", b"\xff\x00")


def compress_jpeg_lossless(ds: Dataset, syntax: str) -> None:
    """Replace native 16-bit pixels by JPEG Lossless, in place."""
    frames = np.frombuffer(ds.PixelData, "<u2").reshape(-1, ds.Rows, ds.Columns)
    ds.PixelData = encapsulate([encode(frame, 16) for frame in frames])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.file_meta.TransferSyntaxUID = syntax
