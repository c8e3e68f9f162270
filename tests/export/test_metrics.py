"""Figures against numbers worked out by hand or by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.core.spine import SEVERITIES, Condition, Level
from export import metrics
from export.metrics import Graded

TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 0])
SAID = np.array([0, 0, 1, 0, 1, 2, 0, 2, 1, 0])
COUNTS = metrics.confusion(TRUTH, SAID)


def test_confusion_has_truth_in_rows():
    assert COUNTS.tolist() == [[4, 1, 0], [1, 1, 1], [0, 1, 1]]


def test_rates_by_hand():
    assert metrics.accuracy(COUNTS) == 0.6
    assert metrics.recall(COUNTS) == pytest.approx([4 / 5, 1 / 3, 1 / 2])
    assert metrics.precision(COUNTS) == pytest.approx([4 / 5, 1 / 3, 1 / 2])
    assert metrics.macro_f1(COUNTS) == pytest.approx((4 / 5 + 1 / 3 + 1 / 2) / 3)


def test_kappa_and_f1_as_scikit_learn_has_them():
    sk = pytest.importorskip("sklearn.metrics")
    assert metrics.quadratic_kappa(COUNTS) == pytest.approx(sk.cohen_kappa_score(TRUTH, SAID, weights="quadratic"))
    assert metrics.macro_f1(COUNTS) == pytest.approx(sk.f1_score(TRUTH, SAID, average="macro"))


def test_a_class_that_never_comes_up_does_not_count():
    counts = metrics.confusion(np.array([0, 0, 1]), np.array([0, 0, 1]))
    assert metrics.macro_f1(counts) == 1.0
    assert np.isnan(metrics.recall(counts)[2])


def test_one_class_only_has_no_kappa():
    assert np.isnan(metrics.quadratic_kappa(metrics.confusion(np.zeros(4, int), np.zeros(4, int))))


def test_log_loss_weighs_severe_four_times():
    p = np.array([[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    expected = (1 * -np.log(0.8) + 4 * -np.log(0.6)) / 5
    assert metrics.weighted_log_loss(np.array([0, 2]), p) == pytest.approx(expected)


def test_a_certain_error_costs_much_but_not_infinitely():
    assert 30 < metrics.weighted_log_loss(np.array([2]), np.array([[1.0, 0, 0]])) < 40


def test_calibration_error_of_honest_and_of_boastful_answers():
    honest = np.tile([0.75, 0.15, 0.10], (100, 1))
    truth = np.array([0] * 75 + [1] * 25)
    assert metrics.calibration_error(truth, honest) == pytest.approx(0)
    assert metrics.calibration_error(truth, np.tile([1.0, 0, 0], (100, 1))) == pytest.approx(0.25)


def case(study: str, rank: int, probabilities, condition=Condition.SPINAL_CANAL_STENOSIS, level=Level.L4_L5) -> Graded:
    return Graded(study, condition, level, SEVERITIES[rank], probabilities)


def test_any_severe_takes_maxima_over_the_levels_of_a_study():
    cases = [
        case("a", 0, (0.9, 0.05, 0.05)),
        case("a", 2, (0.3, 0.3, 0.4), level=Level.L5_S1),
        case("b", 1, (0.5, 0.3, 0.2)),
    ]
    expected = (4 * -np.log(0.4) + 2 * -np.log(0.8)) / 6
    assert metrics.any_severe_loss(cases) == pytest.approx(expected)


def test_the_official_score_is_the_mean_of_four_losses():
    p = (0.6, 0.3, 0.1)
    cases = [case("a", 0, p, condition) for condition in Condition]
    found = metrics.official_score(cases)
    assert set(found) == {"canal", "foraminal", "subarticular", "any_severe_canal", "score"}
    assert found["canal"] == pytest.approx(-np.log(0.6))
    assert found["any_severe_canal"] == pytest.approx(-np.log(0.9))
    assert found["score"] == pytest.approx((3 * -np.log(0.6) - np.log(0.9)) / 4)


def test_always_normal_is_as_accurate_as_there_are_normals():
    cases = [case("a", 0, (0.1, 0.8, 0.1)), case("b", 2, (0.1, 0.1, 0.8)), case("c", 0, (1.0, 0, 0))]
    found = metrics.summary(metrics.always_normal(cases))
    assert found["accuracy"] == found["always_normal_accuracy"] == pytest.approx(2 / 3)


def test_macro_f1_by_place_looks_at_each_place_by_itself():
    cases = [case("a", 0, (1.0, 0, 0)), case("a", 1, (1.0, 0, 0), level=Level.L1_L2)]
    found = metrics.macro_f1_by_place(cases)
    assert found[Condition.SPINAL_CANAL_STENOSIS, Level.L4_L5] == 1
    assert found[Condition.SPINAL_CANAL_STENOSIS, Level.L1_L2] == 0


def test_the_constant_prior_is_the_best_constant():
    cases = [case(str(n), rank, (1.0, 0, 0)) for n, rank in enumerate([0, 0, 0, 0, 1, 2])]
    best = metrics.weighted_log_loss(*metrics.arrays(metrics.constant_prior(cases)))
    for other in ((0.5, 0.2, 0.3), (0.3, 0.3, 0.4), (0.8, 0.1, 0.1)):
        told = [case(str(n), c.truth.rank, other) for n, c in enumerate(cases)]
        assert best < metrics.weighted_log_loss(*metrics.arrays(told))
