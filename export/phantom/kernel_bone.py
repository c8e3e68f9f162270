
"""Compiled: vertebral bodies, discs, foramina and the arch, each in its own rigid frame (mm)."""

from __future__ import annotations

import math

from export.phantom.jit import jit
from export.phantom.kernel_canal import noise3
from export.phantom.layout import (
    ANNULUS,
    BODY_0,
    CARTILAGE,
    CORTEX,
    D_BULGE,
    D_CLEFT,
    D_FISSURE,
    D_FOR_H_L,
    D_FOR_IN,
    D_FOR_OFF,
    D_FOR_OUT,
    D_FOR_TOP_L,
    D_FOR_V_L,
    D_FOR_W_L,
    D_HALF_POST,
    D_MODIC,
    D_NUCLEUS,
    D_POS,
    D_ROOT_R,
    D_U,
    DISC_0,
    EPIDURAL,
    FAT,
    FLUID,
    LIGAMENT,
    MODIC_0,
    ROOT,
    V_CONCAVE,
    V_HALF_BACK,
    V_HALF_DEPTH,
    V_HALF_FRONT,
    V_HALF_WIDTH,
    V_OSTEO,
    V_POS,
    V_SHIFT_SEED,
    V_U,
    V_WAIST,
)  # fmt: skip

NOTHING = (-1, 0, 0.0, 1.0)


@jit
def local(rows, k, pos, axes, x, y, z):
    """Patient mm to the own coordinates (u left, v back, w head) of row k."""
    dx, dy, dz = x - rows[k, pos], y - rows[k, pos + 1], z - rows[k, pos + 2]
    u = dx * rows[k, axes] + dy * rows[k, axes + 1] + dz * rows[k, axes + 2]
    v = dx * rows[k, axes + 3] + dy * rows[k, axes + 4] + dz * rows[k, axes + 5]
    w = dx * rows[k, axes + 6] + dy * rows[k, axes + 7] + dz * rows[k, axes + 8]
    return u, v, w


@jit
def outline(u, v, hw, hd):
    """Superellipse value of a body's outline, flattened behind: 1 on the rim. Exponent 2.5."""
    a = abs(u) / hw
    if v > 0:
        t = min(a / 0.75, 1.0)
        b = max(v - 0.10 * hd * t * t, 0.0) / hd
    else:
        b = -v / hd
    return a * a * math.sqrt(a) + b * b * math.sqrt(b)


@jit
def half_height(bodies, k, u, v):
    """Endplate's height above the middle of the body: wedged front to back, hollow in the middle."""
    hd, hw = bodies[k, V_HALF_DEPTH], bodies[k, V_HALF_WIDTH]
    lean = min(max(v / hd, -1.2), 1.2)
    front, back = bodies[k, V_HALF_FRONT], bodies[k, V_HALF_BACK]
    r2 = (u / hw) ** 2 + ((v - 0.15 * hd) / hd) ** 2
    return 0.5 * (front + back) - lean * 0.5 * (front - back) - bodies[k, V_CONCAVE] * max(0.0, 1 - r2)


