"""How large a compressed picture really is, read from its own first bytes. Pure.

A header may promise 320 x 320 and the JPEG inside be 65,000 x 65,000: the decoder would believe the JPEG.
"""

from __future__ import annotations

from struct import unpack_from

JPEG_START, J2K_START, JP2_START = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "
NO_LENGTH = frozenset({0x01, *range(0xD0, 0xDA)})
"""JPEG markers that stand alone."""
FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}
"""SOF0 to SOF15 without DHT, JPG and DAC, and SOF55 of JPEG-LS."""


def picture_size(data: bytes) -> tuple[int, int] | None:
    """(rows, columns) of a JPEG, JPEG-LS or JPEG 2000 codestream; None for anything else."""
    if data.startswith(JP2_START):
        data = data[max(data.find(J2K_START), 0) :]
    if data.startswith(J2K_START):
        return _size_of_j2k(data)
    return _size_of_jpeg(data) if data.startswith(JPEG_START) else None


def _size_of_j2k(data: bytes) -> tuple[int, int] | None:
    """SIZ: Lsiz, Rsiz, Xsiz, Ysiz, XOsiz, YOsiz."""
    if len(data) < 24:
        return None
    right, bottom, left, top = unpack_from(">4I", data, 8)
    return bottom - top, right - left


def _size_of_jpeg(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            return None
        marker = data[at + 1]
        if marker in FRAME_HEADERS:
            rows, columns = unpack_from(">2H", data, at + 5)
            return rows, columns
        if marker == 0xFF:
            at += 1
        else:
            at += 2 if marker in NO_LENGTH else 2 + unpack_from(">H", data, at + 2)[0]
    return None
