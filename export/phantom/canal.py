"""The canal along the whole spine: a smooth axis through all levels and what its cross-section is at each half mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from appliance.core.spine import LEVELS, Condition, Level
from export.phantom import layout as L
from export.phantom.anatomy import Anatomy
from export.phantom.pose import Frame, between
from export.phantom.sac import BACK_EXPONENT, FRONT_EXPONENT, GAP, Section, section

Array = NDArray[np.float64]
HOLD, REACH = 2.5, 10.0  # mm along the axis: full narrowing within HOLD of the disc, gone beyond REACH


def level_of(disc: int) -> Level | None:
    """The graded level of disc `disc`, counted up from the sacrum; None above L1/L2 and inside the sacrum."""
    number = disc - L.DISC_L5_S1
    return LEVELS[len(LEVELS) - 1 - number] if 0 <= number < len(LEVELS) else None


def disc_of(level: Level) -> int:
    """Index of a level's disc in the chain."""
    return L.DISC_L5_S1 + level.above_sacrum


@dataclass(frozen=True, slots=True)
class Canal:
    """The canal's rows (see layout) and where along the axis each disc sits."""

    rows: Array
    disc_at: tuple[float, ...]
    sections: tuple[Section, ...]


def disc_back(anatomy: Anatomy, frames: list[Frame], j: int) -> tuple[Array, Array]:
    """Middle of the posterior margin of disc j in mm, and the disc's axes."""
    below, above = anatomy.bodies[j], anatomy.bodies[j + 1]
    low = frames[j].at(0, below.depth / 2, below.back / 2)
    high = frames[j + 1].at(0, above.depth / 2, -above.back / 2)
    return (low + high) / 2, between(frames[j], frames[j + 1])


def build_canal(anatomy: Anatomy, frames: list[Frame], rng: np.random.Generator) -> Canal:
    """Axis through points 7.5 mm behind every body and disc; cross-sections blended between discs and bodies."""
    s, axis, disc_at, body_at = _axis(anatomy, frames)
    rows = np.zeros((len(s), L.C_COLS))
    rows[:, L.C_POS : L.C_POS + 3] = axis
    _frames_along(rows)
    rows[:, L.C_Q] = np.interp(s, body_at, np.arange(L.N_BODIES))
    rows[:, L.C_J] = np.abs(s[:, None] - np.array(disc_at)[None]).argmin(axis=1)
    sections = tuple(_level_section(anatomy, j, rng) for j in range(L.N_DISCS))
    weight = _weights(s, np.array(disc_at))
    _blend(rows, weight, _free_columns(anatomy, rows, sections), sections, rng)
    _cord(anatomy, rows)
    return Canal(rows, tuple(disc_at), sections)


def _axis(anatomy: Anatomy, frames: list[Frame]) -> tuple[Array, Array, list[float], list[float]]:
    points = []
    for k, body in enumerate(anatomy.bodies):
        points.append(frames[k].at(0, body.depth / 2 + L.WALL_TO_AXIS, 0))
        if k < L.N_DISCS:
            middle, axes = disc_back(anatomy, frames, k)
            points.append(middle + L.WALL_TO_AXIS * axes[1])
    knots = np.array(points)
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    fine = CubicSpline(lengths, knots)(np.arange(0, lengths[-1], 0.05))
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    s = np.arange(0, along[-1], L.CANAL_STEP)
    axis = np.stack([np.interp(s, along, fine[:, c]) for c in range(3)], axis=1)
    at = [float(s[np.linalg.norm(axis - p, axis=1).argmin()]) for p in knots]
    return s, axis, at[1::2], at[0::2]


