"""The vocabulary is RSNA 2024's, to the letter."""

from __future__ import annotations

from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES, Condition, Level, Region, Severity, Side


def test_levels_are_spelled_and_shown_as_expected() -> None:
    assert [level.value for level in LEVELS] == ["l1_l2", "l2_l3", "l3_l4", "l4_l5", "l5_s1"]
    assert Level.L5_S1.label == "L5/S1"


def test_levels_count_from_the_sacrum() -> None:
    assert Level.L5_S1.above_sacrum == 0
    assert Level.L1_L2.above_sacrum == 4


def test_every_condition_knows_its_region_and_side() -> None:
    assert [c.region for c in CONDITIONS].count(Region.CANAL) == 1
    assert Condition.LEFT_SUBARTICULAR_STENOSIS.side is Side.LEFT
    assert Condition.SPINAL_CANAL_STENOSIS.side is None


def test_the_mirror_swaps_sides_and_leaves_the_canal() -> None:
    for condition in CONDITIONS:
        assert condition.mirrored.mirrored is condition
    assert Condition.LEFT_NEURAL_FORAMINAL_NARROWING.mirrored is Condition.RIGHT_NEURAL_FORAMINAL_NARROWING
    assert Condition.SPINAL_CANAL_STENOSIS.mirrored is Condition.SPINAL_CANAL_STENOSIS


def test_severities_rise() -> None:
    assert [s.rank for s in SEVERITIES] == [0, 1, 2]
    assert Severity.SEVERE.label == "Severe"
