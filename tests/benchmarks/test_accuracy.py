"""One command for every measurement: what runs, and what is said where the pictures are missing."""

from __future__ import annotations

import pytest

from benchmarks.accuracy import BY_THEMSELVES, PARTS, main
from export.evaluate import PARTS as EVALUATED


def test_every_part_of_the_evaluation_is_run_or_says_why_not():
    assert set(PARTS).isdisjoint(BY_THEMSELVES)
    assert set(PARTS) | set(BY_THEMSELVES) == set(EVALUATED)


def test_a_part_without_its_pictures_is_left_out_and_says_what_it_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["depth", "calibration", "--data", str(tmp_path / "nowhere")]) == 1
    said = capsys.readouterr().out
    assert "depth: left out" in said and "spider_t2_space" in said and "--data" in said
    assert "calibration --studies 80: left out" in said and "export.grader.prepare --split val" in said


def test_an_unknown_part_is_refused_with_the_names_of_the_known(capsys):
    with pytest.raises(SystemExit) as refused:
        main(["levls"])
    assert refused.value.code == 2
    assert "levels" in capsys.readouterr().err