def _frames_along(rows: Array) -> None:
    tangent = np.gradient(rows[:, L.C_POS : L.C_POS + 3], axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    u = np.array([1.0, 0, 0]) - tangent[:, :1] * tangent
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    rows[:, L.C_U : L.C_U + 3], rows[:, L.C_T : L.C_T + 3] = u, tangent
    rows[:, L.C_Y : L.C_Y + 3] = np.cross(tangent, u)


def _level_section(anatomy: Anatomy, j: int, rng: np.random.Generator) -> Section:
    level, width = level_of(j), min(18.0, anatomy.bodies[j + 1].canal_width - 4.5)
    share = rng.uniform(0.36, 0.48)
    if level is None:
        area = anatomy.sac_area * (0.42 if j < L.DISC_L5_S1 else 0.95)
        return section(area, 6.0, 6.0, width * (0.7 if j < L.DISC_L5_S1 else 1), share, 2.0)
    area = anatomy.parameters[Condition.SPINAL_CANAL_STENOSIS, level]
    left = anatomy.parameters[Condition.LEFT_SUBARTICULAR_STENOSIS, level]
    right = anatomy.parameters[Condition.RIGHT_SUBARTICULAR_STENOSIS, level]
    fat = rng.uniform(2.0, 4.2) * float(np.clip((area - 50) / 70, 0.1, 1.0))
    narrow = 0.88 if level is Level.L5_S1 else 1.0
    return section(area, left, right, width * narrow, share, fat)


def _weights(s: Array, disc_at: Array) -> Array:
    """How much each disc's section rules at each place: (places, discs)."""
    distance = np.abs(s[:, None] - disc_at[None])
    ramp = np.clip((distance - HOLD) / (REACH - HOLD), 0, 1)
    weight = 0.5 * (1 + np.cos(np.pi * ramp))
    return weight / np.maximum(weight.sum(axis=1, keepdims=True), 1)


def _free_columns(anatomy: Anatomy, rows: Array, sections: tuple[Section, ...]) -> dict[int, Array]:
    """Columns of the roomy canal between the discs."""
    q = rows[:, L.C_Q]
    areas = []
    for k in range(L.N_BODIES):
        near = [sections[j].area for j in (k - 1, k) if L.DISC_L5_S1 <= j < L.N_DISCS]
        base = anatomy.sac_area * (1.0, 0.85, 0.92)[1 if k == L.N_SACRAL else 2 if k == L.N_SACRAL + 1 else 0]
        areas.append(max([base] + [0.85 * a for a in near]) if k >= L.N_SACRAL else anatomy.sac_area * 0.6)
    area = PchipInterpolator(np.arange(L.N_BODIES), areas)(q)
    end = float(np.clip(2.7 + 0.4 * np.sin(anatomy.noise_seed), 2.3, 3.1))  # the sac ends at S2
    shrink = np.clip((q - end) / (L.N_SACRAL - 0.3 - end), 0.02, 1) ** 0.6
    sections_free = [
        section(a * t, 7.0, 7.0, 17.5 * t**0.4, 0.45, 0.8) for a, t in zip(area, shrink, strict=True)
    ]
    columns = _columns(sections_free)
    _between_pedicles(anatomy, q, columns)
    columns[L.C_SAC] = (q > end).astype(float)
    columns[L.C_LF] = np.full(len(q), 0.5)
    columns[L.C_CROWD] = np.zeros(len(q))
    return columns


def _between_pedicles(anatomy: Anatomy, q: Array, columns: dict[int, Array]) -> None:
    """Keep the free canal within the bone: recess and edge stop at the pedicles."""
    half = np.interp(q, np.arange(L.N_BODIES), [body.canal_width / 2 for body in anatomy.bodies])
    columns[L.C_WIDE] = np.minimum(columns[L.C_WIDE], half - 0.2)
    for at in (L.C_UR_L, L.C_UR_R):
        columns[at] = np.minimum(columns[at], half - 1.2)


def _columns(sections: list[Section]) -> dict[int, Array]:
    fields = {
        L.C_A_L: "left", L.C_A_R: "right", L.C_BF: "front", L.C_BB: "back", L.C_K_L: "bend_left",
        L.C_K_R: "bend_right", L.C_B0: "back_wall", L.C_UR_L: "at_left", L.C_UR_R: "at_right",
    }  # fmt: skip
    columns = {c: np.array([getattr(x, name) for x in sections]) for c, name in fields.items()}
    columns[L.C_BR_L] = np.array([x.front_wall + x.recess_left for x in sections])
    columns[L.C_BR_R] = np.array([x.front_wall + x.recess_right for x in sections])
    columns[L.C_WIDE] = np.array([max(x.at_left, x.at_right) + 2.6 for x in sections])
    return columns


def _blend(rows: Array, weight: Array, free: dict[int, Array], sections: tuple[Section, ...],
           rng: np.random.Generator) -> None:  # fmt: skip
    at_disc = _columns(list(sections))
    at_disc[L.C_LF] = np.array([rng.uniform(2.5, 4) for _ in sections])
    at_disc[L.C_CROWD] = np.array([np.clip((112 - x.area) / 60, 0, 1) for x in sections])
    total = weight.sum(axis=1)
    for column, values in free.items():
        rows[:, column] = values if column not in at_disc else (1 - total) * values + weight @ at_disc[column]
    below = rows[:, L.C_Q] < L.N_SACRAL - 1.2  # inside the sacrum there are no discs to narrow anything
    for column, values in free.items():
        rows[below, column] = values[below]
    rows[:, L.C_NF], rows[:, L.C_NB], rows[:, L.C_GAP] = FRONT_EXPONENT, BACK_EXPONENT, GAP
    rows[:, L.C_DISC] = np.where(below, 0, total)


def _cord(anatomy: Anatomy, rows: Array) -> None:
    """The cord above the conus: 9 x 7 mm, tapering over the last 30 mm (about one vertebra) [G]."""
    taper = np.clip((rows[:, L.C_Q] - anatomy.conus) / 1.1, 0, 1) ** 0.6
    rows[:, L.C_CORD_A], rows[:, L.C_CORD_B] = 4.6 * taper, 3.5 * taper
