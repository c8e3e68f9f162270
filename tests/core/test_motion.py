"""A still spine passes; the same one measured while it moved does not, whatever contrast curve or storage it comes in."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from statistics import median

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.adapters.fake_models import FakeDetector
from appliance.core.localisation import localise
from appliance.core.motion import is_beyond, region, scores, statistics
from appliance.core.plan import plan_study
from appliance.core.plausibility import MOVED_AT_LEAST, has_moved
from appliance.core.report import Reason
from appliance.core.series_selection import Selection, choose_series
from appliance.core.spine import Level, Region
from appliance.core.study import Series
from appliance.reading import read_path
from appliance.selftest import EXPECTED, STUDY
from tests.core.make_values import sagittal

POINTS = {
    Level(one["level"]): np.array(one["position_mm"]) for one in json.loads(EXPECTED.read_text("utf-8"))["levels"]
}


@cache
def good() -> Selection:
    """The self-test's phantom: real enough to have edges everywhere, which a drawing of boxes has not."""
    return choose_series(read_path(STUDY))


def still(of: Region = Region.CANAL) -> Series:
    series = {Region.CANAL: good().sagittal_t2, Region.FORAMINAL: good().sagittal_t1}[of]
    assert series is not None
    return series


def measured_while_moving(series: Series, axis: int = 0, mm: float = 4.0) -> Series:
    """Twenty shots of interleaved k-space lines, the picture at another place in each."""
    rng = np.random.default_rng(3)
    px = rng.normal(0, mm, 20) / series.slices[0].plane.row_spacing  # type: ignore[union-attr]

    def spoilt(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        line = np.fft.fftfreq(pixels.shape[axis])
        shot = np.argsort(np.argsort(line)) % len(px)
        phase = np.exp(-2j * np.pi * line * px[shot])
        k_space = np.fft.fft2(pixels) * (phase[:, None] if axis == 0 else phase[None, :])
        return np.asarray(np.abs(np.fft.ifft2(k_space)), dtype=np.float32)

    return replace(series, slices=tuple(replace(s, pixels=spoilt(s.pixels)) for s in series.slices))


def score(series: Series) -> float:
    return median(scores(series, POINTS))


@pytest.mark.parametrize("of", [Region.CANAL, Region.FORAMINAL])
@pytest.mark.parametrize("axis", [0, 1], ids=["phase head-feet", "phase front-back"])
def test_motion_is_seen_on_either_sequence_along_either_phase_direction(of: Region, axis: int) -> None:
    assert not has_moved(still(of), POINTS, of)
    assert has_moved(measured_while_moving(still(of), axis), POINTS, of)


def test_more_motion_scores_higher() -> None:
    scores = [score(measured_while_moving(still(), mm=mm)) for mm in (0.0, 1.0, 4.0)]
    assert scores == sorted(scores)


def test_another_contrast_curve_changes_next_to_nothing() -> None:
    other = replace(still(), slices=tuple(replace(s, pixels=3 * np.sqrt(s.pixels) + 7) for s in still().slices))
    assert score(other) == pytest.approx(score(still()), abs=0.5)


def test_a_picture_smaller_than_the_region_is_judged_as_far_as_it_goes() -> None:
    middle = still().slices[len(still().slices) // 2]
    grey = region(middle, POINTS)
    assert grey.shape[1] == 112 and 150 <= grey.shape[0] <= 192
    assert statistics(grey).shape == (16,)


def test_a_picture_stored_on_its_side_scores_the_same() -> None:
    def turned(series: Series) -> Series:
        planes = [s.plane for s in series.slices if s.plane is not None]
        slices = (
            replace(s, pixels=np.ascontiguousarray(s.pixels.T), plane=replace(
                p, row_direction=p.column_direction, column_direction=p.row_direction, rows=p.columns, columns=p.rows,
                row_spacing=p.column_spacing, column_spacing=p.row_spacing))
            for s, p in zip(series.slices, planes, strict=True)
        )  # fmt: skip
        return replace(series, slices=tuple(slices))

    moved = measured_while_moving(still())
    assert score(turned(moved)) == pytest.approx(score(moved), abs=0.05)


def test_too_little_to_see_is_never_motion() -> None:
    assert not is_beyond(still(), {Level.L4_L5: POINTS[Level.L4_L5]}, -np.inf)
    assert not is_beyond(replace(still(), slices=tuple(replace(s, plane=None) for s in still().slices)), POINTS, -np.inf)
    far = {level: point + np.array([0.0, 400.0, 0.0]) for level, point in POINTS.items()}
    assert not is_beyond(still(), far, -np.inf)


@pytest.mark.parametrize("slices", [1, 2, 3])
def test_the_median_of_the_slices_decides_however_few_had_to_be_looked_at(slices: int) -> None:
    series = replace(still(), slices=still().slices[:slices])
    found = list(scores(series, POINTS))
    assert len(found) == slices
    for threshold in (min(found) - 1, median(found) - 0.01, median(found) + 0.01, max(found) + 1):
        assert is_beyond(series, POINTS, threshold) == (median(found) > threshold)


def test_a_flat_picture_gives_a_number() -> None:
    flat = replace(still(), slices=tuple(replace(s, pixels=np.full_like(s.pixels, 90)) for s in still().slices))
    assert np.isfinite(score(flat))


def test_axial_series_are_never_judged() -> None:
    assert Region.SUBARTICULAR not in MOVED_AT_LEAST
    assert not has_moved(measured_while_moving(still()), POINTS, Region.SUBARTICULAR)


def test_a_series_that_moved_serves_nothing_and_the_others_go_on() -> None:
    found = replace(localise(sagittal(), FakeDetector()), points=POINTS)
    assert Reason.MOTION not in plan_study(good(), found).regions.values()
    plan = plan_study(replace(good(), sagittal_t2=measured_while_moving(still())), found)
    refused = {region for region, serving in plan.regions.items() if serving is Reason.MOTION}
    assert refused == {Region.CANAL}