@jit
def body(bodies, discs, nz, k, u, v, w):
    """Marrow, cortex or basivertebral vein of body k at its own (u, v, w)."""
    hd, hw = bodies[k, V_HALF_DEPTH], bodies[k, V_HALF_WIDTH]
    if abs(u) > hw * 1.2 + 3 or abs(v) > hd * 1.2 + 3:
        return NOTHING
    top = half_height(bodies, k, u, v)
    if abs(w) > top:
        return NOTHING
    near_end = top - abs(w)
    waist = 1 - bodies[k, V_WAIST] * (1 - (w / top) ** 2)
    lip = bodies[k, V_OSTEO] * math.exp(-near_end / 2.5) - 0.9 * math.exp(-near_end / 0.8)
    ripple = 0.5 * noise3(nz, u * 0.25 + bodies[k, V_SHIFT_SEED], v * 0.25, w * 0.25)
    grow = lip + (ripple if v < 0 else 0.3 * ripple)
    value = outline(u, v, (hw * waist + grow), (hd * (waist if v < 0 else 0.5 + 0.5 * waist) + grow))
    if value > 1:
        return NOTHING
    near_wall = (1 - value) * 0.4 * hd
    if near_end < 0.95 or near_wall < 0.7:
        return (CORTEX, BODY_0 + k, 0.15, 1.0)
    vein = v / hd - 0.2
    if vein > 0 and abs(w) < 0.6 + 2.2 * vein * vein + 0.5 * ripple and abs(u) < 2.0 + 6 * vein:
        return (EPIDURAL, FLUID if vein > 0.5 else BODY_0 + k, 0.4, 1.0)
    shift = bodies[k, V_SHIFT_SEED]
    j = k if w > 0 else k - 1
    if 0 <= j < discs.shape[0] and discs[j, D_MODIC] > 0:
        reach = 5.0 + 3.0 * noise3(nz, u * 0.15 + shift, v * 0.15, 3.0)
        share = min(max((reach - near_end) / 2.0, 0.0), 1.0)
        if share > 0:
            return (BODY_0 + k, MODIC_0 + j, share, 1.0)
    mottle = (
        noise3(nz, u * 0.95 + shift, v * 0.95, w * 0.6) * 0.10
        + noise3(nz, u * 0.20, v * 0.20 + shift, w * 0.20) * 0.03
    )
    return (BODY_0 + k, FAT, 0.0, 1.0 + mottle)


@jit
def disc(bodies, discs, nz, j, u0, v0, w0, u1, v1, w1):
    """Nucleus and annulus of the disc between body j (own coordinates 0) and body j + 1 (1)."""
    hd0, hw0 = bodies[j, V_HALF_DEPTH], bodies[j, V_HALF_WIDTH]
    if abs(u0) > hw0 + 8 or abs(v0) > hd0 + 9 or w0 < 0 or w1 > 0:
        return NOTHING
    low, high = w0 - half_height(bodies, j, u0, v0), -w1 - half_height(bodies, j + 1, u1, v1)
    if low < 0 or high < 0:
        return NOTHING
    t = low / max(low + high, 1e-6)
    u, v = (1 - t) * u0 + t * u1, (1 - t) * v0 + t * v1
    hd = (1 - t) * hd0 + t * bodies[j + 1, V_HALF_DEPTH]
    hw = (1 - t) * hw0 + t * bodies[j + 1, V_HALF_WIDTH]
    bulge = discs[j, D_BULGE] * 4 * t * (1 - t) - 0.4
    value = outline(u, v, hw + bulge, hd + bulge)
    if value > 1:
        return NOTHING
    size = discs[j, D_NUCLEUS]
    r2 = (u / (0.82 * hw)) ** 2 + ((v - 0.06 * hd) / (0.80 * hd)) ** 2
    wobble = 0.15 * noise3(nz, u * 0.3, v * 0.3 + j * 7, w0 * 0.6) + 0.12 * noise3(nz, u * 0.09, v * 0.09, j * 7.0)
    share = min(max((r2 + wobble - 0.45 * size) / 0.9, 0.0), 1.0)
    share *= 0.78 + 0.22 * value**4  # the inner annulus keeps some water
    if min(low, high) < 0.5:
        return (CARTILAGE, ANNULUS, 0.6, 1.0)
    cleft = abs(t - 0.5 + 0.05 * wobble) * 6
    if cleft < 1 and r2 < 0.9:
        share = max(share, discs[j, D_CLEFT] * (1 - cleft) * (1 - cleft))
    gain = 1.0 + 0.12 * noise3(nz, u * 0.7, v * 0.7, w0 * 1.1 + j * 5)
    if discs[j, D_FISSURE] > 0 and v > 0.7 * hd:
        spot = ((v - 0.88 * hd) / 1.6) ** 2 + (u / 4.5) ** 2 + ((t - 0.4) / 0.16) ** 2
        if spot < 1:
            return (FLUID, ANNULUS, 0.35 + 0.6 * spot, 1.0)
    return (DISC_0 + j, ANNULUS, share, gain)


