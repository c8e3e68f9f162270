"""The soak of benchmarks/soak.py, small: a box that is killed and a share that goes away, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import Plan, run


@pytest.mark.timeout(300)
def test_six_studies_four_kills_and_two_outages(tmp_path: Path) -> None:
    plan = Plan(6, 4, 2, slices=2, seed=3, seconds_between_kills=1.5, seconds_between_outages=2.0)
    found = run(plan, tmp_path, tell=lambda words: None)
    assert found["final_reports"] == found["studies"] == 6 and found["kills"] == 4


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_thousand_studies_and_two_hundred_kills(tmp_path: Path) -> None:
    found = run(Plan(), tmp_path)
    assert found["final_reports"] == 1000 and found["kills"] >= 200
