"""A report as files: report.json, report.csv, report.txt, marked PNG pictures. Written beside, synced, renamed."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from appliance.core.overlay import BURNED_IN, Mark, MarkedPicture, Tone, marked_pictures
from appliance.core.report import Report
from appliance.core.report_csv import to_csv
from appliance.core.report_json import to_json
from appliance.core.report_text import to_text
from appliance.core.study import Study
from appliance.errors import Code, SystemicError

SHOWN_HEIGHT = 900
"""Pictures are enlarged to about this, so that the words stay readable."""
TEXT_PX = 18
MARGIN = 6

COLOURS: dict[Tone, tuple[int, int, int]] = {
    Tone.NEUTRAL: (120, 190, 255),
    Tone.NORMAL_MILD: (90, 220, 130),
    Tone.MODERATE: (255, 190, 60),
    Tone.SEVERE: (255, 95, 95),
}


def write_report(report: Report, study: Study, folder: Path) -> tuple[Path, ...]:
    """Everything into `folder` (made when missing); the paths written, report.json last: when it is there, all is."""
    return write_files(folder, dict(_files(report, study)))


def write_files(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Each whole or not at all, in their order. Raises SystemicError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return tuple(_write(folder / name, data) for name, data in files.items())
    except OSError as exc:
        raise _systemic(folder, exc) from exc


def json_bytes(report: Report) -> bytes:
    """report.json as it is written."""
    return (json.dumps(to_json(report), indent=2, ensure_ascii=False) + "\n").encode()


def draw(picture: MarkedPicture) -> bytes:
    """One marked picture as PNG, its warning burned in."""
    rows, columns = picture.pixels.shape
    scale = max(1.0, SHOWN_HEIGHT / (rows * picture.aspect))
    size = round(columns * scale), round(rows * picture.aspect * scale)
    image = Image.fromarray(picture.pixels).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(TEXT_PX)
    for mark in picture.marks:
        _draw_mark(pen, mark, scale, scale * picture.aspect, font)
    _draw_text(pen, (MARGIN, MARGIN), picture.title, (255, 255, 255), font)
    _draw_text(pen, (MARGIN, size[1] - TEXT_PX - 2 * MARGIN), BURNED_IN, (255, 255, 0), font)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def _files(report: Report, study: Study) -> Iterator[tuple[str, bytes]]:
    for picture in marked_pictures(report, study):
        yield f"{picture.name}.png", draw(picture)
    yield "report.csv", to_csv(report).encode()
    yield "report.txt", to_text(report).encode()
    yield "report.json", json_bytes(report)


def _write(path: Path, data: bytes) -> Path:
    """Never half a file under its own name, whatever happens to the power."""
    beside = path.with_name(f".{path.name}.part")
    with beside.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
    return path


def _systemic(folder: Path, exc: OSError) -> SystemicError:
    if exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return SystemicError(Code.NO_SPACE, f"No space left to write the report to {folder}.", "Free some space.")
    return SystemicError(
        Code.NOT_WRITABLE, f"The report cannot be written to {folder}: {exc.strerror}.", "Check who may write there."
    )


_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def _draw_mark(pen: ImageDraw.ImageDraw, mark: Mark, scale_x: float, scale_y: float, font: _Font) -> None:
    x0, y0, x1, y1 = mark.box_px
    left, top, right, bottom = x0 * scale_x, y0 * scale_y, (x1 + 1) * scale_x, (y1 + 1) * scale_y
    pen.rectangle((left, top, right, bottom), outline=COLOURS[mark.tone], width=2)
    before = max(MARGIN, left - pen.textlength(mark.text, font) - 2 * MARGIN)  # what lies behind must stay visible
    _draw_text(pen, (before, (top + bottom - TEXT_PX) / 2), mark.text, COLOURS[mark.tone], font)


def _draw_text(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: tuple[int, int, int], font: _Font
) -> None:
    """On a dark ground, so that it can be read on any picture."""
    left, top, right, bottom = pen.textbbox(at, text, font)
    pen.rectangle((left - 3, top - 3, right + 3, bottom + 3), fill=(0, 0, 0))
    pen.text(at, text, colour, font)
