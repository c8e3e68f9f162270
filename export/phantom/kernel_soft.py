# ruff: noqa: PLR0913, PLR0917 -- a kernel is one long decision, and its arrays come one by one
"""Compiled: everything round the spine: muscles, fat, skin, vessels, kidneys, bowel, ilium. Looks, not measures."""

from __future__ import annotations

import math

from export.phantom.jit import jit
from export.phantom.kernel_canal import noise3
from export.phantom.layout import (
    AIR,
    BOWEL,
    BOWEL_WALL,
    C_FASCIA,
    C_Q,
    CORTEX,
    EPIDURAL,
    FAT,
    KIDNEY,
    LIGAMENT,
    LIVER,
    MARROW,
    MUSCLE,
    SKIN,
    VESSEL,
)  # fmt: skip

# Columns of Scene.build
HALF_WIDTH, DEPTH, FAT_MM, ATROPHY, SCALE, S1, SEED, FRONT = 0, 1, 2, 3, 4, 5, 8, 9
BOWEL_SHARE, AORTA = 15, 20
NOTHING = (-1, 0, 0.0, 1.0)


@jit
def surface(build, back, x, y, z):
    """mm under the skin (negative outside), measured roughly: straight in from the back, along the radius elsewhere."""
    zi = min(max(int(z + 0.5 * back.shape[0]), 0), back.shape[0] - 2)
    fz = z + 0.5 * back.shape[0] - zi
    skin = back[zi] * (1 - fz) + back[zi + 1] * fz
    half = 0.5 * build[DEPTH]
    a, b = abs(x) / build[HALF_WIDTH], abs(y - skin + half) / half
    r = a * a * math.sqrt(a) + b * b * math.sqrt(b)
    furrow = 5.0 / (1 + (x / 12.0) ** 2)
    return min((1 - r) * 0.4 * half, skin - furrow - y)


@jit
def line(value, half):
    """1 on the zero set of a noise, falling to 0 at |value| = half: a thread or a sheet."""
    return max(1 - abs(value) / half, 0.0)


@jit
def subcutaneous(nz, x, y, z):
    """Fat crossed by faint septa that run along the skin."""
    slow = noise3(nz, x * 0.05, y * 0.06, z * 0.05)
    septum = line(noise3(nz, x * 0.06 + 0.3 * slow, y * 0.30, z * 0.09), 0.09) * max(0.0, slow + 0.3)
    fine = noise3(nz, x * 0.45, y * 0.8, z * 0.4)
    return (FAT, SKIN, min(max(0.28 * septum + 0.05 * fine, 0.0), 0.6), 1.0 + 0.05 * slow + 0.03 * fine)


@jit
def muscle(nz, u, y, s, fat, grain):
    """Muscle in bundles: thin sheets of fat round them, more of them with `fat` 0..1; `grain` shifts the pattern."""
    slow = noise3(nz, u * 0.10 + grain, y * 0.10, s * 0.02)
    sheet = line(noise3(nz, u * 0.20 + 0.6 * slow, y * 0.20 + grain, s * 0.025), 0.16 + 0.2 * fat)
    fine = noise3(nz, u * 0.75, y * 0.75 + grain, s * 0.07)
    share = sheet * min(max(0.06 + 0.40 * slow + 0.25 * fine + 1.2 * fat, 0.0), 0.8) + 0.05 * fine
    return (MUSCLE, FAT, min(max(share, 0.0), 0.85), 1.0 + 0.09 * fine + 0.05 * slow)


