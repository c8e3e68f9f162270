"""`reader.second_opinion` as whoever switches it on meets it: refused without its models, else in every report."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from appliance.cli import main
from appliance.core.report_json import report_schema
from tests.make_dicom import save, whole_study
from tests.make_models import write_models

FIRST_IS_BETTER, SECOND_IS_BETTER = 0.85, 0.95
"""Records of second models; the toy first ones have 0.90."""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return save(whole_study(), tmp_path / "study")


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LUMBARBOX_READER_MODELS", str(tmp_path / "models"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LUMBARBOX_READER_SECOND_OPINION", "true")


def read(study: Path, out: Path) -> dict[str, Any]:
    assert main(["read", str(study), "--out", str(out), "--quiet"]) == 0
    return dict(json.loads((out / "report.json").read_text("utf-8")))


def test_switched_off_nothing_changes_though_the_models_are_there(study: Path, tmp_path: Path) -> None:
    manifest = write_models(tmp_path / "models", SECOND_IS_BETTER) / "MANIFEST.json"
    there = read(study, tmp_path / "there")
    known = json.loads(manifest.read_text())
    known["models"] = {name: entry for name, entry in known["models"].items() if entry.get("role") != "second"}
    manifest.write_text(json.dumps(known))
    gone = read(study, tmp_path / "gone")
    assert (there["report_id"], there["findings"]) == (gone["report_id"], gone["findings"])
    assert len(there["models"]) == 4 and not any(f["votes"] or f["disagreement"] for f in there["findings"])


@pytest.mark.usefixtures("switched_on")
def test_switched_on_without_its_models_nothing_is_read_and_it_is_said_what_to_do(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_models(tmp_path / "models")
    assert main(["read", str(study), "--out", str(tmp_path / "r")]) == 1
    told = capsys.readouterr().err
    assert "reader.second_opinion is on, but the model efficientnet-b0-canal is not in" in told
    assert "python -m export.second_opinion" in told
    assert not (tmp_path / "r").exists()
    assert main(["doctor"]) == 1
    assert "efficientnet-b0-canal is not in" in capsys.readouterr().out


@pytest.mark.usefixtures("switched_on")
def test_switched_on_every_place_has_two_votes_and_their_average(study: Path, tmp_path: Path) -> None:
    write_models(tmp_path / "models", SECOND_IS_BETTER)
    report = read(study, tmp_path / "r")
    jsonschema.Draft202012Validator(report_schema()).validate(report)
    kinds = [model["name"].rsplit("-", 1)[0] for model in report["models"]]
    assert kinds == ["yolov8n", *["mobilenetv3"] * 3, *["efficientnet-b0"] * 3]
    for finding in report["findings"]:
        votes = finding["votes"]
        assert {v["model"].rsplit("-", 1)[0] for v in votes} == {"mobilenetv3", "efficientnet-b0"}
        for grade, p in finding["probabilities"].items():
            assert p == pytest.approx(sum(v["probabilities"][grade] for v in votes) / 2, abs=2e-6)
        assert finding["disagreement"] == (votes[0]["severity"] != votes[1]["severity"])


@pytest.mark.usefixtures("switched_on")
def test_the_report_is_another_one_than_without(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id covers the second models, so that a study is not taken for read when the switch is turned."""
    write_models(tmp_path / "models", SECOND_IS_BETTER)
    both = read(study, tmp_path / "both")
    monkeypatch.setenv("LUMBARBOX_READER_SECOND_OPINION", "false")
    assert read(study, tmp_path / "one")["report_id"] != both["report_id"]


@pytest.mark.usefixtures("switched_on")
def test_disagreements_are_counted_in_a_warning_and_the_csv_stays_as_it_is(study: Path, tmp_path: Path) -> None:
    write_models(tmp_path / "models", SECOND_IS_BETTER)
    report = read(study, tmp_path / "r")
    differing = sum(f["disagreement"] for f in report["findings"])
    assert differing > 1, "the toys say the opposite of each other"
    assert f"The two models disagree at {differing} places" in " ".join(report["warnings"])
    rows = list(csv.DictReader((tmp_path / "r" / "report.csv").open(encoding="utf-8")))
    assert len(rows) == 25 and set(rows[0]) == {"row_id", "normal_mild", "moderate", "severe"}, "RSNA's form stays"


@pytest.mark.usefixtures("switched_on")
def test_equal_sureness_of_different_grades_goes_to_the_better_record(study: Path, tmp_path: Path) -> None:
    """The toys mirror each other, so where they differ normal and severe are equally probable."""
    said: dict[float, list[str]] = {}
    for record in (FIRST_IS_BETTER, SECOND_IS_BETTER):
        write_models(tmp_path / "models", record)
        report = read(study, tmp_path / str(record))
        tied = [f for f in report["findings"] if f["disagreement"]]
        assert all(f["probabilities"]["normal_mild"] == f["probabilities"]["severe"] for f in tied)
        assert all(f["severity"] == f["votes"][0]["severity"] for f in tied)
        said[record] = [f["votes"][0]["model"].split("-")[0] for f in tied]
    assert set(said[FIRST_IS_BETTER]) == {"mobilenetv3"} and set(said[SECOND_IS_BETTER]) == {"efficientnet"}


@pytest.mark.usefixtures("switched_on")
def test_the_doctor_knows_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_models(tmp_path / "models", SECOND_IS_BETTER)
    assert main(["doctor"]) in (0, 4)
    assert "efficientnet-b0-canal" in capsys.readouterr().out
