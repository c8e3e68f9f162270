"""Figures from patients' sums are the figures of the metrics, and those of scikit-learn; intervals follow patients."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES
from export import metrics
from export.evaluation.tally import figures, intervals, paired, tally_of
from export.metrics import Graded


def drawn_cases(patients: int = 30, seed: int = 0) -> list[Graded]:
    rng = np.random.default_rng(seed)
    cases = []
    for n in range(patients):
        for condition in CONDITIONS:
            for level in LEVELS:
                truth = int(rng.choice(3, p=(0.6, 0.25, 0.15)))
                raw = rng.dirichlet(np.ones(3)) + 0.6 * np.eye(3)[truth]
                p = tuple(float(v) for v in raw / raw.sum())
                cases.append(Graded(f"{n}", condition, level, SEVERITIES[truth], p))  # type: ignore[arg-type]
    return cases


CASES = drawn_cases()
TRUTH, PROBABILITIES = metrics.arrays(CASES)
SAID = PROBABILITIES.argmax(axis=1)


def test_sums_over_patients_give_the_metrics_own_figures():
    found = figures(tally_of(CASES))
    known = metrics.summary(CASES)
    for name in ("accuracy", "macro_f1", "weighted_f1", "quadratic_kappa", "linear_kappa", "weighted_log_loss",
                 "calibration_error"):  # fmt: skip
        assert found[name] == pytest.approx(known[name]), name
    assert found["score"] == pytest.approx(metrics.official_score(CASES)["score"])


def test_the_figures_are_those_of_scikit_learn():
    sk = pytest.importorskip("sklearn.metrics")
    found = figures(tally_of(CASES))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(TRUTH, SAID))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(TRUTH, SAID, average="macro"))
    assert found["weighted_f1"] == pytest.approx(sk.f1_score(TRUTH, SAID, average="weighted"))
    assert found["quadratic_kappa"] == pytest.approx(sk.cohen_kappa_score(TRUTH, SAID, weights="quadratic"))
    assert found["linear_kappa"] == pytest.approx(sk.cohen_kappa_score(TRUTH, SAID, weights="linear"))
    weights = metrics.RSNA_WEIGHTS[TRUTH]
    assert found["weighted_log_loss"] == pytest.approx(sk.log_loss(TRUTH, PROBABILITIES, sample_weight=weights))
    precision, recall, f1, _ = sk.precision_recall_fscore_support(TRUTH, SAID)
    for name, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        assert [found[f"{name}_{s}"] for s in SEVERITIES] == pytest.approx(list(values))


def test_the_alert_is_judged_by_study():
    canal = CONDITIONS[0]
    severe, normal = (0.1, 0.1, 0.8), (0.8, 0.1, 0.1)
    cases = [
        Graded("a", canal, LEVELS[0], SEVERITIES[2], normal), Graded("a", canal, LEVELS[1], SEVERITIES[0], severe),
        Graded("b", canal, LEVELS[0], SEVERITIES[2], normal), Graded("c", canal, LEVELS[0], SEVERITIES[0], severe),
        Graded("d", canal, LEVELS[0], SEVERITIES[1], normal),
    ]  # fmt: skip
    found = figures(tally_of(cases))
    assert found["any_severe_sensitivity"] == 0.5
    assert found["any_severe_specificity"] == 0.5


def test_an_interval_holds_the_figure_and_narrows_with_patients():
    few, many = tally_of(drawn_cases(10)), tally_of(drawn_cases(80))
    low, high = intervals(few, 300)["accuracy"]
    assert low <= figures(few)["accuracy"] <= high
    closer_low, closer_high = intervals(many, 300)["accuracy"]
    assert closer_high - closer_low < high - low


def test_intervals_keep_a_patients_places_together():
    """Ten patients, each all right or all wrong: the interval is that of ten coins, not of 250."""
    wrong = [0.0, 0.0, 1.0]
    cases = [
        Graded(str(n), c, level, SEVERITIES[0], (1.0, 0.0, 0.0) if n < 5 else tuple(wrong))  # type: ignore[arg-type]
        for n in range(10) for c in CONDITIONS for level in LEVELS
    ]  # fmt: skip
    low, high = intervals(tally_of(cases), 500)["accuracy"]
    assert high - low > 0.5


def test_two_studies_of_one_patient_are_one_unit():
    one = [Graded(s, CONDITIONS[0], LEVELS[0], SEVERITIES[0], (1.0, 0, 0), patient="p") for s in ("a", "b")]
    assert len(tally_of(one)) == 1


def test_a_model_differs_from_itself_by_nothing():
    tally = tally_of(CASES)
    assert paired(tally, tally, 50)["macro_f1"] == (0.0, 0.0)
    with pytest.raises(ValueError, match="same patients"):
        paired(tally, tally_of(drawn_cases(3)), 5)
