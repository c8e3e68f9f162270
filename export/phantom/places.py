"""Where things are: level points and boxes, computed from the same arrays the pictures are drawn from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import ImagePlane, Plane
from appliance.core.spine import LEVELS, Level, Side, Structure
from export.phantom import layout as L
from export.phantom.canal import disc_of, level_of
from export.phantom.pose import Frame, between
from export.phantom.scene import Scene
from export.phantom.truth import BoxTruth, LevelTruth, Point

Array = NDArray[np.float64]
NEAR_LEVEL = 5.0  # mm: an axial slice farther from a level's point shows another place [R]
ABOVE = ("t12_l1", "t11_t12", "t10_t11", "t9_t10", "t8_t9")


def point(values: Array) -> Point:
    """A plain tuple, rounded to a micrometre so that JSON stays readable."""
    x, y, z = (round(float(v), 3) for v in values)
    return x, y, z


def disc_name(j: int) -> str:
    """Name of disc j, counted up from the sacrum whatever the number of lumbar vertebrae: the sixth is `t12_l1`."""
    level = level_of(j)
    return str(level) if level else ABOVE[min(j - L.DISC_L1_L2 - 1, len(ABOVE) - 1)]


def level_truth(scene: Scene, level: Level) -> LevelTruth:
    """All points of one level, patient mm."""
    j = disc_of(level)
    row = canal_row(scene, j)
    axis = Frame(row[L.C_POS : L.C_POS + 3], np.stack([row[c : c + 3] for c in (L.C_U, L.C_Y, L.C_T)]))
    below, above = scene.frames[j], scene.frames[j + 1]
    low, high = scene.anatomy.bodies[j], scene.anatomy.bodies[j + 1]
    disc_axes = between(below, above)
    corners = [
        above.at(0, -high.depth / 2, -high.front / 2), below.at(0, -low.depth / 2, low.front / 2),
        above.at(0, high.depth / 2, -high.back / 2), below.at(0, low.depth / 2, low.back / 2),
    ]  # fmt: skip
    center = sum(corners) / 4
    half = (low.width + high.width) / 4 * disc_axes[0]
    front = -row[L.C_BF] - row[L.C_GAP]
    recess = [axis.at(s * row[at], (front + row[br]) / 2, 0)
              for s, at, br in ((1, L.C_UR_L, L.C_BR_L), (-1, L.C_UR_R, L.C_BR_R))]  # fmt: skip
    canal = axis.at(0, (row[L.C_BB] - row[L.C_BF]) / 2, 0)
    foramina = [foramen_center(scene, j, side) for side in (L.LEFT, L.RIGHT)]
    points = [center, canal, *foramina, *recess, *corners, center + half, center - half]
    return LevelTruth(level, *(point(p) for p in points))


def canal_row(scene: Scene, j: int) -> Array:
    """The canal's cross-section at disc j."""
    return scene.canal.rows[round(scene.canal.disc_at[j] / L.CANAL_STEP)]


def _disc_frame(scene: Scene, j: int) -> Frame:
    row = scene.discs[j]
    return Frame(row[L.D_POS : L.D_POS + 3], row[L.D_U : L.D_U + 9].reshape(3, 3))


def _foramen_middle(row: Array, side: int) -> tuple[float, float]:
    v = row[L.D_FOR_V_L + side] + 0.5 * row[L.D_FOR_W_L + side]
    return v, row[L.D_FOR_TOP_L + side] - 0.5 * row[L.D_FOR_H_L + side]


def foramen_center(scene: Scene, j: int, side: int) -> Array:
    """Middle of a foramen's opening at its usual distance from the midline."""
    row = scene.discs[j]
    u = row[L.D_FOR_OFF] * (1 if side == L.LEFT else -1)
    return _disc_frame(scene, j).at(u, *_foramen_middle(row, side))


