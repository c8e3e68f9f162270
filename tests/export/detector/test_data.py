"""Boxes to outlines, and their way through the augmentation."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")

from appliance.core.models import Box
from appliance.core.preprocessing import PAD_GREY, letterbox
from appliance.core.spine import STRUCTURES, Level, Structure
from appliance.core.study import Series, Slice, Study
from export.datasets.sample import BoxLabel, LabelledStudy
from export.detector.augment import Strength, change_look, draw, fit_plain
from export.detector.data import FINEST_MM, Picture, complete, outlines, pictures_of

BOXES: tuple[tuple[Structure, Box], ...] = (
    (Structure.DISC, (60.0, 40.0, 96.0, 52.0)),
    (Structure.DISC, (58.0, 90.0, 95.0, 104.0)),
    (Structure.LUMBOSACRAL_DISC, (70.0, 135.0, 100.0, 160.0)),
)


def labels() -> list[BoxLabel]:
    return [BoxLabel("one", structure, box, Level.L5_S1) for structure, box in BOXES]


def study(kept: list[BoxLabel]) -> LabelledStudy:
    """White ellipses on black where the labelled structures lie."""
    pixels = np.zeros((200, 160), dtype=np.float32)
    y, x = np.mgrid[:200, :160]
    for _, (x0, y0, x1, y1) in BOXES:
        rx, ry = (x1 - x0) / 2, (y1 - y0) / 2
        pixels[((x - (x0 + x1) / 2) / rx) ** 2 + ((y - (y0 + y1) / 2) / ry) ** 2 <= 1] = 1000
    one = Study("s", (Series("series", (Slice("one", pixels, None),)),))
    return LabelledStudy("drawn", "p", "s", lambda: one, boxes=tuple(kept))


@pytest.fixture
def picture() -> Picture:
    (found,) = pictures_of(study(labels()), (1.0, 1.0))
    return found


def test_outlines_fill_their_boxes_exactly(picture: Picture) -> None:
    assert np.allclose(picture.boxes, [box for _, box in BOXES], atol=0.6)
    assert picture.classes.tolist() == [STRUCTURES.index(s) for s, _ in BOXES]


def test_the_tilt_follows_the_columns_lean() -> None:
    """Going down and right, discs fall to the left: the outline's right end is the higher one."""
    leaning = [BoxLabel("x", Structure.DISC, (c, c, c + 30, c + 22), None) for c in (0.0, 40.0, 80.0)]
    points = outlines(leaning)[1]
    right_end, left_end = points[points[:, 0].argmax()], points[points[:, 0].argmin()]
    assert right_end[1] < left_end[1]


def test_pictures_without_the_lumbosacral_box_are_left_out() -> None:
    without = list(pictures_of(study(labels()[:2]), (1.0, 1.0)))
    whole = list(pictures_of(study(labels()), (1.0, 1.0)))
    assert complete([*without, *whole]) == whole


def test_the_plain_fit_is_the_appliances_letterbox(picture: Picture) -> None:
    drawn = fit_plain(picture, 320)
    square, fit = letterbox(picture.pixels, 320, picture.pixel_mm, FINEST_MM)
    assert np.abs(drawn.pixels.astype(int) - square).mean() < 1.0
    assert np.allclose(fit.to_image(drawn.boxes), picture.boxes, atol=0.01)


def test_boxes_stay_on_their_structures(picture: Picture) -> None:
    """Whatever is drawn: the white inside each box touches its four sides, and no white lies elsewhere."""
    geometry_only = Strength(look=0.0)
    for seed in range(40):
        drawn = draw(picture, 320, np.random.default_rng(seed), geometry_only)
        white = drawn.pixels > 180
        assert len(drawn.boxes) == len(drawn.classes)
        for x0, y0, x1, y1 in drawn.boxes:
            inside = white[max(0, int(y0)) : int(np.ceil(y1)), max(0, int(x0)) : int(np.ceil(x1))]
            rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
            assert len(rows) and rows[-1] - rows[0] > 0.7 * (y1 - y0) - 3
            assert columns[-1] - columns[0] > 0.7 * (x1 - x0) - 3


def test_a_cut_never_renames_the_lumbosacral_disc(picture: Picture) -> None:
    sacral = STRUCTURES.index(Structure.LUMBOSACRAL_DISC)
    counts = [list(draw(picture, 256, np.random.default_rng(s)).classes).count(sacral) for s in range(60)]
    assert set(counts) == {0, 1}


def test_the_same_seed_draws_the_same(picture: Picture) -> None:
    one, two = (draw(picture, 256, np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.pixels, two.pixels)
    assert np.array_equal(one.boxes, two.boxes)


def test_a_changed_look_is_a_windowed_picture() -> None:
    rng = np.random.default_rng(0)
    content = rng.integers(0, 255, (90, 70), dtype=np.uint8)
    for _ in range(30):
        changed = change_look(content, rng)
        assert changed.shape == content.shape and changed.dtype == np.uint8
        assert changed.max() == 255 and changed.min() == 0


def test_tall_pixels_are_stretched_back() -> None:
    (flat,) = pictures_of(study(labels()), (0.5, 1.0))
    drawn = fit_plain(flat, 320)
    assert (drawn.pixels[0] == PAD_GREY).all()
    width, height = (drawn.boxes[:, 2:] - drawn.boxes[:, :2]).T
    assert np.allclose(height / width, [(b[3] - b[1]) * 0.5 / (b[2] - b[0]) for _, b in BOXES], rtol=0.03)
