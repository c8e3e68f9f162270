"""Faults drawn into good series: what a technician or a scanner can do to a picture. Pure.

Each takes a series and gives it back spoilt; geometry and header stay as they were, so only the picture can tell.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from appliance.core.study import Contrast, Series, Slice
from export.evaluation import motion_drawing
from export.evaluation.motion_drawing import Motion, poses

Vector = NDArray[np.float64]


def sold_as(series: Series, contrast: Contrast) -> Series:
    """The same pictures under the header of another sequence."""
    return replace(series, contrast=contrast)


def moved(series: Series, amount_mm: float, way: Motion, rng: np.random.Generator) -> Series:
    """Every slice measured while the patient moved in this way: slices are measured by turns, so all alike."""
    at = poses(way, amount_mm, rng)
    drawn: dict[int, NDArray[np.float32]] = {}

    def spoilt(one: Slice) -> Slice:
        if id(one.pixels) not in drawn:
            spacing = one.plane.pixel_mm if one.plane is not None else (1.0, 1.0)
            drawn[id(one.pixels)] = motion_drawing.moved(one.pixels, spacing, way, at)
        return replace(one, pixels=drawn[id(one.pixels)])

    return replace(series, slices=tuple(spoilt(s) for s in series.slices))


def noise(series: Series, rng: np.random.Generator) -> Series:
    """Nothing but noise: the coil was not plugged in."""
    return _each(series, lambda pixels: np.hypot(*rng.normal(0, 100, (2, *pixels.shape))))


def void(series: Series, center_mm: Vector, radius_mm: float) -> Series:
    """A ball of no signal with a bright rim, as metal leaves."""

    def spoil(picture):  # type: ignore[no-untyped-def]
        plane = picture.plane
        away = plane.distance(center_mm)
        if abs(away) >= radius_mm:
            return picture
        radius = np.sqrt(radius_mm**2 - away**2)
        x, y = plane.to_pixel(center_mm)
        rows, columns = np.mgrid[: plane.rows, : plane.columns]
        distance = np.hypot((columns - x) * plane.column_spacing, (rows - y) * plane.row_spacing)
        pixels = picture.pixels.copy()
        pixels[(distance >= radius) & (distance < radius + 2)] = np.percentile(pixels, 99)
        pixels[distance < radius] = pixels.min()
        return replace(picture, pixels=pixels)

    return replace(series, slices=tuple(spoil(s) for s in series.slices))


def _each(series: Series, change: Callable[[NDArray[np.float32]], NDArray[np.floating]]) -> Series:
    slices = (replace(s, pixels=np.asarray(change(s.pixels), dtype=np.float32)) for s in series.slices)
    return replace(series, slices=tuple(slices))