@jit
def feathered(nz, u, y, s, fat, grain):
    """Muscle of the back: threads and feathers of fat that fan out from the facets, long along the fibres."""
    au, dy = abs(u) + 6.0, y + 12.0
    side = 31.0 if u > 0 else 0.0
    slow = noise3(nz, u * 0.07 + side, y * 0.07 + grain, s * 0.03)
    fine = noise3(nz, u * 0.6 + side, y * 0.6 + grain, s * 0.07)
    angle, r = math.atan2(au, dy) + 0.07 * slow + 0.012 * fine, math.sqrt(au * au + dy * dy)
    ray = noise3(nz, angle * 17.0 + side + grain, r * 0.10, s * 0.04)
    twig = noise3(nz, angle * 42.0 + side, r * 0.13 + grain, s * 0.06)
    branch = line(ray, 0.17 + 0.5 * fat) * min(max(0.18 + 0.45 * slow + 1.8 * fat + 0.2 * twig, 0.0), 0.95)
    thread = line(twig, 0.45 + 0.6 * fat) * min(max(0.05 + 0.35 * ray + 1.4 * fat - 0.2 * slow, 0.0), 0.9)
    clump = 0.55 * ray + 0.5 * fine + 0.25 * slow + 0.2 * twig - 1.55 + 2.3 * fat
    share = max(branch, thread, clump) + 0.04 * fine
    return (MUSCLE, FAT, min(max(share, 0.0), 0.9), 1.0 + 0.09 * fine + 0.06 * slow)


@jit
def behind(canal, build, nz, i, u, y):
    """Muscles of the back in canal coordinates: multifidus, longissimus and iliocostalis in their fascia."""
    q, au, s = canal[i, C_Q], abs(u), i * 0.5
    fascia = canal[i, C_FASCIA] * (1.04 - 0.14 / (1 + (au / 7) ** 2))  # a groove between the two bellies
    wide = (70 if q > 4 else 52) * build[SCALE]
    if y < -11 or au > wide or y > fascia + 2:
        return NOTHING
    middle = max(1 - ((au - 44) / 30) ** 2, 0.0)
    deep_y = (y - 7) / (fascia - 7) if y > 7 else (7 - y) / (8 + 9 * middle)
    e = (au / wide) ** 2.3 + deep_y**2.3
    if e > 1:
        return NOTHING
    low = min(max((8.5 - q) / 5, 0.0), 1.0)
    bend = noise3(nz, 1.0 + 20 * (u > 0), y * 0.10, s * 0.05)
    thin = noise3(nz, u * 0.22, y * 0.22, s * 0.08)
    if e > 0.955 + 0.02 * thin and y > 4:
        return (LIGAMENT, FAT, min(max(0.35 + 0.25 * thin, 0.0), 1.0), 1.0)
    if au < 1.3 + 0.8 * thin and y > 20:
        return (LIGAMENT, FAT, 0.5, 1.0)
    medial = 19 + 4 * low + (0.34 + 0.05 * bend) * y + 2.5 * bend
    lateral = 37 + 5 * low + 0.30 * y - 3.5 * bend
    old, deep = build[ATROPHY], min(max(1 - (y - 8) / 25, 0.0), 1.0)
    fine = noise3(nz, u * 0.6, y * 0.6, s * 0.12)
    thin += 0.5 * fine
    cleft = (0.35 + (0.4 + 1.6 * low * old) * (0.35 + deep)) * (0.8 + 1.2 * thin)
    gap = min(abs(au - medial) - cleft, abs(au - lateral) - (0.25 + 0.5 * old * low) * (0.7 + 1.5 * thin))
    filled = min(max(0.45 - 0.8 * gap, 0.0), 0.9) if y < fascia - 3 else 0.0
    if filled > 0.4:
        return (MUSCLE, FAT, filled, 1.0 + 0.06 * fine)
    fat = 0.03 + old * ((0.16 + 0.3 * low) * (0.2 + 0.8 * deep) if au < medial else 0.10 + 0.10 * low)
    # more of it round the laminae and the spinous processes, and outside the facets
    fat += (0.30 + 0.15 * low) * max(0.0, 1 - max(au - 7, 0.7 * y - 10, 0.0) / 8)
    fat += (0.40 + 0.15 * low) * max(0.0, 1 - (max(abs(au - medial) - 2, 0.0) + max(y - 4, 0.0)) / 11)
    found = feathered(nz, u, y, s, fat, build[SEED])
    return (MUSCLE, FAT, max(found[2], filled), found[3])


