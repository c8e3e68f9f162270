"""What is measured on real pictures, proved on drawn ones whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("cv2", reason="the export extra is not installed")

from appliance.core.models import Grade, GraderSpec, ModelIdentity
from appliance.core.spine import LEVELS, Level, Region
from export.datasets.spider_canal import SPACING_MM, THIN_MM, Stack, areas, canal_bags, depths, thick_series
from export.evaluation import faults
from export.evaluation.depth import Measured, auc, correlation
from export.evaluation.folds import folds_of
from export.evaluation.intervals import by_patient, wilson
from export.evaluation.motion_drawing import MOTIONS
from export.evaluation.second_scanner import CHANGES
from export.evaluation.stability import rows_of
from tests.core.make_values import T1, T2, sagittal

ROWS, COLUMNS, DISC_COLUMN = 512, 256, 90
SPEC = GraderSpec(Region.CANAL, size_px=64, crop_mm=56.0, slices=5)


def stack(depth_px: int, patient: str = "1") -> Stack:
    """A straight spine: five discs, and a sac of known depth that fills the middle slices."""
    masks = np.zeros((20, ROWS, COLUMNS), np.uint8)
    middle = DISC_COLUMN + round(25.5 / SPACING_MM)
    masks[4:16, :, middle - depth_px // 2 : middle - depth_px // 2 + depth_px] = 3
    rows = np.linspace(60, 440, 5)
    front = np.array([9.5 * THIN_MM, DISC_COLUMN * SPACING_MM, 0.0])
    discs = {k: front - [0.0, 0.0, r * SPACING_MM] for k, r in zip(LEVELS, rows, strict=True)}
    pictures = np.where(masks == 3, 200, 60).astype(np.float32)
    return Stack(patient, pictures, masks, tuple(range(20)), discs)


def test_the_depth_of_a_drawn_sac_is_measured():
    found = depths(stack(32))
    for level in (Level.L2_L3, Level.L3_L4, Level.L4_L5):
        assert found[level] == pytest.approx(32 * SPACING_MM, abs=0.7)


def test_a_sac_that_leaves_the_stack_is_not_measured():
    full = stack(32)
    masks = np.roll(full.masks, 12, axis=0)
    masks[:12] = 0
    assert depths(replace(full, masks=masks)) == {}


def test_thin_slices_become_a_clinics_slices_round_the_midline():
    series = thick_series(stack(32))
    positions = [s.plane.position for s in series.slices if s.plane is not None]
    assert np.diff(positions) == pytest.approx(4 * THIN_MM, abs=0.5)
    assert min(abs(p - 9.5 * THIN_MM) for p in positions) < 0.5


def test_bags_are_ranked_by_depth():
    bags = canal_bags([stack(32, "wide"), stack(16, "narrow")], SPEC)
    assert {b.rank for b in bags.labels if b.study == "wide"} == {0}
    assert {b.rank for b in bags.labels if b.study == "narrow"} == {2}


def test_correlation_and_auc_of_a_grader_that_sees_and_of_one_that_does_not():
    depth = (5.0, 8.0, 11.0, 12.0, 14.0, 16.0)
    sees = [Measured(str(n), Level.L4_L5, d, 20 - d, 0) for n, d in enumerate(depth)]
    assert correlation(sees) == pytest.approx(1)
    assert auc(sees, 10) == auc(sees, 13) == 1
    blind = [replace(m, grade=1.0) for m in sees]
    assert np.isnan(correlation(blind))
    assert auc(blind, 10) == 0.5
    assert np.isnan(auc(sees, 3))


def test_auc_is_that_of_scikit_learn():
    sk = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    drawn = [Measured(str(n), Level.L4_L5, d, g, 0) for n, (d, g) in enumerate(rng.uniform(4, 18, (40, 2)))]
    expected = sk.roc_auc_score([m.depth_mm < 10 for m in drawn], [m.grade for m in drawn])
    assert auc(drawn, 10) == pytest.approx(expected)


class Fixed:
    """A grader that says the same of everything, or something else at every change of the mean grey."""

    spec, identity = SPEC, ModelIdentity("fixed", "0", "", "FP32")

    def __init__(self, by_grey: bool) -> None:
        self.by_grey = by_grey

    def grade(self, crops: np.ndarray) -> Grade:
        rank = int(crops.mean()) % 2 if self.by_grey else 0
        return Grade(tuple(np.eye(3)[rank]), (1 / len(crops),) * len(crops))  # type: ignore[arg-type]


def test_a_grader_that_looks_at_nothing_is_stable_and_one_that_looks_at_grey_is_not():
    bags = canal_bags([stack(32, "a"), stack(16, "b")], SPEC)
    stable = {row[0]: row[2] for row in rows_of(Fixed(by_grey=False), bags)}
    assert all(share.startswith("100.0%") for share in stable.values())
    shaky = {row[0]: row[2] for row in rows_of(Fixed(by_grey=True), bags)}
    assert not shaky["any of them"].startswith("100.0%")


@pytest.mark.parametrize("name", list(CHANGES))
def test_a_change_keeps_shape_and_type_and_changes_something(name):
    crops = np.random.default_rng(0).integers(0, 255, (3, 48, 48), dtype=np.uint8)
    changed = CHANGES[name](crops, np.random.default_rng(1))
    assert changed.shape == crops.shape and changed.dtype == np.uint8
    assert (changed != crops).any()


def test_faults_spoil_pictures_and_leave_geometry():
    good = sagittal("t2", T2)
    rng = np.random.default_rng(0)
    center = np.array([0.0, 20.0, 0.0])
    moved = faults.moved(good, 3.0, MOTIONS["sliding, line after line"], rng)
    for spoilt in (moved, faults.noise(good, rng), faults.void(good, center, 20.0)):
        assert [s.plane for s in spoilt.slices] == [s.plane for s in good.slices]
        assert any((a.pixels != b.pixels).any() for a, b in zip(spoilt.slices, good.slices, strict=True))
    hole = faults.void(good, center, 20.0).slices[5]
    x, y = (round(float(v)) for v in hole.plane.to_pixel(center))
    assert hole.pixels[y, x] == hole.pixels.min()
    assert faults.sold_as(good, T1).contrast == T1


def test_no_motion_changes_nothing():
    good = sagittal("t2", T2)
    still = faults.moved(good, 0.0, MOTIONS["tremor, phase front-back"], np.random.default_rng(0))
    assert still.slices[5].pixels == pytest.approx(good.slices[5].pixels, abs=0.01)


def test_a_share_of_none_and_of_all_still_has_an_interval():
    assert wilson(0, 20)[0] == 0 and 0.1 < wilson(0, 20)[1] < 0.2
    low, high = wilson(20, 20)
    assert 0.8 < low < 0.9 and high == pytest.approx(1)


def test_an_interval_draws_patients_not_rows():
    rows = {"a": [1.0] * 50, "b": [0.0] * 50}
    assert by_patient(rows, lambda r: float(np.mean(r)), resamples=200) == (0.0, 1.0)


def test_folds_keep_patients_together_and_test_each_once():
    patients = {f"study{n}": f"patient{n // 2}" for n in range(40)}
    folds = folds_of(patients, 5)
    tested = [s for fold in folds for s in fold.splits["test"]]
    assert sorted(tested) == sorted(patients)
    for fold in folds:
        groups = [{patients[s] for s in fold.splits[split]} for split in ("train", "val", "test")]
        assert all(groups)
        assert not groups[0] & groups[1] and not groups[0] & groups[2] and not groups[1] & groups[2]


def test_too_few_patients_for_the_folds_is_said():
    with pytest.raises(SystemExit, match="as many patients"):
        folds_of({"a": "a"}, 5)


def test_the_area_of_a_drawn_sac_is_measured():
    found = areas(stack(32))
    for level in (Level.L2_L3, Level.L3_L4, Level.L4_L5):
        assert found[level] == pytest.approx(32 * SPACING_MM * 12 * THIN_MM, rel=0.05)
