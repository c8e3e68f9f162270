"""Kaggle's files in, a new models folder out: the one command, on a small tree in Kaggle's form."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("numba", reason="the export extra is not installed")
pytest.importorskip("nncf", reason="the export extra is not installed")

from export import train_rsna
from export.datasets import rsna2024
from export.evaluate import main as evaluate
from export.phantom import PhantomOptions, render_study

ROOT = Path(__file__).resolve().parents[2]
STUDIES = 6
"""By their numbers' hashes four are for training, one for validation, one for the test."""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rsna")
    options = PhantomOptions(quirks=False, max_matrix=96)
    rsna2024.write_rsna_tree((render_study(5, index, options) for index in range(STUDIES)), folder)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_command_from_kaggles_files_to_new_models(tree, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(train_rsna.evaluate, "main", lambda given: shown.append(given) or 0)
    work, out = tmp_path / "work", tmp_path / "models_int8"
    given = ["--data", str(tree), "--work", str(work), "--out", str(out), "--models", str(ROOT / "models_int8"),
             "--start", str(tmp_path / "none"), "--epochs", "1", "--minutes", "1", "--size-px", "32", "--force"]  # fmt: skip
    assert train_rsna.main(given) == 0
    manifest = json.loads((out / "MANIFEST.json").read_text())["models"]
    assert sorted(manifest) == ["mobilenetv3-canal", "mobilenetv3-foraminal", "mobilenetv3-subarticular", "yolov8n-spine"]
    assert "rsna2024" in manifest["mobilenetv3-canal"]["origin"]
    card = (out / "mobilenetv3-canal" / "MODEL_CARD.md").read_text()
    assert "RSNA 2024" in card and "synthetic studies only" not in card
    from appliance.adapters.openvino_model import load_models

    assert set(load_models(out).graders) and set(load_models(work / "fp32").graders)
    assert shown[0][:3] == ["grades", "--dataset", "rsna2024"]
    before = (work / "canal" / "log.jsonl").read_text()
    assert train_rsna.main(given) == 0
    assert (work / "canal" / "log.jsonl").read_text() == before  # nothing is trained twice


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_cross_validation_trains_and_measures_every_fold_and_remembers(tree, tmp_path):
    given = ["folds", "--dataset", "rsna2024", "--data", str(tree), "--folds", "2", "--epochs", "1", "--minutes", "1",
             "--size-px", "32", "--work", str(tmp_path / "work"), "--results", str(tmp_path / "results")]  # fmt: skip
    assert evaluate(given) == 0
    tables = json.loads((tmp_path / "results" / "folds-rsna2024.json").read_text())
    whole = next(t for t in tables if t["title"] == "Whole studies")
    assert "folds by patient" in whole["data"]
    assert (tmp_path / "results" / "plots" / "folds-rsna2024-confusion.png").exists()
    first = (tmp_path / "work" / "fold0of2" / "answers.jsonl").read_bytes()
    assert evaluate(given) == 0
    assert (tmp_path / "work" / "fold0of2" / "answers.jsonl").read_bytes() == first