@jit
def beside(canal, build, nz, i, u, y):
    """Psoas, quadratus, great vessels, kidneys in canal coordinates."""
    q, au, scale = canal[i, C_Q], abs(u), build[SCALE]
    s = i * 0.5
    t = min(max((9.6 - q) / 5.0, 0.0), 1.0)
    if 3.6 < q < 9.6:
        cu, cv = (28 + 13 * t) * scale, (-22 - 7 * t) * scale
        du, dv = (au - cu) / ((5 + 15 * t) * scale), (y - cv) / ((7 + 18 * t) * scale)
        e = du * du + dv * dv
        if e < 1:
            return muscle(nz, u, y, s, 0.05 + 0.12 * build[ATROPHY], build[SEED] + 11)
    if 5.3 < q < 10:
        du, dv = (au - 60 * scale) / (17 * scale), (y + 14 - 0.12 * (au - 60)) / (7 * scale)
        if du * du + dv * dv < 1:
            return muscle(nz, u, y, s, 0.05, build[SEED] + 23)
    if 6.9 < q < 10.5:
        du, dv, dq = (au - 66 * scale) / 27, (y + 30) / 26, (q - 8.6) / 1.7
        e = du * du + dv * dv + dq * dq
        if e < 1:
            rough = noise3(nz, u * 0.16, y * 0.16, s * 0.12)
            sinus = e + 0.012 * (66 * scale - au) < 0.16 + 0.16 * rough
            return (
                (FAT, VESSEL, 0.2, 1.0)
                if sinus
                else (KIDNEY, MUSCLE, min(max(0.2 + 0.15 * rough, 0.0), 1.0), 1.0 + 0.06 * rough)
            )
    front = (-7.5 - 35.5 + build[FRONT]) * scale
    if q > 6.1:
        if (u - build[AORTA]) ** 2 + (y - front) ** 2 < 68:
            return (VESSEL, MUSCLE, 0.0, 1.0)
        if ((u + 15) / 11) ** 2 + ((y - front - 1) / 7.5) ** 2 < 1:
            return (VESSEL, MUSCLE, 0.15, 1.0)
    elif q > 3:
        spread = (6.1 - q) * 14
        middle = build[AORTA] * max(1 - spread / 20, 0.0)
        if (abs(u - middle) - spread) ** 2 + (y - front - (6.1 - q) * 3) ** 2 < 40:
            return (VESSEL, MUSCLE, 0.05, 1.0)
        if (abs(u + 8) - spread - 4) ** 2 + (y - front - 7 - (6.1 - q) * 3) ** 2 < 46:
            return (VESSEL, MUSCLE, 0.2, 1.0)
    return NOTHING


@jit
def ilium(build, nz, x, y, z):
    """Wings of the pelvis and the muscles on them, placed from the centre of S1."""
    du, dy, dz = abs(x - build[S1]), y - build[S1 + 1], z - build[S1 + 2]
    if dz > 42 or du < 38:
        return NOTHING
    along = (du - 46) * 0.70 - (dy - 24) * 0.71
    off = (du - 46) * 0.71 + (dy - 24) * 0.70 - 6 * math.sin(along / 30)
    if along < -6:
        return NOTHING
    crest = 24 + 16 * math.sin(min(max(along, 0.0), 90.0) / 90 * 3.14) - 0.2 * along
    thick = 5.5 + 4.0 * math.exp(-(((along - 12) / 14) ** 2))
    if dz < crest and along < 105:
        d = abs(off) - thick
        if d < 0:
            return (
                (CORTEX, MARROW, 0.1, 1.0)
                if d > -1.3
                else (MARROW, FAT, 0.1, 1.0 + 0.1 * noise3(nz, x * 0.4, y * 0.4, z * 0.4))
            )
    if dz < crest - 8:
        if 0 < off < 34 - 0.25 * max(dz, -40.0):
            return muscle(nz, x, y, z, 0.16, 3.0)
        if -18 < off < 0 and along > 12:
            return muscle(nz, x, y, z, 0.08, 17.0)
    return NOTHING


