"""A drawn stenosis in a stack: as deep as asked, nowhere else, and the same each time. On drawn spines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("cv2", reason="the export extra is not installed")

from appliance.core.spine import LEVELS, Level, Severity
from export.datasets.spider_canal import CANAL, SPACING_MM, THIN_MM, Stack, depths
from export.datasets.spider_warp import Narrowing, area_of_depth, warped
from export.phantom.grades import CANAL as AREA

ROWS, COLUMNS, DISC_COLUMN = 512, 256, 90
LEVEL = Level.L3_L4


@pytest.fixture(scope="module")
def spine() -> Stack:
    """Five discs and a sac 13 mm deep, gently curved and round in cross-section, with textured tissue."""
    rng = np.random.default_rng(0)
    column = np.arange(COLUMNS) * SPACING_MM
    middle = DISC_COLUMN * SPACING_MM + 25.5 + 3.0 * np.sin(np.arange(ROWS) / 60.0)
    across = (np.arange(20) - 9.5) * THIN_MM
    half = 6.5 * np.sqrt(np.clip(1 - (across / 9.5) ** 2, 0, 1))
    masks = np.where(np.abs(column - middle[:, None]) <= half[:, None, None], CANAL, 0).astype(np.uint8)
    rows = np.linspace(60, 440, 5)
    front = np.array([9.5 * THIN_MM, DISC_COLUMN * SPACING_MM, 0.0])
    discs = {k: front - [0.0, 0.0, r * SPACING_MM] for k, r in zip(LEVELS, rows, strict=True)}
    pictures = (np.where(masks == CANAL, 200, 60) + rng.normal(0, 5, masks.shape)).astype(np.float32)
    return Stack("1", pictures, masks, tuple(range(20)), discs)


@pytest.mark.parametrize("asked", [4.0, 6.0, 8.5, 11.0, 15.0])
def test_the_measured_depth_is_the_one_asked_for(spine, asked):
    drawn = warped(spine, {LEVEL: Narrowing(asked)})
    assert depths(drawn)[LEVEL] == pytest.approx(asked, abs=0.3)


def test_nothing_moves_far_from_the_disc_nor_at_another(spine):
    wish = Narrowing(5.0, reach_mm=10.0)
    drawn = warped(spine, {LEVEL: wish})
    changed = np.flatnonzero((drawn.pictures != spine.pictures).any(axis=(0, 2)))
    centre = -spine.discs[LEVEL][2] / SPACING_MM
    behind = 45.0 * np.sin(np.radians(10))  # the disc's own tilt, as far back as tissue moves
    assert len(changed)
    assert np.abs(changed - centre).max() * SPACING_MM < wish.reach_mm + behind
    assert {k: v for k, v in depths(drawn).items() if k is not LEVEL} == {
        k: v for k, v in depths(spine).items() if k is not LEVEL
    }
    columns = np.flatnonzero((drawn.pictures != spine.pictures).any(axis=(0, 1)))
    assert columns.min() > DISC_COLUMN - 5, "the front half of the disc stays"


def test_pictures_move_with_the_masks(spine):
    drawn = warped(spine, {LEVEL: Narrowing(8.0, darken=0.0)})
    middle = slice(8, 12)
    row = round(-spine.discs[LEVEL][2] / SPACING_MM)
    bright = (drawn.pictures[middle, row] > 130).sum(axis=1) * SPACING_MM
    assert bright == pytest.approx(np.full(4, 8.0), abs=0.8)


def test_a_severe_stenosis_loses_the_light_of_its_csf_and_a_wide_canal_does_not(spine):
    def grey(depth_mm: float) -> float:
        drawn = warped(spine, {LEVEL: Narrowing(depth_mm)})
        row = round(-spine.discs[LEVEL][2] / SPACING_MM)
        near = (slice(9, 11), slice(row - 3, row + 4))
        return float(np.median(drawn.pictures[near][drawn.masks[near] == CANAL]))

    assert grey(5.0) < 0.7 * grey(13.0)
    assert grey(15.0) == pytest.approx(200, abs=6)


def test_the_same_seed_draws_the_same_and_another_other_strands(spine):
    wish = Narrowing(5.0, seed=3)
    once, again = (warped(spine, {LEVEL: wish}).pictures for _ in range(2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, warped(spine, {LEVEL: replace(wish, seed=4)}).pictures)


def test_a_level_without_a_sac_stays_as_it_is(spine):
    empty = replace(spine, masks=np.zeros_like(spine.masks))
    assert warped(empty, {LEVEL: Narrowing(5.0)}) is empty


def test_a_depth_means_the_area_of_the_phantoms_usual_sac():
    depth = np.arange(2.0, 18.0, 0.25)
    areas = [area_of_depth(d) for d in depth]
    assert np.all(np.diff(areas) > 0)
    graded = [AREA.severity(area_of_depth(d)) for d in (5.0, 7.8, 11.0)]
    assert graded == [Severity.SEVERE, Severity.MODERATE, Severity.NORMAL_MILD]
