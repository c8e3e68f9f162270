"""What is drawn has the size the truth states: measured in the tissue map itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import label

from appliance.core.spine import LEVELS, Condition, Level
from export.phantom import layout as L
from export.phantom.canal import disc_of
from export.phantom.options import Balance, PhantomOptions
from export.phantom.places import canal_row
from export.phantom.pose import Frame
from export.phantom.render import labels_at
from export.phantom.scene import Scene
from export.phantom.study import make_scene

SAC = (L.CSF, L.ROOT, L.CORD)
OPEN = (L.FAT, L.ROOT, L.EPIDURAL)


@pytest.fixture(scope="module", params=[0, 1, 2, 3, 17])
def scene(request: pytest.FixtureRequest) -> Scene:
    return make_scene(3, request.param, PhantomOptions(balance=Balance.TRAINING))


def canal_frame(scene: Scene, level: Level) -> tuple[np.ndarray, Frame]:
    row = canal_row(scene, disc_of(level))
    return row, Frame(row[:3], np.stack([row[c : c + 3] for c in (L.C_U, L.C_Y, L.C_T)]))


def map_of(scene: Scene, frame: Frame, u: np.ndarray, v: np.ndarray, w: np.ndarray) -> np.ndarray:
    points = (
        frame.origin
        + u[..., None] * frame.axes[0]
        + v[..., None] * frame.axes[1]
        + w[..., None] * frame.axes[2]
    )
    return labels_at(scene, points.reshape(-1, 3)).reshape(u.shape)


def run_through(inside: np.ndarray, start: int) -> int:
    """Length of the unbroken run of True that holds `start`."""
    low = high = start
    while low > 0 and inside[low - 1]:
        low -= 1
    while high < len(inside) - 1 and inside[high + 1]:
        high += 1
    return high - low + 1 if inside[start] else 0


@pytest.mark.parametrize("level", LEVELS)
def test_dural_sac_has_its_area(scene: Scene, level: Level) -> None:
    _, frame = canal_frame(scene, level)
    step = 0.15
    u, y = np.meshgrid(np.arange(-16, 16, step), np.arange(-13, 15, step))
    pieces, _ = label(np.isin(map_of(scene, frame, u, y, 0 * u), SAC))
    area = np.bincount(pieces.ravel())[1:].max() * step**2
    assert area == pytest.approx(
        scene.anatomy.parameters[Condition.SPINAL_CANAL_STENOSIS, level], rel=0.03, abs=1
    )


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("sign", [1, -1])
def test_recess_has_its_depth(scene: Scene, level: Level, sign: int) -> None:
    row, frame = canal_frame(scene, level)
    at, br = (L.C_UR_L, L.C_BR_L) if sign > 0 else (L.C_UR_R, L.C_BR_R)
    y = np.arange(-14, 14, 0.02)
    tissue = map_of(scene, frame, np.full_like(y, sign * row[at]), y, 0 * y)
    middle = (row[br] - row[L.C_BF] - row[L.C_GAP]) / 2
    depth = run_through(np.isin(tissue, OPEN), int(np.abs(y - middle).argmin())) * 0.02
    side = Condition.LEFT_SUBARTICULAR_STENOSIS if sign > 0 else Condition.RIGHT_SUBARTICULAR_STENOSIS
    assert depth == pytest.approx(scene.anatomy.parameters[side, level], abs=0.5)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("side", [L.LEFT, L.RIGHT])
def test_foramen_has_its_height(scene: Scene, level: Level, side: int) -> None:
    row = scene.discs[disc_of(level)]
    frame = Frame(row[:3], row[L.D_U : L.D_U + 9].reshape(3, 3))
    u = row[L.D_FOR_OFF] * (1 if side == L.LEFT else -1)
    middle = row[L.D_FOR_V_L + side] + 0.5 * row[L.D_FOR_W_L + side]
    v, w = np.meshgrid(np.arange(middle - 8, middle + 8, 0.2), np.arange(-25, 35, 0.1), indexing="ij")
    pieces, _ = label(np.isin(map_of(scene, frame, np.full_like(v, u), v, w), OPEN))
    center = row[L.D_FOR_TOP_L + side] - 0.3 * row[L.D_FOR_H_L + side]
    opening = pieces == pieces[int(8 / 0.2), int((center + 25) / 0.1)]
    height = opening.any(axis=0).sum() * 0.1
    condition = (Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Condition.RIGHT_NEURAL_FORAMINAL_NARROWING)[side]
    assert height == pytest.approx(scene.anatomy.parameters[condition, level], abs=0.6)