@jit
def foramen(discs, nz, j, side, u, v, w):
    """Opening of a foramen at its disc's (u, v, w): fat round the exiting root. Drawn over bone: its height is true."""
    au = abs(u)
    if au < discs[j, D_FOR_IN] or au > discs[j, D_FOR_OUT] + 2:
        return NOTHING
    lateral = au - discs[j, D_FOR_OFF]
    if abs(lateral) > 1:  # exact where its height is measured, uneven to both sides
        wave = noise3(nz, u * 0.3, v * 0.3, w * 0.3 + j * 5)
        if lateral > 3 and au > discs[j, D_FOR_OUT] - 1 + 1.5 * wave:
            return NOTHING
        v += min(abs(lateral) - 1, 2.0) * (0.5 * wave - 0.12 * lateral)
    top, height, width = discs[j, D_FOR_TOP_L + side], discs[j, D_FOR_H_L + side], discs[j, D_FOR_W_L + side]
    if w > top or w < top - height:
        return NOTHING
    r = 0.5 * width
    middle = discs[j, D_FOR_V_L + side] + r
    rise = min(0.5 * height, 1.1 * r)
    head = top - rise
    dv, dw = (v - middle) / r, (w - head) / rise
    if dv * dv + dw * dw >= 1:
        drop = (head - w) / max(height - rise, 0.1)
        if w > head or abs(v - middle + 0.6 * drop) > r * (0.95 - 0.55 * drop) * math.sqrt(
            max(1 - drop**6, 0.0)
        ):
            return NOTHING
    rr = discs[j, D_ROOT_R]
    thin = 1 - 0.012 * lateral * lateral
    # the root runs down and back as it leaves, thickest in its ganglion
    a, b = thin * min(rr, 0.92 * r), thin * min(1.3 * rr, 0.88 * rise)
    dv, dw = (v - middle + 0.3 - 0.2 * lateral) / a, (w - head - 0.12 * rise + 0.9 * lateral) / b
    if dv * dv + dw * dw < 1:
        return (ROOT, LIGAMENT, 0.12, 1.0)
    vein = noise3(nz, u * 0.35, v * 0.6, w * 0.6 + j * 9)
    return (FAT, EPIDURAL, min(max(0.1 + 0.5 * (vein - 0.6), 0.05), 0.8), 1.0)


@jit
def beside_foramen(discs, nz, j, side, u, v, w):
    """What closes a narrowed foramen: disc and osteophyte from before and below, ligament and capsule from behind."""
    wave = noise3(nz, u * 0.25, v * 0.25, w * 0.25 + 7 * j)
    v, w, au = v + 1.5 * wave, w - 0.8 * wave, abs(u) + 0.8 * wave + 0.12 * max(v, 0.0)
    front, tight = discs[j, D_FOR_V_L + side], min(max((14.0 - discs[j, D_FOR_H_L + side]) / 5.0, 0.0), 1.0)
    if au < discs[j, D_FOR_IN] - 3 or au > discs[j, D_FOR_OUT] - 2.5 or v < front - 5 or v > front + 11.5:
        return NOTHING
    if w > discs[j, D_FOR_TOP_L + side] + 3.0 or w < -discs[j, D_HALF_POST] - 4.0:
        return NOTHING
    if v < front - 2 + tight * (2.5 + 0.5 * discs[j, D_FOR_W_L + side]) and w < discs[j, D_HALF_POST] + 2.0:
        return (ANNULUS, DISC_0 + j, 0.15, 1.0)
    loose = max(abs(u) - discs[j, D_FOR_OFF] - 1.0 + min(max(wave, -1.5), 0.7), 0.0) * 0.4
    if loose > 0.5:
        return NOTHING
    return (LIGAMENT, FAT, min(max(0.38 + loose - 0.35 * tight + 0.06 * wave, 0.0), 0.48), 1.0)


@jit
def disc_frame(discs, j, x, y, z):
    """Patient mm to the frame of the middle of disc j's posterior margin."""
    return local(discs, j, D_POS, D_U, x, y, z)


@jit
def body_frame(bodies, k, x, y, z):
    """Patient mm to the frame of body k."""
    return local(bodies, k, V_POS, V_U, x, y, z)
