"""Pictures to measure the detector on: held-out real images, the same with other fields of view, unseen phantoms."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import PixelMm, Plane
from appliance.core.models import Box
from appliance.core.preprocessing import window_of
from appliance.core.spine import LEVELS, Level, Structure
from export.datasets import spider
from export.datasets.sample import BoxLabel, LabelledStudy

FIELDS_MM = (250.0, 300.0, 350.0, 400.0)
_DISCS = (Structure.DISC, Structure.LUMBOSACRAL_DISC)
_MATRIX = 448
"""Rows and columns of the pictures cut to another field of view, as scanners give them."""
_MARGIN_ABOVE_MM, _MARGIN_BELOW_MM = 8.0, 45.0
"""What a cut leaves above the disc L1/L2 and below L5/S1, so that the upper sacrum stays in the picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One picture with the true boxes of its named levels."""

    name: str
    kind: str
    """`t2`, `t1`, `space`, `t2 field 250 mm`, `phantom` ..."""
    pixels: NDArray[np.uint8]
    pixel_mm: PixelMm
    """Approximate where the images were resampled (see `export.datasets.spider`)."""
    truth: dict[Level, Box]
    sacrum_visible: bool = True


def held_out_real(data: Path) -> list[Case]:
    """Mid-sagittal T2, T1 and SPACE of the held-out patients, with our boxes checked by eye."""
    return real(data, lambda study: spider.held_out(study.patient))


def held_out_masked(data: Path) -> list[Case]:
    """Every third masked SPACE slice of the held-out patients: truth by SPIDER's annotators, off the midline too."""
    return masked(data, lambda study: spider.held_out(study.patient))


def real(data: Path, chosen: Callable[[LabelledStudy], bool]) -> list[Case]:
    """The chosen mid-sagittal pictures, whoever's."""
    folder = data / spider.MIDSAGITTAL
    sizes = spider.pixel_mm(folder)
    return [_real(s, sizes[s.study_id]) for s in spider.midsagittal_studies(folder) if chosen(s)]


def masked(data: Path, chosen: Callable[[LabelledStudy], bool], every: int = 3) -> list[Case]:
    """Of the masked SPACE slices that show L5/S1 every third, those chosen.

    Held-out patients are counted apart from the others, so that theirs are the same whoever else is chosen.
    """
    folder = data / spider.SPACE
    whole = [s for s in spider.space_studies(folder) if any(label.level is Level.L5_S1 for label in s.boxes)]
    unseen = [s for s in whole if spider.held_out(s.patient)]
    others = [s for s in whole if not spider.held_out(s.patient)]
    thirds = [s for s in (*unseen[::every], *others[::every]) if chosen(s)]
    return [_real(s, spider.SPACE_PIXEL_MM, "space slices") for s in thirds]


def with_field(case: Case, field_mm: float) -> Case | None:
    """The same picture cut or filled up to a square field of so many mm; None when five levels do not fit in it."""
    top, bottom, left, right = _extent_mm(case)
    low, high = bottom + _MARGIN_BELOW_MM - field_mm, top - _MARGIN_ABOVE_MM
    if low > high:
        return None
    draw = _numbers(f"{case.name} {field_mm:.0f}")
    y0 = low + (high - low) * draw[0]
    x0 = (left + right) / 2 - field_mm * (0.3 + 0.4 * draw[1])
    return _cut(case, x0, y0, field_mm, f"{case.kind} field {field_mm:.0f} mm", sacrum=True)


def without_sacrum(case: Case, field_mm: float = 220.0) -> Case:
    """Cut off through L5: the box must say that the numbering is uncertain."""
    boxes = case.truth
    lower, upper = boxes[Level.L5_S1], boxes[Level.L4_L5]
    edge = (upper[3] + min(lower[1], lower[3] - 1)) / 2 * case.pixel_mm[0]
    _, _, left, right = _extent_mm(case)
    x0 = (left + right) / 2 - field_mm / 2
    return _cut(case, x0, edge - field_mm, field_mm, f"{case.kind} sacrum cut off", sacrum=False)


