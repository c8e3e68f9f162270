"""Good pictures pass; T1 sold as T2, T2 sold as T1 and black places do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from appliance.adapters.fake_models import FakeDetector, fake_graders
from appliance.core.plausibility import CLEARLY_BRIGHTER, doubtful_sequences, is_void, sac_to_marrow
from appliance.core.report import Reason, Report
from appliance.core.series_selection import choose_series
from appliance.core.spine import LEVELS, Region
from appliance.core.study import Series
from appliance.pipeline import Models, read_study
from tests.core.make_values import T1, T2, axial, sagittal, study
from tests.make_dicom import DISCS_Z

POINTS = {level: np.array([0.0, 0.0, z]) for level, z in zip(LEVELS, DISCS_Z, strict=True)}
GOOD_T1, GOOD_T2 = sagittal("t1", T1), sagittal("t2", T2)
T1_SOLD_AS_T2, T2_SOLD_AS_T1 = replace(GOOD_T1, contrast=T2), replace(GOOD_T2, contrast=T1)


def doubtful(*series: Series) -> set[Region]:
    return set(doubtful_sequences(choose_series(study(*series)), POINTS))


def read(*series: Series) -> Report:
    return read_study(study(*series), Models(FakeDetector(), fake_graders()), datetime(2026, 1, 2, tzinfo=UTC))


def reasons(report: Report, region: Region) -> set[Reason | None]:
    return {f.reason for f in report.findings if f.condition.region is region}


def test_the_sac_is_bright_on_t2_and_dark_on_t1() -> None:
    middle = len(GOOD_T2.slices) // 2
    bright, dark = (sac_to_marrow(s.slices[middle], POINTS) for s in (GOOD_T2, GOOD_T1))
    assert bright > CLEARLY_BRIGHTER > 1 > dark


def test_a_good_study_is_not_doubted() -> None:
    assert doubtful(GOOD_T1, GOOD_T2) == set()
    assert doubtful(GOOD_T2) == doubtful(GOOD_T1) == set()


def test_each_series_that_is_another_is_doubted() -> None:
    assert doubtful(T1_SOLD_AS_T2) == {Region.CANAL}
    assert doubtful(T2_SOLD_AS_T1) == {Region.FORAMINAL}
    swapped = replace(T1_SOLD_AS_T2, series_uid="a"), replace(T2_SOLD_AS_T1, series_uid="b")
    assert doubtful(*swapped) == {Region.CANAL, Region.FORAMINAL}


def test_without_levels_nothing_is_doubted() -> None:
    assert doubtful_sequences(choose_series(study(T1_SOLD_AS_T2)), {}) == frozenset()


def test_a_doubtful_series_is_not_graded_and_says_why() -> None:
    report = read(T1_SOLD_AS_T2, axial())
    assert reasons(report, Region.CANAL) == {Reason.SEQUENCE_DOUBTFUL}
    assert reasons(report, Region.SUBARTICULAR) == {None}


def test_a_place_is_void_when_most_of_its_slices_are_black_in_the_middle() -> None:
    grey = np.full((5, 32, 32), 90, np.uint8)
    hole = grey.copy()
    hole[:3, 8:24, 8:24] = 0
    assert not is_void(grey)
    assert is_void(hole)
    one_slice = grey.copy()
    one_slice[0] = 0
    assert not is_void(one_slice)
    rim = np.zeros((1, 32, 32), np.uint8)
    rim[:, 8:24, 8:24] = 90
    assert not is_void(rim)


def test_metal_at_one_level_takes_that_level_alone() -> None:
    z = DISCS_Z[3]
    pictures = []
    for s in GOOD_T2.slices:
        pixels = s.pixels.copy()
        row, column = (128 - z) / 2, (128 + 27) / 2
        pixels[round(row) - 12 : round(row) + 12, round(column) - 12 : round(column) + 14] = 0
        pictures.append(replace(s, pixels=pixels))
    report = read(GOOD_T1, replace(GOOD_T2, slices=tuple(pictures)), axial())
    canal = [f for f in report.findings if f.condition.region is Region.CANAL]
    assert [f.level for f in canal if f.reason is Reason.SIGNAL_VOID] == [LEVELS[3]]
