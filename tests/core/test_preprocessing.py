"""What a model sees: windows, letterboxes, crops in millimetres."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.geometry import ImagePlane
from appliance.core.preprocessing import PAD_GREY, Window, crop_mm, letterbox, mirror, resize, window_of


def plane(rows: int, columns: int, row_spacing: float = 0.5, column_spacing: float = 0.5) -> ImagePlane:
    return ImagePlane((0, 0, 0), (1, 0, 0), (0, 1, 0), row_spacing, column_spacing, rows, columns)


def test_the_window_does_not_care_how_a_scanner_scales_its_numbers() -> None:
    picture = np.random.default_rng(1).gamma(2.0, 100.0, (200, 200)).astype(np.float32)
    other = picture * 37.0 - 900.0
    a, b = window_of(picture).apply(picture), window_of(other).apply(other)
    assert np.abs(a.astype(int) - b.astype(int)).max() <= 1


def test_one_bright_pixel_does_not_darken_the_rest() -> None:
    picture = np.random.default_rng(1).normal(100, 10, (200, 200)).astype(np.float32)
    picture[0, 0] = 1e6
    assert window_of(picture).high < 200


def test_a_flat_picture_does_not_divide_by_zero() -> None:
    flat = np.full((40, 40), 7.0, np.float32)
    assert window_of(flat).apply(flat).max() == 0


@given(rows=st.integers(20, 900), columns=st.integers(20, 900), aspect=st.floats(0.5, 2.0))
def test_a_box_comes_back_from_the_letterbox_where_it_was(rows: int, columns: int, aspect: float) -> None:
    square, placed = letterbox(np.zeros((rows, columns), np.uint8), 320, (aspect, 1.0), finest_mm=1.5)
    assert square.shape == (320, 320)
    right, bottom = placed.left + columns * placed.scale_x, placed.top + rows * placed.scale_y
    whole = np.array([[placed.left, placed.top, right, bottom]])
    assert placed.to_image(whole)[0] == pytest.approx([-0.5, -0.5, columns - 0.5, rows - 0.5], abs=1e-6)


def test_the_letterbox_keeps_millimetres_square() -> None:
    _, placed = letterbox(np.zeros((100, 200), np.uint8), 320, (1.0, 0.5))
    assert placed.scale_y == pytest.approx(2 * placed.scale_x, rel=0.01)


def test_the_letterbox_fills_with_grey() -> None:
    square, _ = letterbox(np.zeros((100, 50), np.uint8), 64)
    assert square[0, 0] == PAD_GREY


def test_shrinking_averages_and_so_keeps_the_mean_of_a_chequerboard() -> None:
    board = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    assert resize(board, 60, 60).std() < 20


def test_a_dot_stays_in_the_middle_of_its_crop_whatever_the_spacing() -> None:
    picture = np.zeros((200, 100), np.float32)
    picture[120:123, 40:42] = 100
    crop = crop_mm(picture, plane(200, 100, 0.4, 0.8), (40.5, 121.0), size_mm=20, size_px=50)
    y, x = np.argwhere(crop > 50).mean(0)
    assert (y, x) == pytest.approx((24.5, 24.5), abs=0.6)


def test_a_crop_over_the_edge_is_black_outside() -> None:
    crop = crop_mm(np.ones((100, 100), np.float32), plane(100, 100), (0.0, 50.0), size_mm=20, size_px=40)
    assert crop[:, :18].max() == 0
    assert crop[:, 22:].min() == 1


def test_the_mirror_swaps_columns_only() -> None:
    crops = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
    assert (mirror(crops)[0, :, 0] == crops[0, :, 3]).all()
    assert (mirror(mirror(crops)) == crops).all()


def test_window_ends() -> None:
    assert (Window(10, 20).apply(np.array([[0.0, 10.0, 15.0, 20.0, 99.0]])) == [[0, 0, 128, 255, 255]]).all()
