"""Ways to make probabilities honest, on drawn logits whose fault is known."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")

from appliance.core.spine import LEVELS, SEVERITIES, Condition
from export.evaluation.calibration import compare, log_loss, losses_by_folds, methods
from export.grader.validate import softmax
from export.metrics import Graded


def drawn(count: int, boast: float, skew: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Ranks drawn from honest logits; what is given is those times `boast`, and `skew` added to the last grade."""
    rng = np.random.default_rng(4)
    honest = rng.normal(0, 2, (count, 3))
    ranks = np.array([rng.choice(3, p=p) for p in softmax(honest)])
    return honest * boast + np.array([0.0, 0.0, skew]), ranks


def fitted(name: str, logits: np.ndarray, ranks: np.ndarray):
    (method,) = (m for m in methods(1.0) if m.name == name)
    return method, method.fit(logits, ranks)[1]


@pytest.mark.parametrize("name", ["temperature fitted again", "vector scaling", "Dirichlet"])
def test_a_boast_is_taken_back_by_every_way(name):
    logits, ranks = drawn(1500, boast=3.0)
    _, way = fitted(name, logits, ranks)
    assert log_loss(way(logits), ranks) == pytest.approx(log_loss(softmax(logits / 3), ranks), abs=0.02)


def test_a_lean_to_one_grade_is_beyond_a_temperature_but_not_beyond_the_others():
    logits, ranks = drawn(1500, boast=1.0, skew=3.0)
    loss = {name: log_loss(fitted(name, logits, ranks)[1](logits), ranks)
            for name in ("temperature fitted again", "vector scaling", "Dirichlet")}  # fmt: skip
    assert loss["vector scaling"] < loss["temperature fitted again"] - 0.05
    assert loss["Dirichlet"] < loss["temperature fitted again"] - 0.05


def test_a_perfectly_parted_set_does_not_drive_a_scale_to_infinity():
    ranks = np.arange(60) % 3
    logits = np.eye(3)[ranks]
    _, way = fitted("vector scaling", logits, ranks)
    assert np.isfinite(way(logits * 5)).all()


def test_the_choice_is_judged_on_studies_that_were_not_fitted():
    """One study, one logit: fitted to itself any way is sure; fitted to the others none is."""
    logits, ranks = drawn(400, boast=2.0)
    method, way = fitted("Dirichlet", logits, ranks)
    studies = np.array([f"study{n // 10}" for n in range(400)])
    assert losses_by_folds(method, logits, ranks, studies)[0] > log_loss(way(logits), ranks)


def test_a_row_for_each_way_and_the_stored_temperature_is_what_the_weights_do_now():
    cases = cases_of(*drawn(300, boast=1.0))
    rows = {row.cells[0]: row.cells for row in compare(cases, cases, stored=2.0)}
    assert list(rows) == [m.name for m in methods(2.0)]
    assert rows["stored temperature"][1] == "T = 2.00"
    truth, given = np.array([c.truth.rank for c in cases]), np.array([c.probabilities for c in cases])
    assert rows["stored temperature"][-1] == f"{log_loss(given, truth):.3f}"


def cases_of(logits: np.ndarray, ranks: np.ndarray) -> list[Graded]:
    return [
        Graded(f"study{n // 5}", Condition.SPINAL_CANAL_STENOSIS, LEVELS[n % 5], SEVERITIES[rank], tuple(p))
        for n, (p, rank) in enumerate(zip(softmax(logits).tolist(), ranks, strict=True))
    ]
