"""Pixels and millimetres, there and back, for pictures laid every way a scanner lays them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.geometry import ImagePlane, Plane


def sagittal(x: float = 0.0, **changes: object) -> ImagePlane:
    values = {
        "origin": (x, -100.0, 150.0), "row_direction": (0.0, 1.0, 0.0), "column_direction": (0.0, 0.0, -1.0),
        "row_spacing": 0.5, "column_spacing": 0.6, "rows": 400, "columns": 320, **changes,
    }  # fmt: skip
    return ImagePlane(**values)  # type: ignore[arg-type]


def axial(tilt_degrees: float = 0.0) -> ImagePlane:
    a = np.radians(tilt_degrees)
    down = (0.0, float(np.cos(a)), float(-np.sin(a)))
    return ImagePlane((-90.0, -90.0, 40.0), (1.0, 0.0, 0.0), down, 0.5, 0.5, 360, 360)


def test_the_first_pixel_lies_at_image_position_patient() -> None:
    assert sagittal().to_patient((0.0, 0.0)) == pytest.approx([0.0, -100.0, 150.0])


def test_a_column_to_the_right_of_a_sagittal_picture_is_further_back_and_a_row_down_nearer_the_feet() -> None:
    plane = sagittal()
    assert plane.to_patient((1.0, 0.0)) == pytest.approx([0.0, -99.4, 150.0])
    assert plane.to_patient((0.0, 1.0)) == pytest.approx([0.0, -100.0, 149.5])


@given(x=st.floats(0, 319), y=st.floats(0, 399), tilt=st.floats(-35, 35))
def test_there_and_back_again(x: float, y: float, tilt: float) -> None:
    plane = axial(tilt)
    assert plane.to_pixel(plane.to_patient((x, y))) == pytest.approx([x, y], abs=1e-6)


@pytest.mark.parametrize("tilt", [-30.0, 0.0, 35.0])
def test_disc_parallel_stacks_are_still_axial(tilt: float) -> None:
    assert axial(tilt).plane is Plane.AXIAL


def test_a_picture_between_the_planes_is_oblique() -> None:
    assert axial(44.0).plane is Plane.OBLIQUE


def test_a_stack_seen_from_the_other_side_sorts_the_same_way() -> None:
    turned = sagittal(20.0, row_direction=(0.0, -1.0, 0.0))
    assert turned.position == pytest.approx(sagittal(20.0).position) == pytest.approx(20.0)
    assert turned.plane is Plane.SAGITTAL


def test_distance_counts_towards_the_patients_left() -> None:
    assert sagittal(5.0).distance((12.0, 0.0, 0.0)) == pytest.approx(7.0)


def test_contains_knows_the_edges() -> None:
    assert sagittal().contains((0.0, -100.2, 150.0))
    assert not sagittal().contains((0.0, -101.0, 150.0))


@pytest.mark.parametrize(
    "wrong",
    [
        {"row_direction": (0.0, 2.0, 0.0)},
        {"column_direction": (0.0, 1.0, 0.0)},
        {"row_spacing": 0.0},
        {"origin": (float("nan"), 0.0, 0.0)},
        {"rows": 0},
    ],
)
def test_a_plane_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"finite|Orientation|Spacing"):
        sagittal(**wrong)
