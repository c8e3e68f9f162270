"""The rules that set the thresholds of the checks, on values whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("cv2", reason="the export extra is not installed")

from appliance.core import plausibility
from benchmarks.results import load
from export.evaluation.thresholds import GOOD_REFUSED, at_least, at_most, clearly_brighter

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"


def test_few_good_pictures_lie_beyond_a_threshold_and_it_is_rounded_away_from_them():
    values = np.random.default_rng(0).normal(2.0, 0.4, 200).tolist()
    low, high = at_least(values), at_most(values)
    assert np.mean([v < low for v in values]) <= GOOD_REFUSED and np.mean([v > high for v in values]) <= GOOD_REFUSED
    assert np.mean([v < low + 0.1 for v in values]) > GOOD_REFUSED
    assert round(low / 0.05, 6) == round(low / 0.05)


def test_no_pair_that_was_exchanged_would_clear_itself():
    pairs = [(2.0, 0.8), (1.0, 1.03), (1.5, 0.5)]
    factor = clearly_brighter(pairs)
    assert factor == pytest.approx(1.15)
    assert not any(t1 >= factor * t2 for t2, t1 in pairs)


def test_the_program_holds_what_the_rules_gave():
    """The table of docs/evaluation.md is the record: code and measurement must not part company."""
    rows = next(t for t in load("refusals") if t.title == "What set the thresholds").rows
    assert rows and all(row[-1] == row[-2] for row in rows)
    held = {f"{v:.2f}" for v in (plausibility.T2_AT_LEAST, plausibility.T1_AT_MOST,
                                 plausibility.CLEARLY_BRIGHTER, plausibility.VOID_SHARE)}  # fmt: skip
    assert {row[-1] for row in rows} == held


@pytest.mark.skipif(not DATA.exists(), reason="SPIDER's pictures are not at hand")
def test_no_patient_both_sets_a_threshold_and_is_measured():
    from export.evaluation.spider_midsagittal import midsagittal

    setting, measured = ({p.patient for p in midsagittal(DATA, held_out=h)} for h in (False, True))
    assert setting and measured and not setting & measured
