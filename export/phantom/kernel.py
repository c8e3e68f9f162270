# ruff: noqa: PLR0913, PLR0917 -- a kernel is one long decision, and its arrays come one by one
"""Compiled: the tissue at a point of the patient, and the drawing of a slice from it."""

from __future__ import annotations

import numpy as np

from export.phantom.jit import jit
from export.phantom.kernel_arch import FAR, JOINT, arch, facets, sacral_arch
from export.phantom.kernel_bone import (
    beside_foramen,
    body,
    body_frame,
    disc,
    disc_frame,
    foramen,
)  # fmt: skip
from export.phantom.kernel_canal import back_wall, canal_contents, locate, noise3
from export.phantom.kernel_soft import around
from export.phantom.layout import (
    AIR,
    ANNULUS,
    C_BF,
    C_DISC,
    C_GAP,
    C_J,
    C_LF,
    C_POS,
    C_Q,
    C_WIDE,
    CARTILAGE,
    CORTEX,
    D_HALF_POST,
    D_RUDIMENT,
    DISC_0,
    EPIDURAL,
    FAT,
    FLUID,
    LEFT,
    LIGAMENT,
    MARROW,
    METAL,
    N_BODIES,
    N_SACRAL,
    RIGHT,
    V_HALF_DEPTH,
)  # fmt: skip

METAL_FLAG, METAL_POS, METAL_RADIUS = 10, 11, 14  # columns of Scene.build


@jit
def tissue_at(x, y, z, bodies, discs, canal, roots, nz, back, index_at_z, build):
    """(tissue a, tissue b, share of b, gain) at a patient point in mm. The order of the tests is the order of rule."""
    if build[METAL_FLAG] > 0:
        d2 = (x - build[METAL_POS]) ** 2 + (y - build[METAL_POS + 1]) ** 2 + (z - build[METAL_POS + 2]) ** 2
        if d2 < build[METAL_RADIUS] ** 2 * (1 + 0.5 * noise3(nz, x * 0.1, y * 0.1, z * 0.1)):
            return (METAL, METAL, 0.0, 1.0)
    zi = min(max(int(z + index_at_z.shape[0] * 0.5), 0), index_at_z.shape[0] - 1)
    axis = index_at_z[zi]
    near = abs(x - canal[axis, C_POS]) < 112 and y > canal[axis, C_POS + 1] - 95
    if not near:
        return around(canal, build, nz, back, False, axis, 0.0, 0.0, x, y, z)
    i, u, yc = locate(x, y, z, canal, index_at_z)
    found = canal_contents(canal, roots, nz, i, u, yc)
    if found[0] >= 0:
        return found
    if abs(u) < 62 and -58 < yc < 52:
        found = _column(x, y, z, bodies, discs, canal, nz, i, u, yc)
        if found[0] >= 0:
            return found
    return around(canal, build, nz, back, True, i, u, yc, x, y, z)


@jit
def _column(x, y, z, bodies, discs, canal, nz, i, u, yc):
    """The bony column and what clings to it."""
    j = int(canal[i, C_J])
    side = LEFT if u > 0 else RIGHT
    du, dv, dw = disc_frame(discs, j, x, y, z)
    if discs[j, D_RUDIMENT] == 0:
        found = foramen(discs, nz, j, side, du, dv, dw)
        if found[0] >= 0:
            return found
    middle = int(canal[i, C_Q] + 0.5)
    first, last = max(middle - 1, 0), min(middle + 1, N_BODIES - 1)
    bone, superior, inferior = FAR, FAR, FAR
    if discs[j, D_RUDIMENT] == 0 and dv > -2:
        inferior, superior = facets(bodies, j, du, dv, dw)
    pu, pv, pw = 0.0, 0.0, 0.0
    for k in range(first, last + 1):
        bu, bv, bw = body_frame(bodies, k, x, y, z)
        if bv < bodies[k, V_HALF_DEPTH] + 4 and abs(u) < 40:
            found = body(bodies, discs, nz, k, bu, bv, bw)
            if found[0] >= 0:
                return found
            if k > first:
                found = disc(bodies, discs, nz, k - 1, pu, pv, pw, bu, bv, bw)
                if found[0] >= 0:
                    return found
        p = bv - bodies[k, V_HALF_DEPTH]
        if (p > -9 and yc > -17) or k < N_SACRAL:
            part = sacral_arch(bodies, k, bu, bv, bw) if k < N_SACRAL else arch(bodies, k, bu, bv, bw)
            bone = min(bone, part)
        pu, pv, pw = bu, bv, bw
    return _arch_and_gaps(
        discs, canal, nz, x, y, z, i, j, side, u, yc, du, dv, dw, bone, superior, inferior
    )