def phantoms(seed: int, count: int, quirks: bool = False) -> Iterator[Case]:
    """Mid-sagittal T2 pictures of synthetic studies no training has seen."""
    from export.detector.phantoms import render

    for index in range(count):
        study = render(seed, index, quirks)
        yield from _phantom_cases(study, f"phantom {seed}/{index}")


def _phantom_cases(study: LabelledStudy, name: str) -> Iterator[Case]:
    by_slice: dict[str, list[BoxLabel]] = {}
    for label in study.boxes:
        by_slice.setdefault(label.sop_uid, []).append(label)
    for series in study.load().series:
        if series.plane is not Plane.SAGITTAL:
            continue
        middle = series.slices[len(series.slices) // 2]
        plane = middle.plane
        discs = [b for b in by_slice.get(middle.sop_uid, ()) if b.structure in _DISCS]
        truth = {b.level: b.box_px for b in discs if b.level is not None}
        if plane is None or not truth:
            continue
        pixels = window_of(*(s.pixels for s in series.slices)).apply(middle.pixels)
        kind = f"phantom {series.contrast.description or 'sagittal'}"
        yield Case(name, kind, pixels, plane.pixel_mm, truth)


def _real(study: LabelledStudy, pixel_mm: PixelMm, kind: str = "") -> Case:
    pixels = study.load().series[0].slices[0].pixels
    name = study.study_id
    kind = kind or ("space" if "SPACE" in name else "t1" if "_t1" in name else "t2")
    truth = {label.level: label.box_px for label in study.boxes if label.level is not None}
    return Case(name, kind, window_of(pixels).apply(pixels), pixel_mm, truth)


def _extent_mm(case: Case) -> tuple[float, float, float, float]:
    """Top, bottom, left, right of the named levels, mm from the first pixel."""
    boxes = np.array(list(case.truth.values()))
    row_mm, column_mm = case.pixel_mm
    x, y = boxes[:, [0, 2]] * column_mm, boxes[:, [1, 3]] * row_mm
    return float(y.min()), float(y.max()), float(x.min()), float(x.max())


def _cut(case: Case, x0: float, y0: float, field_mm: float, kind: str, sacrum: bool) -> Case:
    """Resample the field (x0, y0, side in mm) into a square matrix; outside the picture is air."""
    step = field_mm / _MATRIX
    sy, sx = (mm / step for mm in case.pixel_mm)
    matrix = np.array([[sx, 0, -x0 / step], [0, sy, -y0 / step]])
    source: NDArray[np.uint8] = case.pixels
    if min(sx, sy) < 0.7:
        source = np.asarray(cv2.GaussianBlur(source, (0, 0), 0.4 / min(sx, sy)), dtype=np.uint8)
    pixels = cv2.warpAffine(source, matrix, (_MATRIX, _MATRIX), flags=cv2.INTER_LINEAR)
    truth = {level: _moved(box, matrix) for level, box in case.truth.items()}
    seen = {level: box for level, box in truth.items() if _is_inside(box)}
    image = pixels.astype(np.float32)
    return Case(case.name, kind, window_of(image).apply(image), (step, step), seen, sacrum)


def _moved(box: Box, matrix: NDArray[np.float64]) -> Box:
    x0, y0 = matrix[:, :2] @ [box[0], box[1]] + matrix[:, 2]
    x1, y1 = matrix[:, :2] @ [box[2], box[3]] + matrix[:, 2]
    return float(x0), float(y0), float(x1), float(y1)


def _is_inside(box: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return 0 <= x < _MATRIX and 0 <= y < _MATRIX


def _numbers(text: str) -> tuple[float, float]:
    """Two numbers from 0 to 1 that depend on the text alone."""
    digest = hashlib.sha256(text.encode()).digest()
    return digest[0] / 255, digest[1] / 255


def has_all_levels(case: Case) -> bool:
    """Whether the truth names all five."""
    return all(level in case.truth for level in LEVELS)
