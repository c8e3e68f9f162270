"""Attributes are doubted one by one."""

from __future__ import annotations

import math

import pytest

from appliance.core import dicom_tags as tags
from appliance.core.geometry import Plane

PLACED = {
    "ImagePositionPatient": [1, 2, 3],
    "ImageOrientationPatient": [0, 1, 0, 0, 0, -1],
    "PixelSpacing": ["0.5", "0.6"],
}


def told(**values: object) -> tags.Tags:
    return values.get


def test_a_plane_needs_all_three_of_its_attributes_in_order() -> None:
    plane = tags.image_plane(told(**PLACED), 10, 20)
    assert plane is not None and plane.plane is Plane.SAGITTAL
    assert (plane.row_spacing, plane.column_spacing, plane.rows, plane.columns) == (0.5, 0.6, 10, 20)
    for missing in PLACED:
        assert tags.image_plane(told(**{**PLACED, missing: None}), 10, 20) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"PixelSpacing": [0, 0.5]},
        {"PixelSpacing": [0.5]},
        {"ImagePositionPatient": [1, 2, math.nan]},
        {"ImagePositionPatient": ["1", "2", "x"]},
        {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
        {"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]},
        {"ImageOrientationPatient": "0\\1\\0"},
    ],
)
def test_a_place_that_cannot_be_is_no_place(wrong: dict[str, object]) -> None:
    assert tags.image_plane(told(**{**PLACED, **wrong}), 10, 20) is None


def test_directions_that_were_rounded_are_made_whole() -> None:
    plane = tags.image_plane(told(**{**PLACED, "ImageOrientationPatient": [0, 0.97, 0, 0, 0, -1.02]}), 10, 20)
    assert plane is not None and plane.row_direction == (0, 1, 0)


def test_numbers_come_from_texts_lists_and_silence() -> None:
    assert tags.number(told(a="3.5"), "a") == 3.5
    assert tags.number(told(a=[7, 8]), "a") == 7
    assert tags.number(told(a=""), "a") is None
    assert tags.number(told(a=[]), "a") is None
    assert tags.number(told(a="inf"), "a") is None
    assert tags.whole(told(a="3"), "a") == 3


def test_text_is_one_clean_short_line() -> None:
    assert tags.text(told(a=" two\r\nlines\x00 "), "a") == "twolines"
    assert len(tags.text(told(a="x" * 10_000), "a")) == tags.LONGEST_TEXT


def test_an_inversion_time_of_zero_means_none_and_enhanced_names_are_known() -> None:
    contrast = tags.contrast(told(RepetitionTime=4000, EffectiveEchoTime=60.0, InversionTimes=[160.0], InversionTime=0))
    assert (contrast.repetition_time, contrast.echo_time, contrast.inversion_time) == (4000, 60, 160)
    assert tags.contrast(told(InversionTime=0)).inversion_time is None
