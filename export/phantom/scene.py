"""A patient ready to be drawn: anatomy turned into the arrays the compiled renderer reads."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from appliance.core.spine import Condition
from export.phantom import layout as L
from export.phantom.anatomy import Anatomy, Body
from export.phantom.canal import Canal, build_canal, disc_back, level_of
from export.phantom.pose import Frame, place_bodies, rim_height

Array = NDArray[np.float64]
ROOTS = 14  # pairs would be ten; fourteen strands look right in a 0.6 mm pixel [G]
BACK_TABLE = 900  # mm of z covered by the table of the skin of the back
# Distance of the foramina from the midline, L5/S1 up to L1/L2 [R]; above [G].
FORAMEN_OFF_MIDLINE = (18.9, 17.8, 16.7, 15.7, 14.9, 14.5, 14, 13.5, 13, 13)
FORAMEN_WIDTH = 9.1  # mm at a height of 17.5 [A]


@dataclass(frozen=True, slots=True)
class Scene:
    """Arrays for the renderer (see layout) and the frames they were made from."""

    anatomy: Anatomy
    frames: tuple[Frame, ...]
    canal: Canal
    bodies: Array
    discs: Array
    roots: NDArray[np.float32]
    noise: NDArray[np.float32]
    back: Array
    index_at_z: NDArray[np.int64]
    build: Array


def build_scene(anatomy: Anatomy, rng: np.random.Generator) -> Scene:
    """Place, measure and pack. Pure: the same anatomy and generator give the same arrays."""
    frames = place_bodies(anatomy)
    canal = build_canal(anatomy, frames, rng)
    bodies = np.stack(
        [_body_row(b, f, k, rng) for k, (b, f) in enumerate(zip(anatomy.bodies, frames, strict=True))]
    )
    discs = np.stack([_disc_row(anatomy, frames, canal, j, bodies, rng) for j in range(L.N_DISCS)])
    canal.rows[:, L.C_FASCIA] = _fascia(anatomy, canal)
    return Scene(
        anatomy, tuple(frames), canal, bodies, discs,
        roots=_roots(canal.rows, rng),
        noise=noise_field(anatomy.noise_seed),
        back=_back_of_body(anatomy, canal),
        index_at_z=_index_at_z(canal.rows),
        build=_build(anatomy, frames, rng),
    )  # fmt: skip


def _body_row(body: Body, frame: Frame, k: int, rng: np.random.Generator) -> Array:
    row = np.zeros(L.V_COLS)
    row[L.V_POS : L.V_POS + 3], row[L.V_U : L.V_U + 9] = frame.origin, frame.axes.ravel()
    row[L.V_HALF_DEPTH], row[L.V_HALF_WIDTH] = body.depth / 2, body.width / 2
    row[L.V_HALF_FRONT], row[L.V_HALF_BACK] = body.front / 2, body.back / 2
    row[L.V_CONCAVE], row[L.V_WAIST], row[L.V_OSTEO] = (
        body.concavity,
        rng.uniform(0.06, 0.12),
        body.osteophyte,
    )
    row[L.V_CANAL_DEPTH], row[L.V_CANAL_HALF] = body.canal_depth, body.canal_width / 2
    top = body.back / 2 - rng.uniform(0.5, 1.5)
    row[L.V_PED_TOP] = top
    row[L.V_PED_LOW_L : L.V_PED_LOW_R + 1] = top - body.pedicle_height
    half = min(body.pedicle_width / 2, 6.0)
    row[L.V_PED_HALF_W], row[L.V_PED_U] = half, body.canal_width / 2 + half + 0.3
    row[L.V_SPINOUS_LEN], row[L.V_SPINOUS_HALF_H] = body.spinous_length, body.spinous_height / 2
    row[L.V_SPINOUS_W], row[L.V_SPINOUS_SLOPE] = -body.back * 0.36, rng.normal(-0.18, 0.06)
    row[L.V_FACET], row[L.V_SACRAL] = body.facet, float(k < L.N_SACRAL)
    row[L.V_SHIFT_SEED], row[L.V_TRANSVERSE] = rng.uniform(0, 64), rng.uniform(20, 32)
    return row


def foramen_top(anatomy: Anatomy, j: int, height: float) -> float:
    """Roof of the foramen above the middle of disc j, mm: under the upper pedicle, higher when `height` asks for it."""
    body, half = anatomy.bodies[j + 1], _half_height_behind(anatomy, j)
    roof = half + body.back - body.pedicle_height - 1.5
    return max(roof, height - half - 1.0)


def _half_height_behind(anatomy: Anatomy, j: int) -> float:
    disc, depth = anatomy.discs[j], anatomy.bodies[j + 1].depth
    return max(rim_height(anatomy, j) - float(np.radians(disc.wedge)) * depth / 2, 1.5) / 2


def _disc_row(anatomy: Anatomy, frames: list[Frame], canal: Canal, j: int, bodies: Array,
              rng: np.random.Generator) -> Array:  # fmt: skip
    disc, row = anatomy.discs[j], np.zeros(L.D_COLS)
    row[L.D_POS : L.D_POS + 3], axes = disc_back(anatomy, frames, j)
    row[L.D_U : L.D_U + 9] = axes.ravel()
    half = _half_height_behind(anatomy, j)
    row[L.D_BULGE], row[L.D_NUCLEUS] = disc.bulge, 1 - 0.6 * disc.degeneration
    row[L.D_CLEFT], row[L.D_HALF_POST] = rng.uniform(0.1, 0.8), half
    row[L.D_MODIC], row[L.D_FISSURE] = disc.modic, disc.fissure
    row[L.D_RUDIMENT] = float(j < L.DISC_L5_S1)
    off = FORAMEN_OFF_MIDLINE[max(j - L.DISC_L5_S1, 0)] * anatomy.habitus.scale
    wide = canal.rows[round(canal.disc_at[j] / L.CANAL_STEP), L.C_WIDE]  # the recess ends where the foramen begins
    row[L.D_FOR_OFF], row[L.D_FOR_OUT], row[L.D_ROOT_R] = off, off + 7, rng.uniform(1.9, 2.5)
    row[L.D_FOR_IN] = min(max(off - 5.5, wide + 0.3), off - 2)
    for side in (L.LEFT, L.RIGHT):
        height = foramen_height(anatomy, j, side)
        top = foramen_top(anatomy, j, height)
        row[L.D_FOR_TOP_L + side], row[L.D_FOR_H_L + side] = top, height
        row[L.D_FOR_W_L + side] = FORAMEN_WIDTH * min((height / 17.5) ** 0.75, 1.05)
        row[L.D_FOR_V_L + side] = wall_at(bodies[j + 1], off) + 0.9
        bodies[j + 1, L.V_PED_LOW_L + side] = top - half - bodies[j + 1, L.V_HALF_BACK]
    return row


def foramen_height(anatomy: Anatomy, j: int, side: int) -> float:
    """Height of the opening of one foramen, mm; 16 at the levels nobody grades."""
    level = level_of(j)
    if level is None:
        return 16.0 if j > L.DISC_L1_L2 else 9.0
    conditions = (Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Condition.RIGHT_NEURAL_FORAMINAL_NARROWING)
    return anatomy.parameters[conditions[side], level]


def wall_at(body: Array, u: float) -> float:
    """Where the posterior wall of a body lies at distance `u` from its middle, mm from the wall's middle (<= 0)."""
    share = min(u / body[L.V_HALF_WIDTH], 0.97)
    half = body[L.V_HALF_DEPTH]
    edge = (1 - share**2.5) ** 0.4 + 0.10 * min((share / 0.75) ** 2, 1.0)
    return float(half * (edge - 1))


