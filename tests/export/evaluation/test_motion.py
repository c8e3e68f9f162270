"""Motion is drawn line by line of k-space; what was fitted and measured says what it stands on."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("cv2", reason="the export extra is not installed")

from appliance.adapters.fake_models import FakeDetector
from appliance.core.motion import LAGS, STEPS, WEIGHTS
from appliance.core.spine import Region
from export.evaluation.motion import Verdict, _table, fitted, logistic, verdicts_on
from export.evaluation.motion_drawing import AMOUNTS_MM, MOTIONS, Motion, Order, any_motion, moved, poses
from export.evaluation.second_scanner import CHANGES, any_change
from export.evaluation.spider_midsagittal import Picture
from tests.core.make_values import T1, T2, sagittal

SPACING = (0.5, 0.5)


def spot(rows: int = 64, columns: int = 48) -> np.ndarray:
    picture = np.zeros((rows, columns), np.float32)
    picture[30:34, 20:24] = 100
    return picture


def still(shots: int, along: float = 0.0) -> np.ndarray:
    return np.tile([along, 0.0, 0.0], (shots, 1))


def way(order: Order = Order.INTERLEAVED, shots: int = 8, axis: int = 0) -> Motion:
    return Motion(lambda n, rng: rng.normal(size=n), order, shots, axis)


@pytest.mark.parametrize("axis", [0, 1])
def test_who_lies_still_is_shown_as_he_is(axis):
    assert moved(spot(), SPACING, way(axis=axis), still(8)) == pytest.approx(spot(), abs=1e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_who_lies_elsewhere_throughout_is_shown_elsewhere(axis):
    shown = moved(spot(), SPACING, way(axis=axis), still(8, along=2.0))
    assert shown == pytest.approx(np.roll(spot(), 4, axis), abs=1e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_every_other_line_moved_leaves_a_ghost_half_a_picture_away_along_the_phase(axis):
    at = still(2)
    at[1, 0] = 1.0
    ghost = moved(spot(), SPACING, way(shots=2, axis=axis), at)
    middle = np.roll(ghost, spot().shape[axis] // 2, axis)[30:34, 20:24]
    assert middle.max() > 10
    other = np.roll(ghost, spot().shape[1 - axis] // 2, 1 - axis)[30:34, 20:24]
    assert other.max() < 1


def test_turning_turns_about_the_middle():
    at = still(4)
    at[:, 2] = 90.0
    square = np.zeros((65, 65), np.float32)
    square[32, 50] = 100
    shown = moved(square, SPACING, way(shots=4), at)
    assert np.unravel_index(shown.argmax(), shown.shape) in {(14, 32), (50, 32)}


@pytest.mark.parametrize("name", list(MOTIONS))
def test_the_amount_is_the_deviation_along_the_phase(name):
    at = poses(MOTIONS[name], 3.0, np.random.default_rng(1))
    assert at[:, 0].std() == pytest.approx(3.0)
    assert at.shape == (MOTIONS[name].shots, 3)
    assert np.isfinite(at).all()


def test_what_is_fitted_to_has_both_axes_and_both_orders():
    rng = np.random.default_rng(0)
    drawn = [any_motion(rng) for _ in range(60)]
    assert {m.axis for m in drawn} == {0, 1}
    assert {m.order for m in drawn} == set(Order)


def test_weights_part_what_can_be_parted_and_there_is_one_for_each_statistic():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(200, 16)).astype(np.float32)
    has_moved = rows[:, 3] > 0.2
    weights, bias = logistic(rows, has_moved)
    assert (((rows @ weights + bias) > 0) == has_moved).mean() > 0.95
    assert len(WEIGHTS) == len(weights) == 2 * 2 * len(STEPS) * len(LAGS)


def middle(kind: str) -> Picture:
    series = sagittal(kind.lower(), T1 if kind == "T1" else T2)
    return Picture("1", kind, replace(series, slices=series.slices[5:6]))


def test_a_fit_gives_the_lines_that_the_program_holds():
    lines = fitted([middle("T1"), middle("T2")], FakeDetector()).splitlines()
    assert lines[0].startswith("WEIGHTS = (") and lines[0].count(",") == len(WEIGHTS) - 1
    assert lines[1].startswith("BIAS = ")
    assert [line.split(":")[0] for line in lines[2:]] == [Region.FORAMINAL, Region.CANAL]
    assert all(f"{1 + len(CHANGES)} good" in line for line in lines[2:])


def test_a_picture_is_judged_as_it_is_under_every_change_and_moved_in_every_way():
    found = Counter(v.group for v in verdicts_on(middle("T2"), FakeDetector()))
    heavy = {f"{grade} motion, {mm} mm": len(MOTIONS) for grade, mm in AMOUNTS_MM.items()}
    assert found == {"good": 1, "good, another scanner": len(CHANGES), **heavy}


def test_any_change_of_scanner_keeps_a_slice_of_any_shape():
    rng = np.random.default_rng(0)
    slices = rng.integers(0, 255, (1, 60, 44), dtype=np.uint8)
    shapes = {any_change(rng)(slices, rng).shape for _ in range(20)}
    assert shapes == {slices.shape}


def test_the_table_counts_what_motion_refuses_apart_from_what_was_not_found():
    said = ["motion"] * 6 + ["levels not named"] * 2 + ["passed"] * 2
    still = [Verdict("T2", "good", "as it is", "passed")]
    moving = [Verdict("T2", "heavy motion, 3.0 mm", case, s) for case in ("tremor", "sliding") for s in said]
    table = _table([*moving, *still], "a command")
    assert [row[2] for row in table.rows] == ["tremor", "sliding", "all of them", "as it is"]
    assert table.rows[2][3] == "20"
    assert [cell.split()[0] for cell in table.rows[2][4:]] == ["20.0%", "60.0%", "80.0%"]
