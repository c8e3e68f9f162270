"""What a second opinion is worth: the same places three times over, and who is right where the two disagree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from appliance.core.models import GraderSpec
from appliance.core.spine import LEVELS, SEVERITIES, Condition, Region, Severity
from export.evaluation.second import Trio, tables
from export.metrics import Graded
from tests.make_models import write_models

SURE = {s: tuple(0.8 if t is s else 0.1 for t in SEVERITIES) for s in SEVERITIES}
N, M, S = SEVERITIES
CANAL = Condition.SPINAL_CANAL_STENOSIS


def graded(said: list[Severity], truth: list[Severity], certainty: float = 0.8) -> tuple[Graded, ...]:
    """One place a study, each of them a patient of its own."""
    rest = (1 - certainty) / 2
    return tuple(
        Graded(f"p{n}", CANAL, LEVELS[0], is_, (*(certainty if t is told else rest for t in SEVERITIES),))  # type: ignore[arg-type]
        for n, (told, is_) in enumerate(zip(said, truth, strict=True))
    )


def test_the_gain_is_over_the_first_on_the_same_patients() -> None:
    truth = [N, M, S] * 4
    worse = [N, M, M, *truth[3:]]
    changes, _ = tables(Trio(graded(worse, truth), graded(truth, truth), graded(truth, truth)), "made up", "x")
    rows = {row[:2]: row for row in changes.rows}
    assert {region for region, _ in rows} == {"canal"}, "a region without a case has no line, nor has a sum of one"
    assert rows["canal", "first"][6] == "-" and rows["canal", "both"][4].startswith("1.000")
    assert rows["canal", "second"][6].startswith("+8.4"), rows["canal", "second"]


def test_disagreements_are_counted_and_so_is_who_was_right() -> None:
    truth = [N, N, M, S]
    first, second = graded([N, M, M, M], truth, 0.9), graded([N, N, S, M], truth)
    both = graded([N, M, M, M], truth)
    _, where = tables(Trio(first, second, both), "made up", "x")
    region, places, disagree, *right, flagged = where.rows[0]
    assert (region, places) == ("canal", "4")
    assert disagree.startswith("50.0%") and disagree.endswith("of 4")
    assert [cell.split()[0] for cell in right] == ["50.0%", "50.0%", "50.0%"]
    assert flagged.startswith("50.0%") and flagged.endswith("of 2"), "it was wrong twice, and one of them is flagged"


def cached(folder: Path) -> Path:
    """Two studies' crops of every region, as the toy graders want them."""
    pytest.importorskip("torch", reason="the export extra is not installed")
    from export.grader.data import BagLabel, BagSet, save_bags, wide

    conditions = {Region.CANAL: CANAL, Region.FORAMINAL: Condition.LEFT_NEURAL_FORAMINAL_NARROWING,
                  Region.SUBARTICULAR: Condition.RIGHT_SUBARTICULAR_STENOSIS}  # fmt: skip
    for study in ("1-1", "1-2"):
        for region, condition in conditions.items():
            spec = GraderSpec(region, 64, 60.0, 5)
            side = wide(spec).size_px
            pictures = np.concatenate([np.full((3, side, side), grey, np.uint8) for grey in (30, 128, 220)])
            labels = [BagLabel(study, condition, LEVELS[n], 2 - n, 3 * n, 3 * n + 3, (-4.0, 0.0, 4.0)) for n in range(3)]
            save_bags(folder / study, BagSet(spec, pictures, tuple(labels)))
    return folder


def test_through_the_door_with_toy_models(tmp_path: Path) -> None:
    """The first toy grades dark crops as severe, rightly here; the second says the opposite."""
    crops = cached(tmp_path / "test")
    from export.evaluate import main

    models = write_models(tmp_path / "models", second_record=0.8)
    asked = ["second", "--int8", str(models), "--crops", str(crops), "--studies", "0", "--rounds", "1"]
    assert main([*asked, "--results", str(tmp_path)]) == 0
    changes, where, cost = json.loads((tmp_path / "second-opinion.json").read_text("utf-8"))
    rows = {tuple(row[:2]): row for row in changes["rows"]}
    assert rows["all", "first"][2] == "18" and float(rows["all", "first"][3].split()[0]) > 0.6
    assert float(rows["all", "second"][3].split()[0]) < 0.4
    assert where["rows"][-1][2].startswith("100.0%") and where["rows"][-1][6].startswith("100.0%")
    assert [row[0] for row in cost["rows"]][-1] == "the whole reading" and "SYNTHETIC" in changes["data"]
