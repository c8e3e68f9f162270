"""What doubting a short disc on the sacrum catches and costs, on answers whose truth is known, and whom it asks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2", reason="the export extra is not installed")

from appliance.core.numbering import CUT_BELOW, DISC_BELOW, SHORT_DISC, Numbering
from appliance.core.spine import LEVELS
from export.datasets.spider_groups import GROUPS
from export.detector.cases import Case
from export.detector.train import CURRENT
from export.evaluation.held_out import folder_of, trained_without
from export.evaluation.short_disc import caught, length_of, said


def test_a_count_doubted_for_another_reason_is_not_the_rule_s_merit():
    def named(*warnings: str):
        return said(Numbering((), 3.0, warnings), "29", is_right=False)

    some = [named(SHORT_DISC), named(SHORT_DISC, CUT_BELOW), named(DISC_BELOW), replace(named(), patient="80")]
    assert caught(some) == ("2", "4", "25.0% (5%-70%)", "50.0% (15%-85%)")


def test_the_length_is_in_millimetres_and_against_the_three_above():
    widths = dict(zip(LEVELS, (90, 30, 30, 30, 24), strict=True))
    truth = {level: (100.0, 50.0 * n, 100.0 + width, 50.0 * n) for n, (level, width) in enumerate(widths.items())}
    case = Case("1_t2.jpg", "t2", np.zeros((300, 300), np.uint8), (0.5, 0.9), truth)
    assert length_of(case) == pytest.approx(0.8)
    assert length_of(replace(case, truth={LEVELS[-1]: truth[LEVELS[-1]]})) == np.inf


def test_without_a_detector_to_ask_it_says_how_to_train_one(tmp_path):
    with pytest.raises(SystemExit, match="held-out"):
        trained_without(tmp_path)
    (folder_of(GROUPS[0], tmp_path)).mkdir()
    (folder_of(GROUPS[0], tmp_path) / CURRENT).touch()
    assert trained_without(tmp_path) == [GROUPS[0]]
    with pytest.raises(SystemExit, match="held-out"):
        trained_without(tmp_path, [GROUPS[1].name])
