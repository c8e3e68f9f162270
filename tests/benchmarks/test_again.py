"""Two runs of one measurement: what is stable, what is not, and what only one of them has."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import again, results
from benchmarks.results import Table


def measured(*rows: tuple[str, ...]) -> list[Table]:
    return [Table("Levels", "real", "python -m export.evaluate levels", ("sequence", "pictures", "right", "error"), rows)]


BEFORE = measured(("t2", "49", "96.5% (90%-99%)", "0.37 (0.33-0.40)"), ("t1", "46", "95.1% (88%-98%)", "0.35 (0.32-0.39)"))


def test_the_same_run_twice_is_the_same() -> None:
    found = again.compared("levels", BEFORE, BEFORE)
    assert (found.same, found.inside, found.outside, found.lost) == (4, 0, (), 0)


def test_a_number_that_moved_is_judged_by_the_interval_it_had() -> None:
    moved = measured(("t1", "46", "96.0% (99%-99%)", "0.40 (0.10-0.90)"), BEFORE[0].rows[0])
    found = again.compared("levels", BEFORE, moved)
    assert (found.same, found.inside) == (2, 1)
    assert found.outside == ("Levels / t1 / 46 / error: 0.35 (0.32-0.39), then 0.40 (0.10-0.90)",)


def test_a_row_that_only_one_run_has_is_no_agreement() -> None:
    assert again.compared("levels", BEFORE, measured(BEFORE[0].rows[0])).lost == 2


@pytest.mark.parametrize(
    ("before", "after", "inside"),
    [
        ("-1.8 (-5.6 to +0.0)", "+0.1 (-2.0 to +1.0)", False),
        ("-1.8 (-5.6 to +0.0)", "-5.6 (-9.0 to +1.0)", True),
        ("100.0% (93%-100%)", "92.6% (80%-99%)", True),
        ("100.0% (93%-100%)", "92.4% (80%-99%)", False),
        ("0.010 (0.013-0.061)", "0.010 (0.013-0.061)", True),
    ],
)
def test_ends_belong_to_the_interval_as_they_are_shown(before: str, after: str, inside: bool) -> None:
    assert again.is_inside(before, after) == inside


def test_from_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(again, "FOLDER", tmp_path)
    monkeypatch.setattr(results.load, "__defaults__", (tmp_path,))
    monkeypatch.setattr(results.save, "__defaults__", (tmp_path,))
    results.save("levels", BEFORE, tmp_path)
    results.save("levels", BEFORE, tmp_path / "second")
    results.save("new", BEFORE, tmp_path / "second")
    assert again.main([str(tmp_path / "second"), "--record"]) == 0
    assert "levels: 4 the same" in capsys.readouterr().out
    assert results.load("again", tmp_path)[0].rows == (("levels", "4", "0", "0", "0"),)
    results.save("levels", BEFORE[:0], tmp_path / "second")
    assert again.main([str(tmp_path / "second")]) == 1
