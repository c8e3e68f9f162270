"""The names move by one; the grades stay with their discs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from appliance.core.renumbering import new_name, renumbered
from appliance.core.report import Reason
from appliance.core.report_from_json import from_json
from appliance.core.report_json import to_json
from appliance.core.spine import LEVELS, Condition, Level
from tests.core.make_values import report

CANAL = Condition.SPINAL_CANAL_STENOSIS


def test_what_the_box_wrote_it_can_take_up_again() -> None:
    assert to_json(from_json(json.loads(json.dumps(to_json(report()))))) == to_json(report())


def test_a_grade_follows_its_disc_towards_the_head() -> None:
    moved = renumbered(report(), 1, 2)
    severe, before = moved.finding(CANAL, Level.L3_L4), report().finding(CANAL, Level.L4_L5)
    assert severe.probabilities == before.probabilities and severe.evidence == before.evidence
    assert [level.level for level in moved.levels] == list(LEVELS[:4])
    assert moved.levels[3].box_px == report().levels[4].box_px
    assert moved.alerts[0].message == "Severe spinal canal stenosis at L3/L4." and len(moved.alerts) == 1


def test_the_level_without_a_disc_is_not_assessed_never_normal() -> None:
    moved = renumbered(report(), 1, 2)
    assert moved.finding(CANAL, Level.L5_S1).reason is Reason.RENUMBERED
    right = moved.finding(Condition.RIGHT_NEURAL_FORAMINAL_NARROWING, Level.L5_S1)
    assert right.reason is Reason.NO_SAGITTAL_T1, "what the whole region lacks, it lacks there too"
    assert renumbered(report(), -1, 2).finding(CANAL, Level.L1_L2).reason is Reason.RENUMBERED


def test_it_says_that_a_person_moved_the_names_and_counts_the_revision() -> None:
    moved = renumbered(report(), -1, 3)
    assert (moved.revision, moved.numbering_shift, moved.report_id) == (3, -1, report().report_id)
    assert "by one towards the feet" in moved.warnings[-1]
    assert renumbered(report(), 0, 4) == replace(report(), revision=4)


def test_moves_do_not_add_up_and_go_no_further_than_one() -> None:
    with pytest.raises(ValueError, match="not by 2"):
        renumbered(report(), 2, 2)
    with pytest.raises(ValueError, match="add up"):
        renumbered(renumbered(report(), 1, 2), 1, 3)
    assert new_name(Level.L1_L2, 1) is None and new_name(Level.L5_S1, -1) is None
