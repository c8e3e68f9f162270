"""`lumbarbox` as a person or a script meets it: what it prints, how it exits, and that it never phones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import jsonschema
import numpy as np
import pydicom
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from appliance.cli import main
from appliance.core.report_json import report_schema
from tests.make_dicom import Recipe, axial_series, sagittal_picture, sagittal_series, save, whole_study
from tests.make_models import write_models

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(autouse=True)
def _settings(models: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LUMBARBOX_READER_MODELS", str(models))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return save(whole_study(), tmp_path / "study")


def test_a_study_is_read_and_shown(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(study)]) == 0
    out, err = capsys.readouterr()
    assert "All 25 places were read." in out and "L5/S1" in out and "not a diagnosis" in out
    assert "finding the levels" in err and "grading the canal" in err


def test_json_goes_to_stdout_alone_and_keeps_its_promise(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(study), "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    report = json.loads(out)
    jsonschema.Draft202012Validator(report_schema()).validate(report)
    assert err == ""
    assert {m["precision"] for m in report["models"]} == {"INT8"}
    assert "Test^Patient" not in out and "P1" not in out.split()


def test_out_writes_report_csv_text_and_pictures(study: Path, tmp_path: Path) -> None:
    assert main(["read", str(study), "--out", str(tmp_path / "r"), "--quiet"]) == 0
    names = {p.name for p in (tmp_path / "r").iterdir()}
    assert {"report.json", "report.csv", "report.txt", "levels.png"} <= names


@pytest.mark.parametrize(("kept", "name"), [("false", ""), ("true", "Test^Patient")])
def test_dicom_adds_objects_of_the_same_study_nameless_unless_names_are_kept(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: str, name: str
) -> None:
    monkeypatch.setenv("LUMBARBOX_PRIVACY_KEEP_IDENTIFIERS", kept)
    assert main(["read", str(study), "--out", str(tmp_path / "r"), "--dicom", "--quiet"]) == 0
    source = pydicom.dcmread(next(path for path in study.rglob("*") if path.is_file()))
    made = {p.name: pydicom.dcmread(p) for p in (tmp_path / "r").glob("*.dcm")}
    assert {"report.sr.dcm", "matrix.sc.dcm", "levels.sc.dcm"} <= set(made)
    assert {(o.StudyInstanceUID, str(o.PatientName)) for o in made.values()} == {(source.StudyInstanceUID, name)}
    used = made["report.sr.dcm"].CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert {len(series.ReferencedSOPSequence) > 0 for series in used} == {True}


def test_dicom_of_a_plain_picture_is_refused_in_words_and_the_report_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pixels = sagittal_picture(Recipe())
    Image.fromarray((pixels / pixels.max() * 255).astype(np.uint8)).save(tmp_path / "one.png")
    assert main(["read", str(tmp_path / "one.png"), "--out", str(tmp_path / "r"), "--dicom", "--quiet"]) == 4
    assert "No DICOM objects were written" in capsys.readouterr().err
    assert (tmp_path / "r" / "report.json").exists() and not list((tmp_path / "r").glob("*.dcm"))


def test_dicom_without_a_place_to_write_it_is_a_misuse(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["read", str(study), "--dicom"])
    assert ended.value.code == 2 and "--dicom needs --out DIR" in capsys.readouterr().err


def test_partly_read_is_degraded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(save(sagittal_series(Recipe()), tmp_path / "t2"))]) == 4
    assert "No axial T2 series" in capsys.readouterr().out


def test_a_path_that_leads_nowhere_is_said_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every other refusal is in tests/test_end_to_end.py."""
    assert main(["read", str(tmp_path / "x")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and "There is nothing at" in err and "(empty;" in err


def test_models_that_changed_are_a_fault(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = write_models(tmp_path / "m") / "yolov8n-spine" / "model.bin"
    weights.write_bytes(weights.read_bytes() + b"!")
    monkeypatch.setenv("LUMBARBOX_READER_MODELS", str(tmp_path / "m"))
    assert main(["read", str(study)]) == 1


def test_usage_and_configuration_have_their_own_codes(study: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["reed"])
    assert caught.value.code == 2
    (tmp_path / "bad.toml").write_text("[reader]\ndevise = 'cpu'\n")
    assert main(["--config", str(tmp_path / "bad.toml"), "read", str(study)]) == 3
    assert main(["--config", str(tmp_path / "bad.toml"), "config", "check"]) == 3


def test_config_is_shown_as_a_file_that_can_be_loaded_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show"]) == 0
    (tmp_path / "lumbarbox.toml").write_text(capsys.readouterr().out)
    assert main(["config", "check"]) == 0
    capsys.readouterr()
    assert main(["config", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"




def test_bench_tells_every_stage(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(study), "--rounds", "1"]) == 0
    out = capsys.readouterr().out
    for stage in ("levels", "canal", "foraminal", "subarticular", "reading files"):
        assert stage in out


HEAVY = {"torch", "ultralytics", "onnx", "nncf", "flask", "paho"}
WATCH = f"""
import os, sys
sys.modules.update(dict.fromkeys(os.environ["NOT_ON_THE_BOX"].split()))
met = []
sys.addaudithook(lambda event, args: met.append((event, args)) if event.startswith("socket.") else None)
from appliance.cli import main
code = main(sys.argv[1:])
os.write(2, ("\\nsockets: " + repr([m[0] for m in met])).encode())
heavy = {HEAVY} & set(sys.modules)
os.write(2, ("\\nheavy: " + repr(sorted(heavy))).encode())
sys.exit(code)
"""


def not_on_the_box() -> set[str]:
    """Modules of this environment that no runtime dependency brings, nor one of theirs."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    kept: set[str] = set()
    while wanted:
        asked = Requirement(wanted.pop())
        name = canonicalize_name(asked.name)
        if name not in kept and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
            kept.add(name)
            wanted += metadata.requires(name) or []
    brought = metadata.packages_distributions()
    return {module for module, by in brought.items() if not kept & {canonicalize_name(name) for name in by}} - {"appliance"}


def test_no_socket_is_opened_and_nothing_heavy_imported_while_a_study_is_read(study: Path, tmp_path: Path) -> None:
    """In a process of its own, watched from before the first import. `HOME` is empty: no consent file either.

    Only what a box has installed can be imported there: test tools bring libraries (`requests`) that others look for.
    """
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    environment["NOT_ON_THE_BOX"] = " ".join(sorted(not_on_the_box() - HEAVY))
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", WATCH, "read", str(study), "--out", str(tmp_path / "r")],
        capture_output=True, text=True, env=environment, cwd=tmp_path, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "sockets: []" in done.stderr
    assert "heavy: []" in done.stderr
    assert list((tmp_path / "home").rglob("*")) == [], "nothing may be left in the home folder"


def test_axial_alone_is_not_evaluable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["read", str(save(axial_series(Recipe()), tmp_path / "ax"))]) == 4
    assert "Nothing could be graded" in capsys.readouterr().out
