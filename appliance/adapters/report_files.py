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
from appliance.core.voice import ENGLISH, Typeface, Voice
from appliance.errors import Code, SystemicError

SHOWN_HEIGHT = 900
"""Pictures are enlarged to about this, so that the words stay readable."""
TEXT_PX, LETTERS_PX = 18, 16
MARGIN = 6

COLOURS: dict[Tone, tuple[int, int, int]] = {
    Tone.NEUTRAL: (120, 190, 255),
    Tone.NORMAL_MILD: (90, 220, 130),
    Tone.MODERATE: (255, 190, 60),
    Tone.SEVERE: (255, 95, 95),
}


def write_report(
    report: Report, study: Study, folder: Path, voice: Voice = ENGLISH, letters: Typeface | None = None
) -> tuple[Path, ...]:
    """Everything into `folder` (made when missing); the paths written, report.json last: when it is there, all is.

    The words on the pictures are in the language of `voice`, as far as `letters` has them; all else is data, in English.
    """
    return write_files(folder, dict(_files(report, study, _Words(voice, letters))))


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


def draw(picture: MarkedPicture, voice: Voice = ENGLISH, letters: Typeface | None = None) -> bytes:
    """One marked picture as PNG, its warning burned in."""
    words = _Words(voice, letters)
    rows, columns = picture.pixels.shape
    scale = max(1.0, SHOWN_HEIGHT / (rows * picture.aspect))
    size = round(columns * scale), round(rows * picture.aspect * scale)
    image = Image.fromarray(picture.pixels).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    pen = ImageDraw.Draw(image)
    for mark in picture.marks:
        _draw_mark(pen, mark, scale, scale * picture.aspect, words)
    _draw_text(pen, (MARGIN, MARGIN), words.told(picture.title), (255, 255, 255), words.font)
    _draw_text(pen, (MARGIN, size[1] - TEXT_PX - 2 * MARGIN), words.told(BURNED_IN), (255, 255, 0), words.font)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


class _Words:
    """What is said, and in which letters: Pillow's own know Latin alone."""

    def __init__(self, voice: Voice, letters: Typeface | None) -> None:
        self.voice, self.letters = (ENGLISH, None) if letters is None and voice.right_to_left else (voice, letters)
        own = self.letters if self.voice.language != "en" else None
        self.font: _Font = ImageFont.truetype(own.regular, LETTERS_PX) if own else ImageFont.load_default(TEXT_PX)

    def told(self, text: str) -> str:
        return self.voice.told(text)


def _files(report: Report, study: Study, words: _Words) -> Iterator[tuple[str, bytes]]:
    for picture in marked_pictures(report, study):
        yield f"{picture.name}.png", draw(picture, words.voice, words.letters)
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


def _draw_mark(pen: ImageDraw.ImageDraw, mark: Mark, scale_x: float, scale_y: float, words: _Words) -> None:
    x0, y0, x1, y1 = mark.box_px
    left, top, right, bottom = x0 * scale_x, y0 * scale_y, (x1 + 1) * scale_x, (y1 + 1) * scale_y
    pen.rectangle((left, top, right, bottom), outline=COLOURS[mark.tone], width=2)
    text = words.told(mark.text)
    before = max(MARGIN, left - pen.textlength(text, words.font) - 2 * MARGIN)  # what lies behind must stay visible
    _draw_text(pen, (before, (top + bottom - TEXT_PX) / 2), text, COLOURS[mark.tone], words.font)


def _draw_text(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: tuple[int, int, int], font: _Font
) -> None:
    """On a dark ground, so that it can be read on any picture."""
    left, top, right, bottom = pen.textbbox(at, text, font)
    pen.rectangle((left - 3, top - 3, right + 3, bottom + 3), fill=(0, 0, 0))
    pen.text(at, text, colour, font)
