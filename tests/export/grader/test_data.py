"""Bags on disk are what the reading would cut; augmentation changes pictures and never labels."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

torch = pytest.importorskip("torch", reason="the export extra is not installed")

from appliance.core.crops import cut_place, place_points, windows_of  # noqa: E402
from appliance.core.geometry import ImagePlane  # noqa: E402
from appliance.core.models import GraderSpec  # noqa: E402
from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES, Condition, Level, Region  # noqa: E402
from appliance.core.study import Role, Series, Slice, Study  # noqa: E402
from export.datasets.sample import LabelledStudy, LevelLabel, PlaceLabel  # noqa: E402
from export.grader import data  # noqa: E402
from export.grader.augment import NONE, RANDOMISED, Strength, augment, choose_slices  # noqa: E402

SPEC = GraderSpec(Region.CANAL, size_px=32, crop_mm=32.0, slices=5)
PLACE = (Condition.SPINAL_CANAL_STENOSIS, Level.L3_L4)


@pytest.fixture(scope="module")
def study() -> Study:
    rng = np.random.default_rng(1)
    slices = tuple(
        Slice(f"1.{n}", rng.integers(0, 900, (128, 128)).astype(np.float32),
              ImagePlane((x, -64.0, 64.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), 1.0, 1.0, 128, 128))
        for n, x in enumerate(np.arange(-16.0, 17.0, 4.0))
    )  # fmt: skip
    return Study("1", (Series("1.1", slices),))


@pytest.fixture(scope="module")
def labelled(study) -> LabelledStudy:
    places = tuple(PlaceLabel(c, level, SEVERITIES[n % 3]) for n, level in enumerate(LEVELS) for c in CONDITIONS)
    levels = tuple(LevelLabel(level, (0.5, 0.0, 40.0 - 20 * n)) for n, level in enumerate(LEVELS))
    return LabelledStudy("test", "p", "s1", lambda: study, {"1.1": Role.SAGITTAL_T2}, places=places, levels=levels)


@pytest.fixture(scope="module")
def bags(labelled, study) -> data.BagSet:
    return data.bags_of(labelled, study, SPEC, {PLACE: 0.4})


def test_the_middle_of_a_cached_crop_is_what_the_reading_cuts(bags, labelled, study):
    point = place_points({x.level: np.array(x.position_mm) for x in labelled.levels})[PLACE]
    read = cut_place(study.series, windows_of(study.series), PLACE[0], point, SPEC)
    bag = next(b for b in bags.labels if b.level is PLACE[1])
    shown = data.reading_slices(bag, SPEC)
    assert read is not None
    assert_array_equal(data.middle(bags.pictures[shown], SPEC.size_px), read.crops)


def test_labels_and_measures_go_with_their_places(bags):
    assert [b.rank for b in bags.labels] == [0, 1, 2, 0, 1]
    assert {b.level: b.measure for b in bags.labels}[Level.L3_L4] == 0.4
    assert bags.labels[0].measure is None


def test_places_left_open_by_the_labellers_are_left_out(labelled, study):
    open_ones = replace(labelled, places=tuple(replace(p, severity=None) for p in labelled.places))
    assert len(data.bags_of(open_ones, study, SPEC)) == 0


def test_a_study_without_the_series_gives_no_bags(labelled, study):
    without = replace(labelled, roles={"1.1": Role.SAGITTAL_T1})
    assert len(data.bags_of(without, study, SPEC)) == 0


def test_stir_serves_the_canal_when_there_is_no_t2(labelled, study):
    assert len(data.bags_of(replace(labelled, roles={"1.1": Role.SAGITTAL_STIR}), study, SPEC)) == 5


def test_bags_come_back_from_disk_as_they_were(bags, tmp_path):
    for name in ("a", "b"):
        data.save_bags(tmp_path / name, bags)
    back = data.load_bags(tmp_path.glob("*"), SPEC)
    assert len(back) == 10
    assert back.labels[:5] == bags.labels
    assert back.labels[7].start == bags.labels[2].start + len(bags.pictures)
    assert_array_equal(back.pictures[: len(bags.pictures)], bags.pictures)


def test_crops_of_another_spec_are_not_taken(bags, tmp_path):
    data.save_bags(tmp_path / "a", bags)
    assert not data.has_bags(tmp_path / "a", replace(SPEC, crop_mm=40.0))
    assert len(data.load_bags(tmp_path.glob("*"), replace(SPEC, crop_mm=40.0))) == 0
    assert json.loads((tmp_path / "a" / "canal.json").read_text())["spec"]["region"] == "canal"


def test_a_shifted_point_takes_other_slices(bags):
    bag = bags.labels[0]
    here, there = data.reading_slices(bag, SPEC), data.reading_slices(bag, SPEC, 5.0)
    assert len(here) == len(there) == 5
    assert there[0] == here[0] - 1 or there[0] == here[0] + 1


def test_a_point_beyond_all_slices_keeps_the_nearest(bags):
    assert len(data.reading_slices(bags.labels[0], SPEC, 80.0)) == 1


def test_rare_grades_weigh_more():
    weights = data.class_weights(np.array([0] * 90 + [1] * 9 + [2]))
    assert weights[0] < weights[1] < weights[2]
    assert weights.mean() == pytest.approx(1)


# --- augmentation -------------------------------------------------------------------------------------------------
def raw(bags: data.BagSet) -> torch.Tensor:
    return torch.from_numpy(bags.pictures[:4])[:, None].float()


def test_no_augmentation_is_the_reading_itself(bags):
    out = augment(raw(bags), torch.zeros(4, dtype=torch.long), 1, SPEC, np.random.default_rng(0), NONE)
    assert np.abs(out[:, 0].numpy() - data.middle(bags.pictures[:4], 32)).max() < 0.5


def test_a_random_curve_keeps_the_order_of_grey():
    size = SPEC.size_px
    ramp = torch.linspace(0, 255, size).repeat(1, 1, size, 1)
    curved = replace(NONE, curve=1.0)
    out = augment(ramp, torch.zeros(1, dtype=torch.long), 1, SPEC, np.random.default_rng(2), curved)[0, 0, size // 2]
    assert (out.diff() >= 0).all() and out.max() > 200
    assert (out - ramp[0, 0, 0]).abs().max() > 10


@pytest.mark.parametrize("strength", [Strength(), RANDOMISED])
def test_augmentation_is_seeded_and_stays_in_range(bags, strength):
    first, again = (
        augment(raw(bags), torch.tensor([0, 0, 1, 1]), 2, SPEC, np.random.default_rng(5), strength) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert first.shape == (4, 1, 32, 32)
    assert 0 <= float(first.min()) < float(first.max()) <= 255


def test_a_shift_moves_the_picture_by_millimetres():
    wide = torch.zeros(1, 1, 48, 48)
    wide[..., 24, 24] = 255.0
    spec = replace(SPEC, size_px=32, crop_mm=16.0)  # 2 px a millimetre
    strength = replace(NONE, shift_mm=2.0)
    found = []
    for seed in range(40):
        out = augment(wide, torch.zeros(1, dtype=torch.long), 1, spec, np.random.default_rng(seed), strength)[0, 0]
        y, x = np.unravel_index(int(out.argmax()), out.shape)
        found.append((x - 16, y - 16))
    assert 2 < np.std(found) < 6, "4 px is 2 mm"
    assert np.abs(found).max() <= 9, "cut off at twice the deviation"


def test_dropped_slices_never_take_the_nearest_along(bags):
    rng = np.random.default_rng(0)
    strength = Strength(along_mm=0.0, dropout=1.0)
    bag = bags.labels[2]
    nearest = bag.start + int(np.argmin(np.abs(bag.offsets_mm)))
    counts = set()
    for _ in range(50):
        shown = choose_slices(bag, SPEC, rng, strength)
        assert nearest in shown
        assert shown == sorted(shown)
        counts.add(len(shown))
    assert counts == {1, 2, 3, 4}