@jit
def _arch_and_gaps(discs, canal, nz, x, y, z, i, j, side, u, yc, du, dv, dw, bone, superior, inferior):
    """Arch, joints, ligaments, and the disc's bulge between its rim and the canal."""
    weight = canal[i, C_DISC]
    wall = back_wall(canal, i, u)
    flaval = canal[i, C_Q] > N_SACRAL - 0.9 and abs(u) < canal[i, C_WIDE] + 1.5
    if flaval and wall < yc < wall + 0.8:
        return (LIGAMENT, FAT, 0.08, 1.0)  # nothing but ligament touches the canal from behind
    if min(superior, inferior, bone) < 2.5:
        found = _bone(nz, x, y, z, bone, superior, inferior)
        if found[0] >= 0:
            return found
    if discs[j, D_RUDIMENT] == 0 and abs(u) > canal[i, C_WIDE] - 2:
        found = beside_foramen(discs, nz, j, side, du, dv, dw)
        if found[0] >= 0:
            return found
    front = -canal[i, C_BF] - canal[i, C_GAP]
    if yc < front and yc > -12 and abs(u) < canal[i, C_WIDE] + 3:
        if abs(dw) < discs[j, D_HALF_POST] + 1.2 and discs[j, D_RUDIMENT] == 0:
            return (ANNULUS, DISC_0 + j, 0.12, 1.0)
        vein = noise3(nz, u * 0.35, yc * 0.5, i * 0.15)  # the plexus behind the body
        return (EPIDURAL, FAT, min(max(0.45 + 0.3 * vein, 0.0), 1.0), 1.0)
    thick = max(wall + 0.4 + canal[i, C_LF], (8.0 - 0.25 * abs(u)) * weight)
    if flaval and wall < yc < thick:
        return (LIGAMENT, FAT, 0.08, 1.0)
    if 6 < yc < 36 and abs(u) < 5 and canal[i, C_Q] > N_SACRAL - 0.9:  # between the spinous processes
        strand = noise3(nz, u * 0.45, yc * 0.12 + i * 0.05, i * 0.18)
        wide = noise3(nz, 9.0, yc * 0.16, i * 0.10)
        edge = 2.2 + 0.7 * wide + 0.5 * strand - abs(u + 0.5 * wide)
        if edge > 0:
            share = 0.40 + 0.26 * strand + 0.15 * wide + max(0.4 - 0.3 * edge, 0.0)
            return (LIGAMENT, FAT, min(max(share, 0.05), 0.95), 1.0)
    if yc < -9 and abs(u) < 12 and yc > -52 and min(bone, superior, inferior) < FAR:
        return (-1, 0, 0.0, 1.0)
    wave = noise3(nz, u * 0.2, yc * 0.2, i * 0.05)
    if ((abs(u) - 11) / (14 + 2 * wave)) ** 2 + ((yc + 6) / (9 + 1.5 * wave)) ** 2 < 1:
        vein = noise3(nz, u * 0.4, yc * 0.4, i * 0.15)
        return (FAT, EPIDURAL, min(max(0.2 + 0.4 * vein, 0.05), 0.9), 1.0)
    return (-1, 0, 0.0, 1.0)