def boxes_in(scene: Scene, plane: ImagePlane, sop_uid: str) -> list[BoxTruth]:
    """Every structure that this image truly cuts."""
    kinds = (_discs, _canals_beside, _foramina) if plane.plane is Plane.SAGITTAL else (_axial,)
    found = [box for kind in kinds for box in kind(scene, plane, sop_uid)]
    return [b for b in found if _visible(b, plane)]


def _visible(box: BoxTruth, plane: ImagePlane) -> bool:
    """At least half of the box lies inside the picture."""
    x0, y0, x1, y1 = box.box_px
    w = min(x1, plane.columns - 0.5) - max(x0, -0.5)
    h = min(y1, plane.rows - 0.5) - max(y0, -0.5)
    return w > 0 and h > 0 and w * h > 0.5 * (x1 - x0) * (y1 - y0)


def _box(plane: ImagePlane, points: list[Array], sop_uid: str, kind: Structure, level: str,
         side: Side | None = None, margin: float = 0.0) -> BoxTruth:  # fmt: skip
    """Box round the feet of mm points on the plane, widened by `margin` mm."""
    pixels = plane.to_pixel(np.stack(points))
    pad = margin / np.array([plane.column_spacing, plane.row_spacing])
    (x0, y0), (x1, y1) = pixels.min(axis=0) - pad, pixels.max(axis=0) + pad
    corners = tuple(round(float(v), 2) for v in (x0, y0, x1, y1))
    return BoxTruth(sop_uid, 0, kind, level, side, corners)  # type: ignore[arg-type]


def _discs(scene: Scene, plane: ImagePlane, sop_uid: str) -> list[BoxTruth]:
    boxes = []
    for j in range(L.DISC_L5_S1, L.N_DISCS):
        outline = disc_section(scene, j, plane)
        if outline:
            kind = Structure.LUMBOSACRAL_DISC if j == L.DISC_L5_S1 else Structure.DISC
            boxes.append(_box(plane, outline, sop_uid, kind, disc_name(j)))
    return boxes


def disc_section(scene: Scene, j: int, plane: ImagePlane) -> list[Array]:
    """Rim of disc j where the plane cuts it, mm; empty where it misses or only grazes (last 8 % of the half width)."""
    low, high = scene.frames[j], scene.frames[j + 1]
    middle = (low.origin + high.origin) / 2
    axes = between(low, high)
    normal = plane.upward_normal
    u = -plane.distance(middle) / float(axes[0] @ normal)
    half = (scene.bodies[j, L.V_HALF_WIDTH] + scene.bodies[j + 1, L.V_HALF_WIDTH]) / 2
    if abs(u) > 0.92 * half:
        return []
    edge = (1 - (abs(u) / half) ** 2.5) ** 0.4
    points = []
    for share in np.linspace(-1, 1, 9):
        for k, sign in ((j, 1), (j + 1, -1)):
            v = share * edge * scene.bodies[k, L.V_HALF_DEPTH] + share * scene.discs[j, L.D_BULGE] * 0.6
            p = scene.frames[k].at(u, v, sign * _endplate(scene.bodies[k], u, v))
            points.append(p + plane_slide(p, plane, axes[0]))
    return points


def plane_slide(p: Array, plane: ImagePlane, along: Array) -> Array:
    """The step along `along` that brings a point into the plane."""
    return -plane.distance(p) / float(along @ plane.upward_normal) * along


def _endplate(body: Array, u: float, v: float) -> float:
    """The renderer's endplate height (kernel_bone.half_height), in plain Python."""
    hd, hw = body[L.V_HALF_DEPTH], body[L.V_HALF_WIDTH]
    front, back = body[L.V_HALF_FRONT], body[L.V_HALF_BACK]
    hollow = body[L.V_CONCAVE] * max(0.0, 1 - (u / hw) ** 2 - ((v - 0.15 * hd) / hd) ** 2)
    return float(0.5 * (front + back) - v / hd * 0.5 * (front - back) - hollow)


