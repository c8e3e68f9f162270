"""Real canals as training crops: graded by the phantom's rule, never of a held-out patient, the same each time."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("cv2", reason="the export extra is not installed")

from appliance.core.models import GraderSpec
from appliance.core.spine import Level, Region
from export.datasets import spider
from export.grader import real_canals
from export.grader.data import BagLabel, load_bags
from export.phantom.grades import CANAL
from tests.export.evaluation.test_real_pictures import stack

SPEC = GraderSpec(Region.CANAL, size_px=64, crop_mm=56.0, slices=5)


def test_variants_hold_the_stack_as_it_is_and_canals_drawn_deeper_and_narrower():
    real, drawn = (real_canals.variant(stack(26), number, 1, SPEC) for number in (0, 1))
    assert {label.rank for label in real.labels} == {0}
    assert len({round(label.measure, 2) for label in drawn.labels}) > 2
    for label in drawn.labels:
        area = 75 + 25 * label.measure
        assert label.rank == CANAL.severity(area).rank


def test_a_variant_is_the_same_for_the_same_seed():
    once, again = (real_canals.variant(stack(26), 2, 1, SPEC) for _ in range(2))
    assert np.array_equal(once.pictures, again.pictures) and once.labels == again.labels


def test_no_canal_is_asked_to_change_past_what_its_texture_bears():
    rng = np.random.default_rng(0)
    for _ in range(50):
        (wish,) = real_canals.wishes({Level.L4_L5: 12.0}, rng).values() or (None,)
        assert wish is None or max(3.5, 0.35 * 12.0) <= wish.depth_mm <= 14.5


def test_held_out_patients_are_never_prepared(tmp_path, monkeypatch):
    patients = [str(n) for n in range(1, 13)]
    assert any(map(spider.held_out, patients)) and not all(map(spider.held_out, patients))
    monkeypatch.setattr(real_canals, "stacks", lambda *_, **__: [stack(26, p) for p in patients])
    real_canals.prepare(tmp_path, tmp_path / "cache", 0, 1, SPEC)
    found = {f.name.rsplit("-", 1)[0] for f in (tmp_path / "cache").iterdir()}
    assert found == {p for p in patients if not spider.held_out(p)}


def test_a_patient_can_be_left_out_of_what_was_prepared(tmp_path, monkeypatch):
    own = [p for p in map(str, range(1, 13)) if not spider.held_out(p)][:3]
    monkeypatch.setattr(real_canals, "stacks", lambda *_, **__: [stack(26, p) for p in own])
    real_canals.prepare(tmp_path, tmp_path / "cache", 0, 1, SPEC)
    bags = load_bags(real_canals.folders(tmp_path / "cache", without=own[:1]), SPEC)
    assert {b.study.rsplit("-", 1)[0] for b in bags.labels} == set(own[1:])


def test_a_bag_is_graded_by_its_depth():
    label = BagLabel("x", real_canals._CONDITION, Level.L4_L5, 0, 0, 1, (0.0,), 6.0)
    assert real_canals.graded(label, "1-00").rank == 2
