
"""Compiled: pedicles, laminae, facets, spinous and transverse processes, sacral wings. Own frame of each body, mm."""

from __future__ import annotations

import math

from export.phantom.jit import jit
from export.phantom.layout import (
    LEFT,
    RIGHT,
    V_CANAL_DEPTH,
    V_FACET,
    V_HALF_BACK,
    V_HALF_DEPTH,
    V_HALF_WIDTH,
    V_PED_HALF_W,
    V_PED_LOW_L,
    V_PED_TOP,
    V_PED_U,
    V_SPINOUS_HALF_H,
    V_SPINOUS_LEN,
    V_SPINOUS_SLOPE,
    V_SPINOUS_W,
    V_TRANSVERSE,
)  # fmt: skip

FAR = 99.0
JOINT = 1.3  # mm of cartilage and fluid between two facets
FORAMEN_BACK = 8.0  # mm behind the disc: no process reaches into the foramen


@jit
def capsule(u, p, w, au, ap, aw, bu, bp, bw, radius):
    """Signed distance to a capsule from a to b."""
    du, dp, dw = bu - au, bp - ap, bw - aw
    t = ((u - au) * du + (p - ap) * dp + (w - aw) * dw) / (du * du + dp * dp + dw * dw)
    t = min(max(t, 0.0), 1.0)
    x, y, z = u - au - t * du, p - ap - t * dp, w - aw - t * dw
    return math.sqrt(x * x + y * y + z * z) - radius


@jit
def box(x, y, z, hx, hy, hz, rounding):
    """Signed distance to a rounded box."""
    qx, qy, qz = abs(x) - hx + rounding, abs(y) - hy + rounding, abs(z) - hz + rounding
    ox, oy, oz = max(qx, 0.0), max(qy, 0.0), max(qz, 0.0)
    return math.sqrt(ox * ox + oy * oy + oz * oz) + min(max(qx, qy, qz), 0.0) - rounding


@jit
def facets(bodies, j, u, p, w):
    """Signed distances (mm) to the inferior process of body j + 1 and the superior process of body j, in disc j's frame.

    In axial section the inferior one is a lump, the superior one the crescent that clasps it from before and outside.
    """
    ped_u = 0.5 * (bodies[j, V_PED_U] + bodies[j + 1, V_PED_U])
    size = 0.5 * (bodies[j, V_FACET] + bodies[j + 1, V_FACET])
    a, b = abs(u) - ped_u + 3.5, p - 0.5 * (bodies[j, V_CANAL_DEPTH] + bodies[j + 1, V_CANAL_DEPTH]) - 1.5
    if abs(a) > 24 or abs(b) > 24 or abs(w) > 24:
        return FAR, FAR
    t = min(max((4.5 * b - 3.5 * a) / 32.5, 0.0), 1.0)
    across = math.sqrt((a + 3.5 * t) ** 2 + (b - 4.5 * t) ** 2)
    radius = 4.4 * size + 0.03 * w
    over = max(-9 - w, w - 12, 0.0)
    inferior = math.sqrt(across * across + over * over) - radius
    outward, along = 0.80 * a - 0.60 * b, 0.60 * a + 0.80 * b
    thick = size * max(7.4 - 0.06 * (along - 1) ** 2, 1.5) - 0.3 * max(w - 2, 0.0)
    shell = abs(across - radius - JOINT - 0.5 * thick) - 0.5 * thick
    superior = max(shell, -outward - 1.2, FORAMEN_BACK - p, w - 9, -13 - w, abs(along - 1) - 7.5)
    return inferior, superior


