"""The public door, as a technician or a script meets it: `python -m appliance read <study>` in a process of its own,
with the shipped models and the shipped study. tests/test_cli.py has the rest of the command line, without a process."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from PIL import Image

from appliance import selftest
from appliance.core.spine import CONDITIONS, LEVELS
from appliance.schemas import FOLDER
from tests.make_dicom import Recipe, sagittal_series, save, whole_study

ROOT = Path(__file__).resolve().parents[1]
PROGRESS = ("reading files", "loading the models", "finding the levels", "grading the canal", "grading the foramina")


@dataclass(frozen=True)
class Ran:
    """What a finished run left behind."""

    code: int
    out: str
    err: str
    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "report.json").read_text("utf-8")))


def read(study: Path, folder: Path) -> Ran:
    """From a folder of its own and with an empty configuration: a box installed on this machine must not matter."""
    (folder / "empty.toml").touch()
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LUMBARBOX_")} | {"PYTHONPATH": str(ROOT)}
    door = [sys.executable, "-m", "appliance", "--config", str(folder / "empty.toml")]
    command = [*door, "read", str(study), "--out", str(folder / "report")]
    done = subprocess.run(command, capture_output=True, text=True, env=clean, cwd=folder, timeout=100, check=False)
    return Ran(done.returncode, done.stdout, done.stderr, folder / "report")


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return read(selftest.STUDY, tmp_path_factory.mktemp("golden"))


def test_the_shipped_study_is_read_whole_and_every_step_is_told(golden: Ran) -> None:
    assert golden.code == 0, golden.err
    assert [step for step in PROGRESS if step not in golden.err] == []


def test_the_matrix_names_every_level_and_a_severity_for_each_place(golden: Ran) -> None:
    assert "All 25 places were read." in golden.out and "not a diagnosis" in golden.out
    for level in LEVELS:
        line = re.search(rf"^{level.label} .*$", golden.out, re.MULTILINE)
        assert line and len(re.findall(r"(?:normal|MODERATE|SEVERE) +\d+%", line[0])) == len(CONDITIONS)


def test_report_json_keeps_the_shipped_schema_and_names_nobody(golden: Ran) -> None:
    schema = json.loads((FOLDER / "report.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(golden.report)
    assert {f["status"] for f in golden.report["findings"]} == {"graded"}
    assert {m["precision"] for m in golden.report["models"]} == {"INT8"}
    assert "patient" not in {key.lower() for key in golden.report["study"]}


def test_what_the_study_must_read_as_belongs_to_the_shipped_models(golden: Ran) -> None:
    expected = json.loads(selftest.EXPECTED.read_text("utf-8"))
    assert golden.report["report_id"] == expected["report_id"], "run: python -m export.golden --expected-only"


def test_report_csv_has_rsnas_form(golden: Ran) -> None:
    with (golden.folder / "report.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    study = golden.report["study"]["study_uid"]
    assert list(rows[0]) == ["row_id", "normal_mild", "moderate", "severe"]
    assert {row["row_id"] for row in rows} == {f"{study}_{c}_{level}" for c in CONDITIONS for level in LEVELS}
    assert len(rows) == 25
    for row in rows:
        assert abs(sum(float(row[s]) for s in ("normal_mild", "moderate", "severe")) - 1) < 1e-4


def test_pictures_are_of_the_spine_and_of_every_severe_finding(golden: Ran) -> None:
    severe = {f"{f['condition']}_{f['level']}" for f in golden.report["findings"] if f["severity"] == "severe"}
    pictures = {path.stem: path for path in golden.folder.glob("*.png")}
    assert set(pictures) == {"levels"} | severe and severe
    for path in pictures.values():
        with Image.open(path) as image:
            assert image.height >= 500 and len(image.convert("L").getcolors(256) or []) > 50, path.name


def test_the_same_images_as_a_shuffled_folder_give_the_same_report(golden: Ran, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    with zipfile.ZipFile(selftest.STUDY) as archive:
        for number, name in enumerate(reversed(archive.namelist())):
            (tmp_path / "study" / f"IM{number:04d}").write_bytes(archive.read(name))
    again = read(tmp_path / "study", tmp_path)
    assert again.code == 0, again.err
    for same in ("report_id", "findings", "levels", "series", "alerts"):
        assert again.report[same] == golden.report[same], same


def truncated(folder: Path) -> None:
    for path in save(whole_study()[:3], folder).iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_pixels(folder: Path) -> None:
    datasets = sagittal_series(Recipe())
    for dataset in datasets:
        del dataset.PixelData
    save(datasets, folder)


def two_patients(folder: Path) -> None:
    save(sagittal_series(Recipe()) + sagittal_series(Recipe("other", tags={"PatientID": "P2"})), folder)


def two_visits(folder: Path) -> None:
    save(sagittal_series(Recipe()) + sagittal_series(Recipe("later")), folder)


def series(folder: Path, **tags: Any) -> None:
    save(sagittal_series(Recipe(tags=tags)), folder)


REFUSALS: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "an empty folder": (Path.mkdir, "empty", "There are no files", "Copy the study's images"),
    "a letter": (lambda p: p.write_text("Dear colleague"), "not_dicom", "is not a DICOM file", "as the scanner exports"),
    "nothing": (lambda p: p.write_bytes(b""), "corrupt", "is empty: 0 bytes", "Copy it again"),
    "cut off while copying": (truncated, "corrupt", "damaged or was cut off", "Copy it again"),
    "CT": (lambda p: series(p, Modality="CT"), "not_mr", "CT images, not magnetic resonance", "lumbar-spine MRI"),
    "a head": (lambda p: series(p, BodyPartExamined="HEAD"), "not_lumbar", "another part of the body (head)", "lumbar"),
    "a head that does not say so": (
        lambda p: save(sagittal_series(Recipe(discs_z=(), tags={"BodyPartExamined": None})), p),
        "not_lumbar", "No lumbar spine was found", "repeat the sagittal T2",
    ),
    "headers alone": (without_pixels, "no_pixels", "has no image in it", "with its images"),
    "two patients": (two_patients, "mixed_patients", "2 different patients", "folder of their own"),
    "two visits": (two_visits, "mixed_studies", "2 different studies", "folder of its own"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_cannot_be_read_is_refused_with_its_reason_and_what_to_do(kind: str, tmp_path: Path) -> None:
    make, code, why, action = REFUSALS[kind]
    make(tmp_path / "study")
    ran = read(tmp_path / "study", tmp_path)
    assert ran.code == 1, ran.err
    assert why in ran.err and action in ran.err and f"({code};" in ran.err
    assert "Traceback" not in ran.err and "Error" not in ran.err
    assert ran.out == "" and not ran.folder.exists(), "nothing may look like a report"
