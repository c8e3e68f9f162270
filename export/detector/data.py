"""What the detector learns from: pictures with boxes and the discs' tilt, out of any `LabelledStudy`.

A picture here is what the appliance shows the network before letterboxing: windowed by percentiles of its series to
u8, with the size of its pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import PixelMm, Plane
from appliance.core.models import Box
from appliance.core.preprocessing import window_of
from appliance.core.spine import STRUCTURES, Structure
from appliance.core.study import Slice
from export.datasets.sample import BoxLabel, LabelledStudy

FINEST_MM = 0.7
"""mm a pixel of the network's square, at least, on sagittal pictures. Chosen by `python -m export.evaluate scale`."""
DISC_LENGTH_TO_HEIGHT = 3.0
"""Depth over height of a lumbar disc: 30-33 mm over 10-14 mm (Anatomy table, lumbar-mri.md)."""
_OUTLINE_POINTS = 24
_DISCS = (Structure.DISC, Structure.LUMBOSACRAL_DISC)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One grey picture with its boxes as outlines, so that they can be turned without growing."""

    name: str
    patient: str
    pixels: NDArray[np.uint8]
    classes: NDArray[np.int64]
    """(n,) indices into `STRUCTURES`."""
    outlines: NDArray[np.float32]
    """(n, 24, 2) points (x, y) on the outline of each structure; pixel centres at whole numbers."""
    pixel_mm: PixelMm
    """Approximate where the images were resampled (see `export.datasets.spider`)."""
    sagittal: bool = True

    @property
    def aspect(self) -> float:
        """Row spacing / column spacing."""
        return self.pixel_mm[0] / self.pixel_mm[1]

    @property
    def finest_mm(self) -> float:
        """At what scale the appliance reads it: an axial one fills the square."""
        return FINEST_MM if self.sagittal else 0.0

    @property
    def boxes(self) -> NDArray[np.float32]:
        """(n, 4) x0, y0, x1, y1."""
        return np.concatenate([self.outlines.min(axis=1), self.outlines.max(axis=1)], axis=1)


def pictures_of(study: LabelledStudy, pixel_mm: PixelMm | None = None) -> Iterator[Picture]:
    """The labelled slices of one study, windowed as the appliance does: one window for a series.

    `pixel_mm` is for pictures without a plane; the plane's own is used where there is one. Raises ValueError where
    neither is told.
    """
    by_slice: dict[tuple[str, int], list[BoxLabel]] = {}
    for label in study.boxes:
        by_slice.setdefault((label.sop_uid, label.frame), []).append(label)
    for series in study.load().series:
        labelled = [s for s in series.slices if (s.sop_uid, s.frame) in by_slice]
        if not labelled:
            continue
        window = window_of(*(s.pixels for s in series.slices))
        for one in labelled:
            labels = by_slice[(one.sop_uid, one.frame)]
            yield picture(one, window.apply(one.pixels), study.patient, labels, pixel_mm)


def picture(
    one: Slice, pixels: NDArray[np.uint8], patient: str, labels: Sequence[BoxLabel], pixel_mm: PixelMm | None = None
) -> Picture:
    """A slice and its labels as a training picture; `pixel_mm` counts where the slice has no plane."""
    plane = one.plane
    pixel_mm = plane.pixel_mm if plane is not None else pixel_mm
    if pixel_mm is None:
        raise ValueError(f"{one.sop_uid}: nobody says the size of its pixels")
    return Picture(
        name=one.sop_uid, patient=patient, pixels=pixels,
        classes=np.array([STRUCTURES.index(label.structure) for label in labels], dtype=np.int64),
        outlines=outlines(labels), pixel_mm=pixel_mm,
        sagittal=plane is None or plane.plane is not Plane.AXIAL,
    )


def outlines(labels: Sequence[BoxLabel]) -> NDArray[np.float32]:
    """An ellipse in each box; those of discs are tilted as the column runs there.

    A disc is about three times as long as high; its box's shape then gives the size of its tilt, and the neighbours in
    the column give the sign.
    """
    tilts = _tilts(labels)
    return np.stack([_ellipse(label.box_px, tilt) for label, tilt in zip(labels, tilts, strict=True)])


def complete(pictures: Iterable[Picture]) -> list[Picture]:
    """Sagittal pictures that lack the lumbosacral box are left out: the disc is there, only its label is not."""
    sacral = STRUCTURES.index(Structure.LUMBOSACRAL_DISC)
    return [p for p in pictures if not p.sagittal or sacral in p.classes]


def _tilts(labels: Sequence[BoxLabel]) -> list[float | None]:
    """Radians by which each disc's long axis is turned from the rows; None for what is no disc."""
    discs = sorted((label for label in labels if label.structure in _DISCS), key=lambda d: d.box_px[1] + d.box_px[3])
    centers = np.array([_center(d.box_px) for d in discs])
    sign: dict[int, float] = {}
    for i, disc in enumerate(discs):
        lower, upper = min(i + 1, len(discs) - 1), max(i - 1, 0)
        run = centers[lower] - centers[upper]
        # The column's direction turned by a quarter: a column that leans right going down has discs that fall left.
        sign[id(disc)] = -1.0 if run[0] > 0 else 1.0
    return [_tilt_size(label.box_px) * sign[id(label)] if id(label) in sign else None for label in labels]


def _tilt_size(box: Box) -> float:
    """|tilt| of an ellipse of `DISC_LENGTH_TO_HEIGHT` whose bounding box this is."""
    width, height = box[2] - box[0], box[3] - box[1]
    ratio = (width**2 - height**2) / (width**2 + height**2)
    flat = (DISC_LENGTH_TO_HEIGHT**2 - 1) / (DISC_LENGTH_TO_HEIGHT**2 + 1)
    return float(0.5 * np.arccos(np.clip(ratio / flat, -1, 1)))


def _ellipse(box: Box, tilt: float | None) -> NDArray[np.float32]:
    """Points whose bounding box is `box` exactly; None draws the box's own corners and edges."""
    t = np.linspace(0, 2 * np.pi, _OUTLINE_POINTS, endpoint=False)
    unit = np.stack([np.cos(t) * DISC_LENGTH_TO_HEIGHT, np.sin(t)], axis=1)
    if tilt is None:
        unit = np.stack([np.cos(t), np.sin(t)], axis=1)
    else:
        c, s = np.cos(tilt), np.sin(tilt)
        unit = unit @ np.array([[c, s], [-s, c]])
    unit /= np.abs(unit).max(axis=0)
    half = np.array([(box[2] - box[0]) / 2, (box[3] - box[1]) / 2])
    return np.asarray(unit * half + np.array(_center(box)), dtype=np.float32)


def _center(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
