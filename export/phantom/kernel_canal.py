# ruff: noqa: RUF046 -- a kernel is one long decision; numba rounds to a float
"""Compiled: where a point lies along the canal, and what fills the canal there. Priority one: nothing is drawn over it,
so the sac has the area and the recesses have the depth that the truth states."""

from __future__ import annotations

from export.phantom.jit import jit
from export.phantom.layout import (
    C_A_L,
    C_A_R,
    C_B0,
    C_BB,
    C_BF,
    C_BR_L,
    C_BR_R,
    C_CORD_A,
    C_CORD_B,
    C_CROWD,
    C_DISC,
    C_GAP,
    C_K_L,
    C_K_R,
    C_NB,
    C_NF,
    C_POS,
    C_SAC,
    C_T,
    C_U,
    C_UR_L,
    C_UR_R,
    C_WIDE,
    C_Y,
    CANAL_STEP,
    CORD,
    CSF,
    EPIDURAL,
    FAT,
    LIGAMENT,
    ROOT,
)  # fmt: skip

NOTHING = (-1, 0, 0.0, 1.0)


@jit
def noise3(nz, x, y, z):
    """Trilinear look-up in the periodic noise, coordinates in voxels."""
    xf, yf, zf = x // 1.0, y // 1.0, z // 1.0
    fx, fy, fz = x - xf, y - yf, z - zf
    i, j, k = int(xf) & 63, int(yf) & 63, int(zf) & 63
    i1, j1, k1 = (i + 1) & 63, (j + 1) & 63, (k + 1) & 63
    a = (nz[i, j, k] * (1 - fz) + nz[i, j, k1] * fz) * (1 - fy) + (
        nz[i, j1, k] * (1 - fz) + nz[i, j1, k1] * fz
    ) * fy
    b = (nz[i1, j, k] * (1 - fz) + nz[i1, j, k1] * fz) * (1 - fy) + (
        nz[i1, j1, k] * (1 - fz) + nz[i1, j1, k1] * fz
    ) * fy
    return a * (1 - fx) + b * fx


@jit
def locate(x, y, z, canal, index_at_z):
    """(row, u, y) of a patient point in canal coordinates: foot of the perpendicular by a few damped steps."""
    n = canal.shape[0]
    zi = min(max(int(z + index_at_z.shape[0] * 0.5), 0), index_at_z.shape[0] - 1)
    i = index_at_z[zi]
    for _ in range(6):
        dx, dy, dz = x - canal[i, C_POS], y - canal[i, C_POS + 1], z - canal[i, C_POS + 2]
        along = dx * canal[i, C_T] + dy * canal[i, C_T + 1] + dz * canal[i, C_T + 2]
        step = int(round(0.75 * along / CANAL_STEP))
        if step == 0:
            break
        i = min(max(i + step, 0), n - 1)
    dx, dy, dz = x - canal[i, C_POS], y - canal[i, C_POS + 1], z - canal[i, C_POS + 2]
    u = dx * canal[i, C_U] + dy * canal[i, C_U + 1] + dz * canal[i, C_U + 2]
    v = dx * canal[i, C_Y] + dy * canal[i, C_Y + 1] + dz * canal[i, C_Y + 2]
    return i, u, v


@jit
def back_wall(canal, i, u):
    """y of the back boundary of the canal's contents at lateral position u: a V from the midline to the recess."""
    left = u > 0
    at = canal[i, C_UR_L] if left else canal[i, C_UR_R]
    end = canal[i, C_BR_L] if left else canal[i, C_BR_R]
    share = abs(u) / at
    if share < 1:
        return canal[i, C_B0] + (end - canal[i, C_B0]) * share
    front = -canal[i, C_BF] - canal[i, C_GAP]
    over = min((abs(u) - at) / (canal[i, C_WIDE] - at + 0.01), 1.0)
    return front + (end - front) * (1 - 0.6 * over * over)


@jit
def in_sac(canal, i, u, y):
    """Superellipse value: below 1 inside the dural sac."""
    a = canal[i, C_A_L] if u > 0 else canal[i, C_A_R]
    au = abs(u)
    if au >= a or canal[i, C_SAC] < 0.5:
        return 2.0
    y2 = y + (canal[i, C_K_L] if u > 0 else canal[i, C_K_R]) * (au / a) ** 3
    if y2 < 0:
        b, n = canal[i, C_BF], canal[i, C_NF]
    else:
        b, n = canal[i, C_BB], canal[i, C_NB]
    if abs(y2) >= b:
        return 2.0
    return (au / a) ** n + (abs(y2) / b) ** n


@jit
def canal_contents(canal, roots, nz, i, u, y):
    """Tissue in the sac, the recesses and the epidural space; NOTHING outside the canal."""
    farthest = max(canal[i, C_B0], canal[i, C_BR_L], canal[i, C_BR_R])
    if abs(u) > canal[i, C_WIDE] or y > farthest or y < -canal[i, C_BF] - canal[i, C_GAP]:
        return NOTHING
    inside = in_sac(canal, i, u, y)
    if inside < 1:
        return _sac(canal, roots, nz, i, u, y, inside)
    back = back_wall(canal, i, u)
    if y > back:
        return NOTHING
    front = -canal[i, C_BF] - canal[i, C_GAP]
    if y < front + 0.45 and abs(u) < 6:
        return (LIGAMENT, CSF, 0.0, 1.0)  # posterior longitudinal ligament
    left = u > 0
    at = canal[i, C_UR_L] if left else canal[i, C_UR_R]
    depth = (canal[i, C_BR_L] if left else canal[i, C_BR_R]) - front
    over = max((abs(u) - at) / (canal[i, C_WIDE] - at + 0.01), 0.0)
    if y < front + 0.4 * depth * over * over:
        return NOTHING
    ru, ry, radius = abs(u) - at, y - front - 0.5 * depth, min(1.7, 0.42 * depth)
    if ru * ru + ry * ry < radius * radius:
        return (ROOT, ROOT, 0.0, 1.0)
    vein = 0.35 * max(0.0, noise3(nz, u * 0.7, y * 0.7, i * 0.12))
    return (FAT, EPIDURAL, min(vein + 0.15, 0.9), 1.0)


@jit
def _sac(canal, roots, nz, i, u, y, inside):
    ca, cb = canal[i, C_CORD_A], canal[i, C_CORD_B]
    if ca > 0.3 and (u / ca) ** 2 + ((y - 0.4) / cb) ** 2 < 1:
        return (CORD, ROOT, 0.0, 1.0)
    for r in range(roots.shape[1]):
        radius = roots[i, r, 2]
        if radius > 0:
            du, dy = u - roots[i, r, 0], y - roots[i, r, 1]
            if du * du + dy * dy < radius * radius:
                return (ROOT, CSF, 0.1, 1.0)
    crowd = canal[i, C_CROWD]
    mix = crowd * (0.45 + 0.25 * noise3(nz, u * 0.9, y * 0.9, i * 0.05))
    return (CSF, ROOT, min(max(mix, 0.0), 0.9), 1.0 - 0.25 * crowd * canal[i, C_DISC])
