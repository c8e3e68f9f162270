"""Calling the compiled renderer: planes in, pictures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import ImagePlane
from export.phantom.artefacts import Look, coil_and_band, picture, to_integers
from export.phantom.kernel import draw_slice, label_points
from export.phantom.options import Role
from export.phantom.protocol import SeriesPlan
from export.phantom.scene import Scene
from export.phantom.tissues import MARROW, Tissue, signal_table

Array = NDArray[np.float64]
# Six places in a pixel, spread through the slice's thickness (column, row in pixels; share of the thickness).
# The first two are farthest apart: where they agree the renderer takes no more.
SUBSAMPLES = np.array([
    [-0.36, -0.12, -0.417], [0.36, 0.12, 0.417], [0.12, -0.36, 0.083],
    [-0.12, 0.36, -0.083], [0.36, -0.36, -0.25], [-0.36, 0.36, 0.25],
])  # fmt: skip
Draw = Callable[[Scene, ImagePlane, float, Array], Array]
"""`ideal_slice` or what stands in for it: scene, plane, thickness in mm, tables -> (sequence, water|fat, row, column)."""
IDEAL_SCALE = 2000  # stored value of a signal of 1 when no artefacts are asked for


def scene_arrays(scene: Scene) -> tuple[NDArray, ...]:
    """The scene in the order the kernels take it."""
    return (
        scene.bodies,
        scene.discs,
        scene.canal.rows,
        scene.roots,
        scene.noise,
        scene.back,
        scene.index_at_z,
        scene.build,
    )


def labels_at(scene: Scene, points_mm: Array) -> NDArray[np.int64]:
    """Dominant tissue number at (n, 3) patient points: for measuring what is really drawn."""
    return label_points(np.ascontiguousarray(points_mm, dtype=float), *scene_arrays(scene))


def ideal_slice(scene: Scene, plane: ImagePlane, thickness: float, tables: Array) -> Array:
    """(sequence, water|fat, row, column) signal of one slice without any artefact."""
    out = np.zeros((len(tables), 2, plane.rows, plane.columns))
    offsets = SUBSAMPLES * [1.0, 1.0, thickness]
    row = np.asarray(plane.row_direction) * plane.column_spacing
    column = np.asarray(plane.column_direction) * plane.row_spacing
    draw_slice(
        out, np.asarray(plane.origin), row, column, plane.normal, offsets, tables, *scene_arrays(scene)
    )
    return out


def render_plans(scene: Scene, tissues: list[Tissue], plans: Sequence[SeriesPlan], looks: Sequence[Look],
                 rngs: Sequence[np.random.Generator], artefacts: bool,
                 draw: Draw = ideal_slice) -> list[list[NDArray[np.uint16]]]:  # fmt: skip
    """Pictures of series that share their planes (sagittal T1, T2, STIR): the anatomy is drawn once for all of them."""
    tables = np.stack([signal_table(tissues, plan.weighting) for plan in plans])
    stacks: list[list] = [[] for _ in plans]
    for plane in plans[0].planes:
        ideal = draw(scene, plane, plans[0].thickness, tables)
        for n, (plan, look, rng) in enumerate(zip(plans, looks, rngs, strict=True)):
            if not artefacts:
                stacks[n].append(ideal[n].sum(axis=0).astype(np.float32))
                continue
            reference = plan.weighting.signal(MARROW) * (0.5 if plan.role is Role.SAGITTAL_STIR else 1)
            gain = coil_and_band(scene, plane, look)
            level = reference * float(gain[gain.shape[0] // 2, gain.shape[1] // 2])
            stacks[n].append(picture(ideal[n, 0], ideal[n, 1], gain, look, level, plan.shown, rng))
    if not artefacts:
        return [[np.rint(IDEAL_SCALE * image).astype(np.uint16) for image in stack] for stack in stacks]
    return [to_integers(stack, look.full_scale) for stack, look in zip(stacks, looks, strict=True)]


def shown_plane(plane: ImagePlane, shown: int) -> ImagePlane:
    """The plane after interpolation to `shown` pixels a side: the first pixel's middle stays where it is."""
    factor = plane.rows / shown
    return replace(plane, row_spacing=plane.row_spacing * factor, column_spacing=plane.column_spacing * factor,
                   rows=shown, columns=shown)  # fmt: skip
