"""How the imaginary scanner was set: sequences, slices, fields of view. Figures: shared/reference/lumbar-mri.md."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import ImagePlane
from export.phantom import layout as L
from export.phantom.options import PhantomOptions, Role
from export.phantom.pose import between
from export.phantom.scene import Scene
from export.phantom.tissues import Weighting

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """One series to be drawn. `acquired` is the plane's matrix as rendered, `shown` the matrix after interpolation."""

    role: Role
    description: str
    weighting: Weighting
    planes: tuple[ImagePlane, ...]
    thickness: float
    spacing: float
    shown: int
    flip: float = 150.0


def plan_series(scene: Scene, options: PhantomOptions, rng: np.random.Generator) -> list[SeriesPlan]:
    """All series of a study, sagittal first. STIR in two studies of five [G]."""
    has_stir = rng.random() < 0.4
    plans = [p for p in _sagittal(scene, options, rng) if has_stir or p.role is not Role.SAGITTAL_STIR]
    return [p for p in [*plans, _axial(scene, options, rng)] if p.role in options.roles]


def _weightings(rng: np.random.Generator) -> dict[Role, Weighting]:
    def within(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    return {
        Role.SAGITTAL_T1: Weighting(within(450, 750), within(8, 14), None, 1.15),
        Role.SAGITTAL_T2: Weighting(within(2700, 4200), within(80, 120), None, within(1.4, 2.0)),
        Role.SAGITTAL_STIR: Weighting(within(3500, 5000), within(45, 75), within(155, 175)),
        Role.AXIAL_T2: Weighting(within(3000, 5000), within(85, 120), None, within(1.4, 2.0)),
    }


def _matrix(rng: np.random.Generator, options: PhantomOptions) -> tuple[int, int]:
    """Acquired matrix 256-320, shown 1-1.6 times finer up to 512."""
    acquired = int(rng.choice([256, 288, 304, 320]))
    shown = int(rng.choice([320, 384, 448, 512], p=[0.25, 0.35, 0.2, 0.2]))
    shown = min(max(shown, acquired), options.max_matrix)
    return min(acquired, shown), shown


def turned(rng: np.random.Generator, degrees: float) -> Array:
    """A small random rotation: no technician aligns a slice perfectly."""
    a, b, c = np.radians(rng.normal(0, degrees, 3))
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return rz @ ry @ rx


def plane_around(center: Array, row: Array, column: Array, size: float, matrix: int) -> ImagePlane:
    """A square picture of `size` mm with its middle at `center`."""
    step = size / matrix
    origin = center - (matrix - 1) / 2 * step * (row + column)
    return ImagePlane(tuple(map(float, origin)), tuple(map(float, row)), tuple(map(float, column)),
                      step, step, matrix, matrix)  # type: ignore[arg-type]  # fmt: skip


def _sagittal(scene: Scene, options: PhantomOptions, rng: np.random.Generator) -> list[SeriesPlan]:
    rotation = np.eye(3) if options.simple_geometry else turned(rng, 1.2)
    count = int(rng.choice([11, 13, 15, 17, 19], p=[0.1, 0.15, 0.5, 0.15, 0.1]))
    spacing = float(rng.uniform(3.6, 4.8)) if count <= 15 else float(rng.uniform(3.4, 4.0))
    spacing = max(spacing, 50.0 / (count - 1))  # reaches both foramina
    size = float(np.clip(rng.normal(310, 35), 240, 400))
    shift = rng.normal(0, [2.0, 10, 10]) * (0 if options.simple_geometry else 1)
    center = np.array([0.0, -12 - rng.uniform(-0.02, 0.14) * size, -12.0]) + shift
    acquired, shown = _matrix(rng, options)
    row, column, normal = rotation @ [0.0, 1, 0], rotation @ [0.0, 0, -1], rotation @ [1.0, 0, 0]
    planes = tuple(plane_around(center + (i - (count - 1) / 2) * spacing * normal, row, column, size, acquired)
                   for i in range(count))  # fmt: skip
    thickness = spacing * float(rng.uniform(0.82, 0.95))
    names = {Role.SAGITTAL_T1: "SAG T1 TSE", Role.SAGITTAL_T2: "SAG T2 TSE", Role.SAGITTAL_STIR: "SAG STIR"}
    weightings = _weightings(rng)
    return [
        SeriesPlan(role, name, weightings[role], planes, thickness, spacing, shown)
        for role, name in names.items()
    ]


def _axial(scene: Scene, options: PhantomOptions, rng: np.random.Generator) -> SeriesPlan:
    straight = options.simple_geometry or rng.random() < 0.5
    covers = options.simple_geometry or rng.random() < 0.92  # L1/L2 is left out in about 8 % [C]
    size = float(np.clip(rng.normal(210, 22), 170, 280))
    acquired, shown = _matrix(rng, options)
    acquired = min(acquired, 288)
    spacing = float(np.clip(rng.normal(4.4, 0.35), 3.6, 5.5))
    build = _one_stack if straight else _stacks
    planes = build(scene, size, acquired, spacing, covers, rng)
    return SeriesPlan(
        Role.AXIAL_T2, "AX T2 TSE", _weightings(rng)[Role.AXIAL_T2], planes, spacing * 0.9, spacing, shown
    )


def _one_stack(scene: Scene, size: float, matrix: int, spacing: float, covers: bool,
               rng: np.random.Generator) -> tuple[ImagePlane, ...]:  # fmt: skip
    """One straight stack from below L5/S1 to above L1/L2, hardly tilted."""
    tilt = np.radians(float(rng.normal(4, 5)))
    row, column = np.array([1.0, 0, 0]), np.array([0.0, np.cos(tilt), np.sin(tilt)])
    normal = np.cross(row, column)
    low = scene.discs[L.DISC_L5_S1, L.D_POS : L.D_POS + 3]
    high = scene.discs[L.DISC_L1_L2 if covers else L.DISC_L1_L2 - 1, L.D_POS : L.D_POS + 3]
    start, stop = (
        low @ normal - rng.uniform(8, 20),
        high @ normal + (rng.uniform(8, 20) if covers else rng.uniform(6, 14)),
    )
    middle = (low + high) / 2
    count = int(np.ceil((stop - start) / spacing))
    base = middle - (middle @ normal) * normal + np.array([0, rng.uniform(-14, 0), 0])
    return tuple(
        plane_around(base + (start + i * spacing) * normal, row, column, size, matrix) for i in range(count)
    )


def _stacks(scene: Scene, size: float, matrix: int, spacing: float, covers: bool,
            rng: np.random.Generator) -> tuple[ImagePlane, ...]:  # fmt: skip
    """One small stack parallel to each disc, from the top down, all in one series."""
    planes: list[ImagePlane] = []
    forward = rng.uniform(-14, 0)
    for j in range(L.DISC_L1_L2 if covers else L.DISC_L1_L2 - 1, L.DISC_L5_S1 - 1, -1):
        axes = between(scene.frames[j], scene.frames[j + 1])
        tilt = np.arctan2(axes[1][2], axes[1][1]) + np.radians(rng.normal(0, 2.5))
        tilt = float(np.clip(tilt, np.radians(-32), np.radians(32)))
        row, column = np.array([1.0, 0, 0]), np.array([0.0, np.cos(tilt), np.sin(tilt)])
        normal = np.cross(row, column)
        count = int(rng.choice([4, 5, 6, 7], p=[0.15, 0.4, 0.3, 0.15]))
        middle = scene.discs[j, L.D_POS : L.D_POS + 3] + forward * column + rng.normal(0, 0.8) * normal
        planes += [plane_around(middle + ((count - 1) / 2 - i) * spacing * normal, row, column, size, matrix)
                   for i in range(count)]  # fmt: skip
    return tuple(planes)
