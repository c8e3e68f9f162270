"""What is drawn on which picture. Pure: decides, does not draw; `adapters/report_files.py` draws.

Every mark carries its meaning in words; its tone only repeats it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from appliance.core.crops import windows_of
from appliance.core.models import Box
from appliance.core.report import Finding, LocatedLevel, Report
from appliance.core.spine import Condition, Severity
from appliance.core.study import Series, Slice, Study

BURNED_IN = "AI - not for diagnostic use - not reviewed"
CONTEXT = 1.6
"""A close-up shows this many times the square that was graded."""


class Tone(StrEnum):
    """The colour of a mark."""

    NEUTRAL = "neutral"
    NORMAL_MILD = "normal_mild"
    MODERATE = "moderate"
    SEVERE = "severe"


@dataclass(frozen=True, slots=True)
class Mark:
    """A box in the shown picture's pixels, and its words."""

    box_px: Box
    text: str
    tone: Tone


@dataclass(frozen=True, slots=True, eq=False)
class MarkedPicture:
    """`name` is the file's, without its ending. `aspect` is row spacing / column spacing."""

    name: str
    title: str
    pixels: NDArray[np.uint8]
    marks: tuple[Mark, ...]
    aspect: float = 1.0


def marked_pictures(report: Report, study: Study) -> tuple[MarkedPicture, ...]:
    """The numbered spine, then a close-up of every severe finding; none where the study's slices are not kept."""
    if not study.series:
        return ()
    homes = {(s.sop_uid, s.frame): (series, s) for series in study.series for s in series.slices}
    severe = [f for f in report.findings if f.severity is Severity.SEVERE]
    overview = [_overview(report, homes)] if report.levels else []
    return (*overview, *(_close_up(f, homes) for f in severe))


def _overview(report: Report, homes: Mapping[tuple[str, int], tuple[Series, Slice]]) -> MarkedPicture:
    """The slice on which most levels were seen best; slices of one series share their pixels."""
    series, picture = homes[home_of(report)]
    marks = tuple(_level_mark(level, report) for level in report.levels)
    return MarkedPicture("levels", "Disc levels and canal", _grey(series, picture), marks, _aspect(picture))


def home_of(report: Report) -> tuple[str, int]:
    """SOP Instance UID and frame of the image the overview shows. `report.levels` is not empty."""
    home, _ = Counter((level.sop_uid, level.frame) for level in report.levels).most_common(1)[0]
    return home


def _level_mark(level: LocatedLevel, report: Report) -> Mark:
    severity = report.finding(Condition.SPINAL_CANAL_STENOSIS, level.level).severity
    words = f"  canal {severity.label.lower()}" if severity is not None else "  canal not assessed"
    return Mark(level.box_px, level.level.label + words, _tone(severity))


def _close_up(finding: Finding, homes: Mapping[tuple[str, int], tuple[Series, Slice]]) -> MarkedPicture:
    assert finding.evidence is not None, "only graded findings are severe"
    series, picture = homes[finding.evidence.sop_uid, finding.evidence.frame]
    rows, columns = picture.pixels.shape
    left, top, right, bottom = _widened(finding.evidence.box_px, rows, columns)
    x0, y0, x1, y1 = finding.evidence.box_px
    title = f"{finding.condition.label}, {finding.level.label}: severe"
    mark = Mark((x0 - left, y0 - top, x1 - left, y1 - top), f"{finding.level.label} severe", Tone.SEVERE)
    pixels = _grey(series, picture)[top:bottom, left:right]
    return MarkedPicture(f"{finding.condition}_{finding.level}", title, pixels, (mark,), _aspect(picture))


def _widened(box: Box, rows: int, columns: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = box
    more_x, more_y = (x1 - x0) * (CONTEXT - 1) / 2, (y1 - y0) * (CONTEXT - 1) / 2
    left, top = max(0, round(x0 - more_x)), max(0, round(y0 - more_y))
    return left, top, max(left + 1, min(columns, round(x1 + more_x))), max(top + 1, min(rows, round(y1 + more_y)))


def _grey(series: Series, picture: Slice) -> NDArray[np.uint8]:
    return windows_of(series)[picture.sop_uid, picture.frame].apply(picture.pixels)


def _aspect(picture: Slice) -> float:
    return picture.plane.row_spacing / picture.plane.column_spacing if picture.plane is not None else 1.0


def _tone(severity: Severity | None) -> Tone:
    return Tone(severity.value) if severity is not None else Tone.NEUTRAL


def names_of(pictures: Sequence[MarkedPicture]) -> tuple[str, ...]:
    """File names, in the order they are shown."""
    return tuple(f"{p.name}.png" for p in pictures)
