"""Rendering phantoms for crops: fine where a crop will be cut, four times coarser elsewhere.

Drawing the anatomy is nine tenths of a phantom's cost, and the crops see a fifth of it. The far parts still matter a
little (grey window, coil, ghosts), so they are drawn, only coarsely. Truth and geometry are untouched.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import ImagePlane, Plane
from appliance.core.spine import LEVELS
from export.phantom.options import PhantomOptions
from export.phantom.places import level_truth, point
from export.phantom.render import ideal_slice
from export.phantom.scene import Scene
from export.phantom.study import RenderedStudy, render_study

Array = NDArray[np.float64]

COARSER = 4
SAGITTAL_HALF_MM, AXIAL_HALF_MM = 33.0, 30.0
"""Half of a crop, 28 and 22 mm, and what augmentation may add to it."""
SAGITTAL_REACH_MM, AXIAL_REACH_MM = 34.0, 10.0
"""Slices farther from the places than this are never cut."""


def render_for_crops(seed: int, index: int, options: PhantomOptions) -> RenderedStudy:
    """`render_study`, the same study, at a fifth of its cost."""
    return render_study(seed, index, options, draw=_draw_focused)


def _places(scene: Scene) -> Array:
    """(levels, 5, 3): canal, foramina and recesses of each level."""
    truths = [level_truth(scene, level) for level in LEVELS]
    return np.array([
        [t.canal_center_mm, t.left_foramen_mm, t.right_foramen_mm, t.left_recess_mm, t.right_recess_mm]
        for t in truths
    ])  # fmt: skip


def _draw_focused(scene: Scene, plane: ImagePlane, thickness: float, tables: Array) -> Array:
    out = ideal_slice(scene, _coarse(plane), thickness, tables)
    out = out.repeat(COARSER, axis=-2).repeat(COARSER, axis=-1)[..., : plane.rows, : plane.columns].copy()
    window = _window(plane, _places(scene))
    if window is not None:
        x0, y0, x1, y1 = window
        out[..., y0:y1, x0:x1] = ideal_slice(scene, _part(plane, window), thickness, tables)
    return out


def _coarse(plane: ImagePlane) -> ImagePlane:
    """The same picture with `COARSER` times larger pixels."""
    middle = (COARSER - 1) / 2
    return replace(plane, origin=point(plane.to_patient((middle, middle))), row_spacing=plane.row_spacing * COARSER,
                   column_spacing=plane.column_spacing * COARSER,
                   rows=-(-plane.rows // COARSER), columns=-(-plane.columns // COARSER))  # fmt: skip


def _part(plane: ImagePlane, window: tuple[int, int, int, int]) -> ImagePlane:
    """Columns x0 to x1 and rows y0 to y1 of a picture."""
    x0, y0, x1, y1 = window
    return replace(plane, origin=point(plane.to_patient((x0, y0))), rows=y1 - y0, columns=x1 - x0)


def _window(plane: ImagePlane, places: Array) -> tuple[int, int, int, int] | None:
    """The pixels that crops may show, or None when no crop is cut from this slice."""
    sagittal = plane.plane is Plane.SAGITTAL
    distance = np.abs((places - np.asarray(plane.origin)) @ plane.upward_normal)
    near = places[(distance <= (SAGITTAL_REACH_MM if sagittal else AXIAL_REACH_MM))]
    if not len(near):
        return None
    half = (SAGITTAL_HALF_MM if sagittal else AXIAL_HALF_MM) / plane.row_spacing
    at = plane.to_pixel(near)
    limits = [plane.columns, plane.rows]
    low = np.clip(np.floor(at.min(axis=0) - half), 0, limits).astype(int)
    low -= low % 2  # the renderer samples depths in a checkerboard
    high = np.clip(np.ceil(at.max(axis=0) + half), 0, limits).astype(int)
    return (int(low[0]), int(low[1]), int(high[0]), int(high[1])) if (high > low).all() else None