def _fascia(anatomy: Anatomy, canal: Canal) -> Array:
    """y (from the canal's axis) of the back of the muscles: thinner over the sacrum."""
    q = canal.rows[:, L.C_Q]
    depth = anatomy.habitus.muscle_depth * anatomy.habitus.scale
    return depth * np.interp(q, [0, 2.5, 4, 5.5, 9, 14], [0.28, 0.45, 0.72, 1.0, 0.95, 0.8])


def _back_of_body(anatomy: Anatomy, canal: Canal) -> Array:
    """y of the skin of the back for z = -BACK_TABLE/2 .. +BACK_TABLE/2, 1 mm apart: the fascia smoothed, plus fat."""
    rows = canal.rows
    outer = rows[:, L.C_POS : L.C_POS + 3] + rows[:, L.C_FASCIA, None] * rows[:, L.C_Y : L.C_Y + 3]
    z = np.arange(BACK_TABLE) - BACK_TABLE / 2
    order = np.argsort(outer[:, 2])
    y = np.interp(z, outer[order, 2], outer[order, 1])
    smooth = gaussian_filter1d(y, 22, mode="nearest")
    over = gaussian_filter1d(np.maximum(y - smooth, 0), 12)
    lumbar = 0.55 + 0.45 / (1 + np.exp((z + 10) / 25))  # more fat towards the buttocks
    return smooth + over + 3 + anatomy.habitus.fat * lumbar


