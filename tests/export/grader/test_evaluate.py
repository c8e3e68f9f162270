"""The evaluation: the same for any grader, honest about left and right, and never without its zero line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("numba", reason="the export extra is not installed")

from appliance.core.models import Grade, GraderSpec, ModelIdentity
from appliance.core.spine import SEVERITIES, Condition, Level, Region, Side
from export.datasets.phantom import labelled_rendering
from export.grader import evaluate
from export.grader.data import bags_of, save_bags
from export.grader.focus import render_for_crops
from export.metrics import Graded
from export.phantom import PhantomOptions, render_study

SPECS = {r: GraderSpec(r, size_px=32, crop_mm=48.0, slices=3) for r in Region}
OPTIONS = PhantomOptions(quirks=False, max_matrix=96, simple_geometry=True)


class Brightest:
    """A grader that looks at nothing but the mean grey: enough to show what it was given."""

    identity = ModelIdentity("brightest", "0", "", "FP32")

    def __init__(self, region: Region) -> None:
        self.spec = SPECS[region]
        self.seen: list[np.ndarray] = []

    def grade(self, crops: np.ndarray) -> Grade:
        self.seen.append(crops)
        share = float(crops.mean() / 255)
        return Grade((1 - share, share / 2, share / 2), (1 / len(crops),) * len(crops))


@pytest.fixture(scope="module")
def labelled():
    return labelled_rendering(render_study(9, 0, OPTIONS))


def sure(rank: int) -> tuple[float, float, float]:
    return tuple(0.98 if n == rank else 0.01 for n in range(3))  # type: ignore[return-value]


def test_all_25_places_are_graded_from_their_own_series(labelled):
    graders = {region: Brightest(region) for region in Region}
    grades = evaluate.grade_study(graders, labelled, labelled.load())
    assert len(grades) == 25
    assert all(crops.shape[1:] == (32, 32) for g in graders.values() for crops in g.seen)
    assert [len(g.seen) for g in graders.values()] == [5, 10, 10]


def test_cached_crops_and_whole_studies_give_the_same_answers(labelled, tmp_path):
    study = labelled.load()
    for spec in SPECS.values():
        save_bags(tmp_path / "a", bags_of(labelled, study, spec))
    graders = {region: Brightest(region) for region in Region}
    whole = {(c.condition, c.level): c.probabilities for c in evaluate.graded_cases(graders, [labelled], seed=None)}
    cached = evaluate.cached_cases(graders, [tmp_path / "a"], seed=None)
    assert len(cached) == len(whole) == 25
    for case in cached:
        assert case.probabilities == pytest.approx(whole[case.condition, case.level], abs=1e-6)
    shifted = evaluate.cached_cases(graders, [tmp_path / "a"], seed=3)
    assert any(a.probabilities != b.probabilities for a, b in zip(cached, shifted, strict=True))


def test_exchanged_sides_are_noticed():
    level = Level.L4_L5
    left, right = Condition.LEFT_SUBARTICULAR_STENOSIS, Condition.RIGHT_SUBARTICULAR_STENOSIS

    def pair(said_left: int, said_right: int) -> list[Graded]:
        return [Graded("a", left, level, SEVERITIES[2], sure(said_left)),
                Graded("a", right, level, SEVERITIES[0], sure(said_right))]  # fmt: skip

    assert evaluate.exchanged_sides(pair(2, 0)) == {"one_sided": 1, "exchanged": 0, "severe_side_missed": 0}
    assert evaluate.exchanged_sides(pair(0, 2)) == {"one_sided": 1, "exchanged": 1, "severe_side_missed": 1}
    both_normal = [replace(c, truth=SEVERITIES[0]) for c in pair(0, 0)]
    assert evaluate.exchanged_sides(both_normal)["one_sided"] == 0


def test_one_sided_phantoms_are_narrow_on_one_side_only(monkeypatch):
    def small(seed: int, index: int, options: PhantomOptions):
        return render_study(seed, index, replace(options, max_matrix=48))

    monkeypatch.setattr("export.grader.focus.render_for_crops", small)
    for labelled, side in zip(evaluate.one_sided_studies(2), (Side.LEFT, Side.RIGHT), strict=True):
        ranks = {s: {p.severity.rank for p in labelled.places if p.condition.side is s} for s in Side}
        assert ranks[side] == {2}
        assert ranks[side.opposite] == {0}


def test_focused_rendering_is_the_same_study_where_crops_are_cut():
    fine, focused = (f(9, 1, OPTIONS) for f in (render_study, render_for_crops))
    assert focused.truth == fine.truth
    labels = labelled_rendering(fine)
    spec = SPECS[Region.SUBARTICULAR]
    a = bags_of(labels, labels.load(), spec)
    b = bags_of(labels, labelled_rendering(focused).load(), spec)
    assert a.labels == b.labels
    part = slice(12, 36)
    difference = np.abs(a.pictures[:, part, part].astype(int) - b.pictures[:, part, part])
    assert np.median(difference) <= 8
