"""Drawn grades follow RSNA's counts (natural) or the training mix, and conditions of one level go together."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES, Condition, Level
from export.phantom.grades import grade
from export.phantom.options import Balance, PhantomOptions, stream
from export.phantom.severities import draw_parameters, shares, with_overrides

STUDIES = 1500


def drawn(balance: Balance) -> list[dict[tuple[Condition, Level], float]]:
    options = PhantomOptions(balance=balance)
    return [dict(draw_parameters(stream(3, i, "parameters"), options)) for i in range(STUDIES)]


@pytest.fixture(scope="module")
def natural() -> list[dict[tuple[Condition, Level], float]]:
    return drawn(Balance.NATURAL)


@pytest.mark.parametrize("balance", Balance)
def test_shares_of_each_grade_at_each_place(balance: Balance) -> None:
    studies = drawn(balance)
    for condition in CONDITIONS:
        for level in LEVELS:
            counts = np.bincount([grade(condition, s[condition, level]).rank for s in studies], minlength=3)
            expected = np.array(shares(condition, level, balance))
            assert np.abs(counts / STUDIES - expected).max() < 0.05, (condition, level)


def test_training_shares_are_about_half_a_quarter_and_a_quarter() -> None:
    for condition in CONDITIONS:
        assert shares(condition, Level.L1_L2, Balance.TRAINING) == (0.50, 0.27, 0.23)


def test_conditions_of_one_level_are_correlated(natural: list[dict[tuple[Condition, Level], float]]) -> None:
    canal = [s[Condition.SPINAL_CANAL_STENOSIS, Level.L4_L5] for s in natural]
    recess = [s[Condition.LEFT_SUBARTICULAR_STENOSIS, Level.L4_L5] for s in natural]
    far = [s[Condition.LEFT_SUBARTICULAR_STENOSIS, Level.L1_L2] for s in natural]
    near_by = np.corrcoef(canal, recess)[0, 1]
    assert near_by > 0.3
    assert near_by > np.corrcoef(canal, far)[0, 1]


def test_some_study_has_a_severe_canal_about_as_often_as_in_real_life(
    natural: list[dict[tuple[Condition, Level], float]],
) -> None:
    condition = Condition.SPINAL_CANAL_STENOSIS
    worst = [max(grade(condition, s[condition, level]).rank for level in LEVELS) for s in natural]
    share = float(np.mean([rank == len(SEVERITIES) - 1 for rank in worst]))
    assert 0.12 < share < 0.24  # 365 of 1,975 studies: 0.185


def test_an_override_sets_one_place_and_no_other() -> None:
    place = (Condition.SPINAL_CANAL_STENOSIS, Level.L3_L4)
    plain = draw_parameters(stream(3, 0, "parameters"), PhantomOptions())
    forced = with_overrides(plain, PhantomOptions(override=((*place, 44.0),)))
    assert forced[place] == 44.0
    assert all(forced[p] == plain[p] for p in plain if p != place)
