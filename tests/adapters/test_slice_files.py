"""Slices written are slices read: the same pictures, the same places, and nobody's name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from appliance.adapters.report_files import draw
from appliance.adapters.slice_files import FOLDER, discard_slices, read_index, read_slices, write_slices
from appliance.core.overlay import marked_pictures
from appliance.core.study import Patient, Series, Slice, Study
from tests.core.make_values import report, study


def test_the_pictures_come_back_exactly_where_they_lie(tmp_path: Path) -> None:
    write_slices(study(), tmp_path)
    again = read_slices(tmp_path)
    assert again is not None and again.study_uid == "1.2.3"
    for before, after in zip(study().series, again.series, strict=True):
        assert before.series_uid == after.series_uid and before.plane is after.plane
        for one, other in zip(before.slices, after.slices, strict=True):
            assert np.array_equal(one.pixels, other.pixels) and one.plane == other.plane
            assert (one.sop_uid, one.frame) == (other.sop_uid, other.frame)


def test_marked_pictures_can_be_drawn_anew_from_them(tmp_path: Path) -> None:
    write_slices(study(), tmp_path)
    again = read_slices(tmp_path)
    assert again is not None
    first, second = marked_pictures(report(), study()), marked_pictures(report(), again)
    assert [draw(p) for p in first] == [draw(p) for p in second]


@pytest.mark.parametrize(("low", "high"), [(-2000.0, 63000.0), (0.0, 1.0), (-0.5, 7e5), (3.0, 3.0)])
def test_any_range_of_intensities_keeps_sixteen_bits(tmp_path: Path, low: float, high: float) -> None:
    pixels = np.linspace(low, high, 48 * 40, dtype=np.float32).reshape(48, 40)
    write_slices(Study("1", (Series("s", (Slice("a", pixels, None),)),)), tmp_path)
    again = read_slices(tmp_path)
    assert again is not None
    assert np.abs(again.series[0].slices[0].pixels - pixels).max() <= (high - low) / 65_535 + 1e-6 * abs(high)


def test_nothing_that_names_a_patient_is_in_them(tmp_path: Path) -> None:
    named = replace(study(), patient=Patient("ID-77", "Doe^Jane", "19600101"), description="for Dr Who")
    write_slices(named, tmp_path)
    written = (tmp_path / FOLDER / "index.json").read_text()
    assert not any(word in written for word in ("Doe", "ID-77", "19600101", "Who"))


def test_what_is_discarded_or_damaged_is_not_there(tmp_path: Path) -> None:
    write_slices(study(), tmp_path)
    (tmp_path / FOLDER / "00_0000.gz").write_bytes(b"\x1f\x8bcut")
    assert read_slices(tmp_path) is None
    discard_slices(tmp_path)
    assert read_index(tmp_path) is None and not (tmp_path / FOLDER).exists()