def _canals_beside(scene: Scene, plane: ImagePlane, sop_uid: str) -> list[BoxTruth]:
    """Sagittal: the sac behind the disc and 8 mm up and down, where the slice cuts the sac."""
    boxes = []
    for level in LEVELS:
        row = canal_row(scene, disc_of(level))
        u = -plane.distance(row[L.C_POS : L.C_POS + 3]) / float(row[L.C_U : L.C_U + 3] @ plane.upward_normal)
        half = row[L.C_A_L] if u > 0 else row[L.C_A_R]
        if abs(u) > 0.8 * half:
            continue
        axis = Frame(row[L.C_POS : L.C_POS + 3], np.stack([row[c : c + 3] for c in (L.C_U, L.C_Y, L.C_T)]))
        points = [axis.at(u, y, t) for y in (-row[L.C_BF] - 1.5, row[L.C_BB] + 1.5) for t in (-8, 8)]
        boxes.append(_box(plane, points, sop_uid, Structure.SPINAL_CANAL, str(level)))
    return boxes


def _foramina(scene: Scene, plane: ImagePlane, sop_uid: str) -> list[BoxTruth]:
    """Sagittal: the pedicle-to-pedicle opening, where the slice passes between its two ends."""
    boxes = []
    for level in LEVELS:
        j = disc_of(level)
        frame, row = _disc_frame(scene, j), scene.discs[j]
        u = -plane.distance(frame.origin) / float(frame.axes[0] @ plane.upward_normal)
        if not row[L.D_FOR_IN] + 0.5 < abs(u) < row[L.D_FOR_OUT] - 1.5:
            continue
        number, side = (L.LEFT, Side.LEFT) if u > 0 else (L.RIGHT, Side.RIGHT)
        v, _ = _foramen_middle(row, number)
        top, low = row[L.D_FOR_TOP_L + number], -row[L.D_HALF_POST] - 1
        points = [frame.at(u, v + dv, w) for dv in (-5.5, 5.5) for w in (top + 1, low)]
        boxes.append(_box(plane, points, sop_uid, Structure.NEURAL_FORAMEN, str(level), side))
    return boxes


def _axial(scene: Scene, plane: ImagePlane, sop_uid: str) -> list[BoxTruth]:
    """Axial: sac and recesses of a level whose point is within 5 mm of the slice."""
    boxes = []
    for level in LEVELS:
        truth = level_truth(scene, level)
        if abs(plane.distance(truth.canal_center_mm)) > NEAR_LEVEL:
            continue
        row = _row_in_plane(scene, disc_of(level), plane)
        axis = Frame(row[L.C_POS : L.C_POS + 3], np.stack([row[c : c + 3] for c in (L.C_U, L.C_Y, L.C_T)]))
        sac = [axis.at(u, y, 0) for u in (-row[L.C_A_R], row[L.C_A_L]) for y in (-row[L.C_BF], row[L.C_BB])]
        boxes.append(_box(plane, sac, sop_uid, Structure.SPINAL_CANAL, str(level), margin=1.5))
        front = -row[L.C_BF] - row[L.C_GAP]
        for side, sign, at, br in ((Side.LEFT, 1, L.C_UR_L, L.C_BR_L), (Side.RIGHT, -1, L.C_UR_R, L.C_BR_R)):
            center = axis.at(sign * row[at], (front + row[br]) / 2, 0)
            boxes.append(
                _box(plane, [center], sop_uid, Structure.SUBARTICULAR_RECESS, str(level), side, margin=5.0)
            )
    return boxes


def _row_in_plane(scene: Scene, j: int, plane: ImagePlane) -> Array:
    """The canal's row, near disc j, where the plane cuts the axis."""
    at, reach = round(scene.canal.disc_at[j] / L.CANAL_STEP), int(12 / L.CANAL_STEP)
    rows = scene.canal.rows[max(at - reach, 0) : at + reach + 1]
    off = (rows[:, L.C_POS : L.C_POS + 3] - np.asarray(plane.origin)) @ plane.upward_normal
    return rows[int(np.abs(off).argmin())]