@jit
def _bone(nz, x, y, z, bone, superior, inferior):
    """Joint, cortex or marrow of the arch at these distances from its parts."""
    fine = noise3(nz, x * 0.5, y * 0.5, z * 0.5)
    if superior > 0 and inferior > 0 and superior + inferior < JOINT + 0.25:
        if abs(superior - inferior) < 0.5:
            return (CARTILAGE, FLUID, min(max(0.40 + 0.25 * fine, 0.0), 0.9), 1.0)
        return (CORTEX, CARTILAGE, 0.4, 1.0)
    rough = 0.45 * noise3(nz, x * 0.24, y * 0.24, z * 0.24) + 0.25 * fine
    process = min(superior, inferior)
    solid = min(bone, process) + rough
    if solid >= 0:
        return (-1, 0, 0.0, 1.0)
    facet = process < bone
    rind = (1.4 if superior + inferior < JOINT + 2.8 else 0.9) + 0.3 * fine  # thicker under the cartilage
    if solid > -rind:
        return (CORTEX, MARROW, 0.15, 1.0)
    share = min((-rind - solid) / 0.8, 1.0)
    return (CORTEX, MARROW, 0.4 + 0.6 * share, (0.88 if facet else 1.0) + 0.10 * fine + 0.10 * rough)


@jit
def draw_slice(out, origin, row_step, column_step, normal, offsets, tables,
               bodies, discs, canal, roots, nz, back, index_at_z, build):  # fmt: skip
    """Fill out[sequence, 0 water | 1 fat, row, column] with signal averaged over the sub-samples.

    `offsets` (n, 3): sub-samples as column, row (pixels) and through-slice (mm). `tables` (sequence, tissue, 2).
    Neighbouring pixels sample other depths, so an oblique border shows no contour lines; the pattern is a checkerboard,
    which the taper of k-space removes.
    """
    sequences, rows, columns = out.shape[0], out.shape[2], out.shape[3]
    for r in range(rows):
        for c in range(columns):
            count, seen_a, seen_b = offsets.shape[0], -1, -1
            depth = offsets[2, 2] * (0.75 - 0.5 * (2 * ((r ^ c) & 1) + (r & 1)))
            for s in range(offsets.shape[0]):
                a, b, d = c + offsets[s, 0], r + offsets[s, 1], offsets[s, 2] + depth
                x = origin[0] + a * row_step[0] + b * column_step[0] + d * normal[0]
                y = origin[1] + a * row_step[1] + b * column_step[1] + d * normal[1]
                z = origin[2] + a * row_step[2] + b * column_step[2] + d * normal[2]
                ta, tb, share, gain = tissue_at(
                    x, y, z, bodies, discs, canal, roots, nz, back, index_at_z, build
                )
                if s == 0:
                    seen_a, seen_b = ta, tb
                elif s == 1 and ta == seen_a and tb == seen_b:
                    count = 2  # both ends of the pixel agree: the samples between them are spared
                if ta == AIR:
                    first, second = 0.0, 0.0
                else:
                    first, second = gain * (1 - share), gain * share
                for q in range(sequences):
                    out[q, 0, r, c] += first * tables[q, ta, 0] + second * tables[q, tb, 0]
                    out[q, 1, r, c] += first * tables[q, ta, 1] + second * tables[q, tb, 1]
                if s + 1 == count:
                    break
            for q in range(sequences):
                out[q, 0, r, c] /= count
                out[q, 1, r, c] /= count


@jit
def label_points(points, bodies, discs, canal, roots, nz, back, index_at_z, build):
    """Dominant tissue at each of (n, 3) patient points: what tests measure with."""
    labels = np.empty(points.shape[0], dtype=np.int64)
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        ta, tb, share, _ = tissue_at(x, y, z, bodies, discs, canal, roots, nz, back, index_at_z, build)
        labels[n] = tb if share > 0.5 else ta
    return labels