@jit
def arch(bodies, k, u, v, w):
    """Signed distance to the rest of the arch of body k (pedicle, lamina, spinous and transverse process)."""
    p, au = v - bodies[k, V_HALF_DEPTH], abs(u)
    side = LEFT if u > 0 else RIGHT
    half, deep = bodies[k, V_HALF_BACK], bodies[k, V_CANAL_DEPTH]
    top, low, ped_u, ped_hw = (
        bodies[k, V_PED_TOP],
        bodies[k, V_PED_LOW_L + side],
        bodies[k, V_PED_U],
        bodies[k, V_PED_HALF_W],
    )
    best = FAR
    if p > 52 or (au > 30 and p > 24):
        return FAR
    if -9 < p < 18 and au < 32:
        middle, hh = 0.5 * (top + low), 0.5 * (top - low)
        du, dw = (au - ped_u) / ped_hw, (w - middle) / hh
        best = max((math.sqrt(du * du + dw * dw) - 1) * min(ped_hw, hh), p - 11)
        best = min(best, capsule(au, p, w, ped_u - 0.5, 8.5, middle + 2, ped_u - 0.5, 10.5, half, 4.2))
    if au < ped_u + 6 and p > 3:
        middle = 0.5 * (top + low)
        best = min(best, capsule(au, p, w, ped_u, 9.0, middle, ped_u - 4.5, deep + 4.5, -half + 2, 4.3))
    if au > ped_u and p > 0:
        middle = 0.5 * (top + low)
        best = min(
            best,
            capsule(au, p, w, ped_u + 2, 8.0, middle, ped_u + bodies[k, V_TRANSVERSE], 14.0, middle + 2, 3.6),
        )
    if p > deep - 6 and au < 20:
        lamina_p = deep + 7.5 - 0.5 * au
        tall = bodies[k, V_SPINOUS_HALF_H] * 0.85
        lamina = box(0.0, p - lamina_p, w - bodies[k, V_SPINOUS_W] + 0.5 - 0.15 * au, 1.0, 3.4, tall, 2.4)
        best = min(best, max(lamina, au - ped_u + 3))
        length = bodies[k, V_SPINOUS_LEN]
        along = p - deep - 4
        slant = bodies[k, V_SPINOUS_W] + bodies[k, V_SPINOUS_SLOPE] * along
        grow = 0.62 + 0.22 * min(max(along / length, 0.0), 1.0) + 0.10 * math.sin(2 + 7.0 * along / length)
        thick = 2.6 + 1.6 * max(along / length - 0.6, 0.0) * 2
        best = min(best, box(u, along - 0.5 * length, w - slant, thick, 0.5 * length + 1.5,
                             bodies[k, V_SPINOUS_HALF_H] * grow, 2.4))  # fmt: skip
    return best


@jit
def sacral_arch(bodies, k, u, v, w):
    """Signed distance to the wings and the crest of sacral body k."""
    p, au = v - bodies[k, V_HALF_DEPTH], abs(u)
    hw, half, deep = bodies[k, V_HALF_WIDTH], bodies[k, V_HALF_BACK], bodies[k, V_CANAL_DEPTH]
    wide = hw * 2.05
    oblique = au + 0.5 * max(p + 1.2 * bodies[k, V_HALF_DEPTH], 0.0)  # the joint with the ilium runs back and inwards
    wing = box(oblique - 0.5 * wide - 0.3 * hw, p + 0.55 * bodies[k, V_HALF_DEPTH] - 0.25 * (au - hw), w + 0.5,
               0.5 * wide, 0.62 * bodies[k, V_HALF_DEPTH] + 3, half + 1.0, 6.0)  # fmt: skip
    plate = box(au, p - deep - 0.5 + 0.25 * au, w, 0.95 * hw, 2.6, half + 1.0, 2.0)
    crest = box(u, p - deep - 5.0, w + 2, 2.5, 5.5, half * 0.7, 2.0)
    mass = box(au - 0.5 * deep - 14.5, p - 0.5 * deep + 1, w + 0.5, 0.5 * deep + 0.5, 0.5 * deep + 3, half + 1.5, 2.0)
    # the foramen of the next root, between two wings
    hole = math.sqrt((au - 0.62 * hw - 7) ** 2 + (w + half) ** 2) - 4.2
    return max(min(wing, plate, crest, mass), -hole if p > -bodies[k, V_HALF_DEPTH] * 1.8 else -FAR)
