"""The tables say what was counted, stand beside lines that need no model, and can be read back after a stop."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

pytest.importorskip("scipy", reason="the export extra is not installed")

from appliance.core.spine import Condition, Level, Region, Severity
from export.evaluate import command
from export.evaluation.answers import recalled
from export.evaluation.grade_tables import CEILINGS, tables
from export.reading import Read
from tests.export.evaluation.test_tally import drawn_cases


def reads(seed: int) -> list[Read]:
    by_study: dict[str, list] = {}
    for case in drawn_cases(8, seed):
        by_study.setdefault(case.study_id, []).append(case)
    return [Read(study, tuple(cases), 1, (0.5, 1.5), 0, ("level_not_covered",)) for study, cases in by_study.items()]


@pytest.fixture(scope="module")
def made():
    found = tables({"INT8": reads(1), "FP32": reads(1)}, "drawn", "a command", real=True)
    return {t.title: t for t in found}


def test_every_condition_level_severity_and_place_has_its_row(made):
    conditions = {row[0] for row in made["Grades by condition"].rows}
    assert {c.label for c in Condition} | {f"region: {r}" for r in Region} | {"all"} == conditions
    assert {row[0] for row in made["Grades by level"].rows} == {level.label for level in Level}
    assert len(made["Each grade by itself"].rows) == 6 * 3 * 2
    assert [row[0] for row in made["The 25 places: macro F1"].rows] == [c.label for c in Condition]


def test_no_accuracy_without_its_zero_lines_and_ceilings(made):
    for table in (made["Grades by condition"], made["Grades by level"]):
        for name in {row[0] for row in table.rows}:
            lines = {row[1] for row in table.rows if row[0] == name}
            assert {"INT8", "FP32", "always normal", "constant prior"} <= lines
    ceiling = next(r for r in made["Grades by condition"].rows if r[0] == "region: canal" and "4th" in r[1])
    assert ceiling[3] == CEILINGS[Region.CANAL][0] == "0.934"
    assert "RSNA 2024's winners" in {row[0] for row in made["Whole studies"].rows}


def test_synthetic_studies_have_no_ceiling():
    found = tables({"INT8": reads(1)}, "SYNTHETIC", "a command", real=False)
    assert not any("RSNA 4th place" in row for table in found for row in table.rows)


def test_a_model_beside_itself_differs_by_nothing(made):
    rows = made["INT8 less FP32"].rows
    assert {row[4] for row in rows if row[5] != "-"} == {"+0.00"}
    assert {row[2:4] for row in rows if row[5] == "-"} == {("0", "0")}


def test_a_difference_is_told_by_condition_and_with_the_places_it_stands_on():
    spoilt = reads(1)
    case = spoilt[0].graded[0]
    wrong = tuple(float(s is not case.truth and s.rank == (case.truth.rank + 1) % 3) for s in Severity)
    right = tuple(float(s is case.truth) for s in Severity)
    both = [
        [replace(spoilt[0], graded=(replace(case, probabilities=p), *spoilt[0].graded[1:])), *spoilt[1:]]
        for p in (wrong, right)
    ]
    found = tables({"INT8": both[0], "FP32": both[1]}, "drawn", "a command", real=False)
    rows = next(t for t in found if t.title == "INT8 less FP32").rows
    alone = {row[0]: row[2:4] for row in rows if row[1].startswith("right alone")}
    assert alone[case.condition.label] == alone["all"] == ("0", "1")
    assert all(counts == ("0", "0") for name, counts in alone.items()
               if name not in {"all", case.condition.label, case.condition.region.value})  # fmt: skip


def test_places_not_assessed_are_counted(made):
    row = next(r for r in made["Whole studies"].rows if r[0] == "INT8")
    assert row[-2:] == ("8", "1.00 / 1.50")


def test_nothing_graded_is_no_measurement():
    with pytest.raises(SystemExit, match="nothing to measure"):
        tables({"INT8": [Read("a", (), 25)]}, "", "", real=False)


def test_answers_are_remembered_and_a_line_cut_short_is_left_out(tmp_path):
    path = tmp_path / "answers.jsonl"
    lines = [json.dumps(asdict(r)) for r in reads(2)]
    path.write_text("\n".join(lines)[:-20], "utf-8")
    assert list(recalled(path)) == reads(2)[:-1]
    assert list(recalled(tmp_path / "none")) == []


def test_a_recorded_command_names_no_folder_of_one_machine():
    given = ["depth", "--data", "/somewhere/else", "--limit", "3", "--results", "/tmp/x"]
    assert command(given) == "python -m export.evaluate depth --limit 3"
