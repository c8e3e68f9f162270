"""Where the 25 places lie, which slices show them, and that a crop always looks the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from appliance.core.crops import (
    REACH_MM,
    Bag,
    crop_box,
    cut,
    cut_place,
    pick_slices,
    place_points,
    spine_axes,
    windows_of,
)
from appliance.core.geometry import ImagePlane
from appliance.core.models import GraderSpec
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Region, Side
from appliance.core.study import Series, Slice

LEFT_FORAMEN = Condition.LEFT_NEURAL_FORAMINAL_NARROWING
RIGHT_FORAMEN = Condition.RIGHT_NEURAL_FORAMINAL_NARROWING
LEFT_RECESS, RIGHT_RECESS = Condition.LEFT_SUBARTICULAR_STENOSIS, Condition.RIGHT_SUBARTICULAR_STENOSIS
CANAL = Condition.SPINAL_CANAL_STENOSIS

# A lordotic spine in the middle of the body, mm (LPS).
DISCS = {
    Level.L1_L2: np.array([0.0, 8.0, 70.0]),
    Level.L2_L3: np.array([0.0, -3.0, 36.0]),
    Level.L3_L4: np.array([0.0, -9.0, 0.0]),
    Level.L4_L5: np.array([0.0, -8.0, -36.0]),
    Level.L5_S1: np.array([0.0, 4.0, -70.0]),
}
SPEC = GraderSpec(Region.SUBARTICULAR, size_px=64, crop_mm=32.0, slices=5)


def scene(p: np.ndarray) -> np.ndarray:
    """A grey value for every point of space, different in every direction: (..., 3) mm to intensity."""
    blob = np.exp(-((p - [14.0, 6.0, 8.0]) ** 2).sum(-1) / 60)
    return (100 + 1.1 * p[..., 0] + 0.7 * p[..., 1] - 0.9 * p[..., 2] + 80 * blob).astype(np.float32)


def picture(plane: ImagePlane, uid: str = "1.2", of=scene) -> Slice:
    x, y = np.meshgrid(np.arange(plane.columns), np.arange(plane.rows))
    return Slice(uid, of(plane.to_patient(np.stack([x, y], -1).astype(float))), plane)


def plane_through(center, row, column, spacing=(0.5, 0.5), size=160) -> ImagePlane:
    row, column = np.array(row, float), np.array(column, float)
    origin = np.array(center, float) - (size - 1) / 2 * (spacing[1] * row + spacing[0] * column)
    return ImagePlane(tuple(origin), tuple(row), tuple(column), spacing[0], spacing[1], size, size)


def sagittal(x: float, **kwargs) -> ImagePlane:
    return plane_through((x, 0, 0), (0, 1, 0), (0, 0, -1), **kwargs)


def axial(z: float, **kwargs) -> ImagePlane:
    return plane_through((0, 0, z), (1, 0, 0), (0, 1, 0), **kwargs)


def series_of(*planes: ImagePlane, uid: str = "1") -> Series:
    return Series(uid, tuple(picture(p, f"{uid}.{n}") for n, p in enumerate(planes)))


# --- points -------------------------------------------------------------------------------------------------------
def test_every_level_given_gets_its_five_places():
    assert set(place_points(DISCS)) == {(c, level) for c in CONDITIONS for level in LEVELS}
    two = {k: DISCS[k] for k in (Level.L2_L3, Level.L5_S1)}
    assert {level for _, level in place_points(two)} == set(two)


def test_left_is_plus_x_and_sides_mirror_each_other():
    points = place_points(DISCS)
    for left, right in ((LEFT_FORAMEN, RIGHT_FORAMEN), (LEFT_RECESS, RIGHT_RECESS)):
        for level in LEVELS:
            assert points[left, level][0] > 5
            assert_allclose(points[left, level] * [-1, 1, 1], points[right, level], atol=1e-9)


@pytest.mark.parametrize(("level", "lateral"), list(zip(LEVELS, (14.9, 15.7, 16.7, 17.8, 18.9), strict=True)))
def test_foramina_lie_where_the_literature_puts_them(level, lateral):
    assert place_points(DISCS)[LEFT_FORAMEN, level][0] == pytest.approx(lateral)


def test_the_canal_lies_behind_the_disc_across_the_axis():
    points = place_points(DISCS)
    for level in LEVELS:
        behind = points[CANAL, level] - DISCS[level]
        assert 22 < np.linalg.norm(behind) < 27
        assert behind[1] > 20
    above = points[CANAL, Level.L5_S1] - DISCS[Level.L5_S1]
    assert above[2] > 5, "the lumbosacral disc leans forward, so its back is higher"


def test_axes_are_perpendicular_unit_vectors_with_left_back_head():
    for left, back, head in spine_axes(DISCS).values():
        assert_allclose(np.stack([left, back, head]) @ np.stack([left, back, head]).T, np.eye(3), atol=1e-12)
        assert left[0] > 0.9
        assert back[1] > 0.7
        assert head[2] > 0.7


def test_one_level_alone_gets_the_typical_lordosis():
    alone = place_points({Level.L5_S1: DISCS[Level.L5_S1]})
    together = place_points(DISCS)
    for condition in CONDITIONS:
        assert np.linalg.norm(alone[condition, Level.L5_S1] - together[condition, Level.L5_S1]) < 8


def test_a_spine_bent_sideways_takes_its_places_along():
    bent = {k: p + np.array([0.2 * p[2], 0, 0]) for k, p in DISCS.items()}
    left, _, head = spine_axes(bent)[Level.L3_L4]
    assert head[0] == pytest.approx(0.2 / np.hypot(1, 0.2), abs=0.02)
    assert left[2] < -0.1


def test_points_move_with_the_patient():
    shift = np.array([12.0, -30.0, 55.0])
    here, there = place_points(DISCS), place_points({k: p + shift for k, p in DISCS.items()})
    for place in here:
        assert_allclose(here[place] + shift, there[place])


# --- slices -------------------------------------------------------------------------------------------------------
def test_nearest_slices_in_order_along_the_normal():
    stack = series_of(*(sagittal(x) for x in (-12, -8, -4, 0, 4, 8, 12)))
    picked = pick_slices(stack, np.array([5.0, 0, 0]), 3, 10)
    assert [s.plane.position for s in picked] == [0, 4, 8]


def test_slices_too_far_or_beside_the_picture_are_not_picked():
    stack = series_of(*(axial(z) for z in (-9, -3, 2, 6)))
    assert [s.plane.position for s in pick_slices(stack, np.zeros(3), 5, REACH_MM[Region.SUBARTICULAR])] == [-3, 2]
    assert pick_slices(stack, np.array([300.0, 0, 0]), 5, 5) == ()


def test_several_series_are_pooled_and_slices_without_position_passed_over():
    a, b = series_of(axial(0), uid="1"), series_of(axial(3), uid="2")
    lost = Series("3", (Slice("3.0", np.zeros((8, 8), np.float32), None),))
    assert [s.sop_uid for s in pick_slices((b, lost, a), np.zeros(3), 5, 5)] == ["1.0", "2.0"]


def test_windows_are_one_for_each_series():
    bright = Series("2", tuple(Slice("2.0", s.pixels * 9, s.plane) for s in series_of(axial(0)).slices))
    windows = windows_of((series_of(axial(0), axial(4)), bright))
    assert windows["1.0", 1] == windows["1.1", 1]
    assert windows["2.0", 1].high > 5 * windows["1.0", 1].high


# --- crops --------------------------------------------------------------------------------------------------------
POINT = np.array([9.0, 4.0, 2.0])

TURNED = {
    "as usual": ((1, 0, 0), (0, 1, 0)),
    "feet first, rows run upwards": ((1, 0, 0), (0, -1, 0)),
    "columns run to the right": ((-1, 0, 0), (0, 1, 0)),
    "both": ((-1, 0, 0), (0, -1, 0)),
    "transposed": ((0, 1, 0), (1, 0, 0)),
    "transposed and flipped": ((0, -1, 0), (-1, 0, 0)),
}


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT, None])
@pytest.mark.parametrize("row_column", TURNED.values(), ids=TURNED.keys())
def test_an_axial_crop_looks_the_same_however_it_was_stored(row_column, side):
    usual = bag_of(axial(2.0), POINT, side)
    turned = bag_of(plane_through((0, 0, 2), *row_column), POINT, side)
    assert np.abs(usual.astype(int) - turned).max() <= 1


@pytest.mark.parametrize("row_column", [
    ((0, 1, 0), (0, 0, -1)), ((0, -1, 0), (0, 0, -1)), ((0, 1, 0), (0, 0, 1)), ((0, 0, -1), (0, 1, 0)),
])  # fmt: skip
def test_a_sagittal_crop_looks_the_same_however_it_was_stored(row_column):
    usual = bag_of(sagittal(9.0), POINT, Side.RIGHT)
    turned = bag_of(plane_through((9, 0, 0), *row_column), POINT, Side.RIGHT)
    assert np.abs(usual.astype(int) - turned).max() <= 1


def test_sagittal_rows_go_to_the_feet_and_columns_to_the_back():
    crop = bag_of(sagittal(9.0), POINT, None, of=lambda p: p[..., 1].astype(np.float32)).astype(int)
    assert (np.diff(crop[30]) >= 0).all()
    assert crop[30, -1] > crop[30, 0] + 50
    crop = bag_of(sagittal(9.0), POINT, None, of=lambda p: p[..., 2].astype(np.float32)).astype(int)
    assert crop[0, 30] > crop[-1, 30] + 50


def test_axial_rows_go_to_the_back_and_columns_to_the_left():
    crop = bag_of(axial(2.0), POINT, None, of=lambda p: p[..., 0].astype(np.float32)).astype(int)
    assert crop[30, -1] > crop[30, 0] + 50
    crop = bag_of(axial(2.0), POINT, None, of=lambda p: p[..., 1].astype(np.float32)).astype(int)
    assert crop[-1, 30] > crop[0, 30] + 50


def test_a_mirrored_patient_asked_for_the_right_gives_what_the_left_gave():
    """The proof that one grader serves both sides, and that left and right cannot be exchanged on the way."""
    levels = {k: p + np.array([1.5, 0, 0]) for k, p in DISCS.items()}
    mirrored = {k: p * [-1, 1, 1] for k, p in levels.items()}
    planes = [axial(z, size=241) for z in (-3.0, 1.0, 4.0)]
    patient = Series("1", tuple(picture(p, f"1.{n}") for n, p in enumerate(planes)))
    twin = Series("1", tuple(picture(p, f"1.{n}", of=lambda q: scene(q * [-1, 1, 1])) for n, p in enumerate(planes)))
    left = cut_place(patient, windows_of(patient), LEFT_RECESS, place_points(levels)[LEFT_RECESS, Level.L3_L4], SPEC)
    right = cut_place(twin, windows_of(twin), RIGHT_RECESS, place_points(mirrored)[RIGHT_RECESS, Level.L3_L4], SPEC)
    assert left is not None
    assert right is not None
    assert np.abs(left.crops.astype(int) - right.crops).max() <= 1
    wrong = cut_place(twin, windows_of(twin), LEFT_RECESS, place_points(mirrored)[LEFT_RECESS, Level.L3_L4], SPEC)
    assert wrong is not None
    assert np.abs(left.crops.astype(int) - wrong.crops).max() > 20


def test_sagittal_crops_are_never_mirrored():
    assert_array_equal(bag_of(sagittal(9.0), POINT, Side.RIGHT), bag_of(sagittal(9.0), POINT, Side.LEFT))


def test_slices_of_differing_pixel_spacing_show_the_same_millimetres():
    fine, coarse = axial(2.0, spacing=(0.25, 0.25), size=400), axial(2.0, spacing=(0.5, 0.8), size=160)
    a, b = bag_of(fine, POINT, None), bag_of(coarse, POINT, None)
    assert np.abs(a.astype(int) - b).mean() < 2


def test_outside_the_picture_is_black_even_when_intensities_are_signed():
    small = axial(2.0, size=40)  # 20 mm of picture, 32 mm of crop
    crop = bag_of(small, np.array([0.0, 0, 2.0]), None, of=lambda p: p[..., 0].astype(np.float32) - 500)
    assert crop[0].max() == 0
    assert crop[32, 32] > 60


def test_the_box_is_the_crop_in_the_slices_own_pixels_and_inside_it():
    plane = axial(2.0, spacing=(0.5, 0.8))
    x0, y0, x1, y1 = crop_box(picture(plane), POINT, 32.0)
    assert (x1 - x0) * 0.8 == pytest.approx(32.0)
    assert (y1 - y0) * 0.5 == pytest.approx(32.0)
    assert_allclose(plane.to_patient(((x0 + x1) / 2, (y0 + y1) / 2)), POINT, atol=1e-9)
    near_edge = crop_box(picture(plane), plane.to_patient((1.0, 159.0)), 32.0)
    assert near_edge[0] == 0
    assert near_edge[3] == 159


def test_no_slice_no_bag():
    far = series_of(axial(60))
    assert cut_place(far, windows_of(far), LEFT_RECESS, POINT, SPEC) is None
    with pytest.raises(ValueError, match="one crop, one slice"):
        Bag(np.zeros((0, 4, 4), np.uint8), (), ())


def test_a_slice_without_position_cannot_be_cut():
    lost = Slice("9", np.zeros((8, 8), np.float32), None)
    with pytest.raises(ValueError, match="without a position"):
        cut([lost], {("9", 1): None}, POINT, SPEC)


def test_the_spec_says_how_many_slices():
    stack = series_of(*(axial(z) for z in (-4, -2, 0, 2, 4)))
    bag = cut_place(stack, windows_of(stack), LEFT_RECESS, POINT, replace(SPEC, slices=2))
    assert bag is not None
    assert bag.crops.shape == (2, 64, 64)
    assert [s.plane.position for s in bag.slices] == [2, 4] or [s.plane.position for s in bag.slices] == [0, 2]


def bag_of(plane: ImagePlane, point, side, of=scene) -> np.ndarray:
    """The one crop of a one-slice series, with a window that does not depend on what the picture shows."""
    one = Series("1", (picture(plane, "1.0", of),))
    values = of(np.stack(np.meshgrid([-40.0, 40], [-40.0, 40], [-40.0, 40]), -1))
    from appliance.core.preprocessing import Window

    return cut(one.slices, {("1.0", 1): Window(float(values.min()), float(values.max()))}, point, SPEC, side).crops[0]