@jit
def belly(build, nz, x, y, z, q):
    """Bowel loops in mesenteric fat; liver at the upper right. Looks only."""
    seed = build[SEED]
    edge = -40 + 12 * noise3(nz, 7.0, y * 0.05, z * 0.05) - 0.4 * (y - build[S1 + 1] + 40)
    if x < edge and q > 8.2 + 0.8 * noise3(nz, x * 0.03, y * 0.03, 2.0) and y < build[S1 + 1] - 10:
        return (LIVER, VESSEL, 0.1, 1.0 + 0.05 * noise3(nz, x * 0.3, y * 0.3, z * 0.3))
    n = noise3(nz, x * 0.09 + seed, y * 0.10, z * 0.10)
    small = noise3(nz, x * 0.34, y * 0.34 + seed, z * 0.34)
    n += 0.3 * small
    edge = 1.2 - 1.8 * build[BOWEL_SHARE]
    if n > edge + 0.45:
        fill = noise3(nz, x * 0.035 + 31, y * 0.035, z * 0.035 + seed) + 0.15 * small
        return (BOWEL, VESSEL, min(max(0.45 + 0.6 * fill, 0.0), 1.0), 1.0)
    if n > edge:
        return (BOWEL_WALL, FAT, min(max(0.3 + 0.2 * small, 0.0), 1.0), 1.0)
    if abs(small) < 0.12:
        return (VESSEL, FAT, 0.55, 1.0)
    return (FAT, EPIDURAL, 0.12, 1.0 + 0.05 * small)


@jit
def around(canal, build, nz, back, near, i, u, yc, x, y, z):
    """Any point not belonging to the spine."""
    under = surface(build, back, x, y, z)
    if under < 0:
        return (AIR, AIR, 0.0, 1.0)
    if under < 1.8:
        return (SKIN, FAT, 0.0, 1.0)
    q = canal[i, C_Q]
    if near:  # nothing in a body is a perfect ellipse
        wave = noise3(nz, yc * 0.35, u * 0.35, i * 0.04)
        fine = noise3(nz, u * 0.9, yc * 0.9, i * 0.10)
        u += 2.8 * noise3(nz, u * 0.09, yc * 0.09, i * 0.02) + 1.0 * wave + 0.3 * fine
        yc += 2.2 * noise3(nz, yc * 0.09 + 17, u * 0.09, i * 0.02) - 0.7 * wave + 0.3 * fine
        found = behind(canal, build, nz, i, u, yc)
        if found[0] >= 0:
            return found
    if z < build[S1 + 2] + 45:
        found = ilium(build, nz, x, y, z)
        if found[0] >= 0:
            return found
    if near:
        if yc > -6 or under < 0.7 * build[FAT_MM]:
            return subcutaneous(nz, x, y, z)
        found = beside(canal, build, nz, i, u, yc)
        if found[0] >= 0:
            return found
        n = noise3(nz, x * 0.3, y * 0.3, z * 0.16)
        if yc > -53 + 5 * n - 0.0015 * u * u:
            strand = 0.45 * line(noise3(nz, x * 0.16, y * 0.16, z * 0.10), 0.10) * max(n + 0.3, 0.0)
            return (FAT, VESSEL, min(max((n - 1.3) * 1.5, strand, 0.05), 0.85), 0.95 + 0.06 * n + 0.06 * wave)
    if under < 0.7 * build[FAT_MM]:
        return subcutaneous(nz, x, y, z)
    if under < 0.7 * build[FAT_MM] + 9:
        return muscle(nz, x, y, z, 0.15, 5.0)
    return belly(build, nz, x, y, z, q)