def _index_at_z(rows: Array) -> NDArray[np.int64]:
    """Nearest row of the canal for each mm of z, same table range as the back."""
    z = np.arange(BACK_TABLE) - BACK_TABLE / 2
    return np.array([np.abs(rows[:, L.C_POS + 2] - value).argmin() for value in z], dtype=np.int64)


def _build(anatomy: Anatomy, frames: list[Frame], rng: np.random.Generator) -> Array:
    """Loose numbers for the soft tissues: see kernel_soft for what each is."""
    h = anatomy.habitus
    s1 = frames[L.N_SACRAL - 1].origin
    metal = frames[L.N_SACRAL + int(rng.integers(0, 3))].at(0, 38, 0)
    return np.array([
        h.half_width, h.depth, h.fat, h.atrophy, h.scale, *s1, rng.uniform(0, 64), rng.uniform(-12, -4),
        float(anatomy.has_metal), *metal, rng.uniform(8, 22), rng.uniform(0.2, 0.8), rng.uniform(1.5, 2.5),
        anatomy.lumbar_count + L.N_SACRAL - 5, h.marrow_mottle, rng.uniform(0.35, 0.7), rng.uniform(6, 19),
    ])  # fmt: skip


def _roots(rows: Array, rng: np.random.Generator) -> NDArray[np.float32]:
    """Strands of the cauda equina: (rows, roots, 3) u, y in the sac in mm, radius; radius 0 where it has left."""
    q = rows[:, L.C_Q]
    roots = np.zeros((len(q), ROOTS, 3), dtype=np.float32)
    for i in range(ROOTS):
        side = 1 if i % 2 else -1
        leaves = L.N_SACRAL - 2 + (i // 2) * 0.98  # S2 .. L2, each pair at its own level
        across = side * (0.06 + 0.68 * rng.random())
        deep = 0.30 + 0.5 * rng.random() - 0.35 * abs(across)
        wave = 0.10 * np.sin(q * rng.uniform(2, 4) + rng.uniform(0, 6.3))
        near = np.clip(1 - (q - leaves) / 0.9, 0, 1)
        ru = (across + wave) * (1 - near) + side * 0.86 * near
        ry = (deep + 0.6 * wave) * (1 - near) - 0.15 * near
        a = np.where(ru > 0, rows[:, L.C_A_L], rows[:, L.C_A_R])
        k = np.where(ru > 0, rows[:, L.C_K_L], rows[:, L.C_K_R])
        roots[:, i, 0] = ru * a
        roots[:, i, 1] = ry * np.where(ry > 0, rows[:, L.C_BB], rows[:, L.C_BF]) - k * np.abs(ru) ** 3
        roots[:, i, 2] = np.where(q > leaves - 0.05, rng.uniform(0.55, 0.85), 0)
    return roots


@lru_cache(maxsize=4)
def noise_field(seed: int) -> NDArray[np.float32]:
    """Smooth, periodic, unit-variance noise of 64 voxels a side; the renderer scales it to whatever it needs."""
    rng = np.random.default_rng(seed)
    field = gaussian_filter(rng.standard_normal((64, 64, 64)), 1.2, mode="wrap")
    return np.ascontiguousarray(field / field.std(), dtype=np.float32)
