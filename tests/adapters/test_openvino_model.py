"""The models are what the manifest and their own facts say, or the box refuses to use them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from appliance.adapters.openvino_model import LoadedModels, load_models, verify
from appliance.core.spine import Region, Structure
from appliance.errors import Code, ModelError
from tests.make_models import write_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def models(folder: Path) -> LoadedModels:
    return load_models(folder, threads=1)


def refused(folder: Path) -> Code:
    with pytest.raises(ModelError) as caught:
        load_models(folder)
    assert caught.value.action
    return caught.value.code


def test_the_facts_travel_with_the_weights(models: LoadedModels) -> None:
    spec = models.graders[Region.FORAMINAL].spec
    assert (spec.region, spec.size_px, spec.crop_mm, spec.slices) == (Region.FORAMINAL, 64, 60.0, 5)
    identity = models.detector.identity
    assert (identity.name, identity.version, identity.precision) == ("yolov8n-spine", "0-toy", "INT8")
    assert (models.device, models.fallback) == ("CPU", False)


def test_the_identity_is_the_hash_of_both_files_as_in_the_manifest(models: LoadedModels, folder: Path) -> None:
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    assert models.detector.identity.sha256 == manifest["models"]["yolov8n-spine"]["sha256"]


def test_boxes_come_back_in_the_pictures_own_pixels(models: LoadedModels) -> None:
    """The toy answers in its own 128-pixel square; a picture twice as large has boxes twice as large."""
    boxes = models.detector.detect(np.zeros((256, 256), np.uint8))
    assert [b.structure for b in boxes].count(Structure.DISC) == 4
    lowest = max(boxes, key=lambda b: b.center_px[1])
    assert lowest.structure is Structure.LUMBOSACRAL_DISC
    x0, _, x1, _ = lowest.box_px
    assert x1 - x0 == pytest.approx(32, abs=0.1)


@pytest.mark.parametrize("count", [1, 2, 5, 3])
def test_a_grader_takes_any_number_of_slices(models: LoadedModels, count: int) -> None:
    crops = np.random.default_rng(1).integers(0, 255, (count, 64, 64), dtype=np.uint8)
    grade = models.graders[Region.CANAL].grade(crops)
    assert sum(grade.probabilities) == pytest.approx(1, abs=1e-9)
    assert len(grade.attention) == count and sum(grade.attention) == pytest.approx(1, abs=1e-9)


def test_the_gpu_that_is_not_there_is_replaced_and_said(folder: Path) -> None:
    models = load_models(folder, device="gpu")
    assert (models.device, models.fallback) == ("CPU", True)


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    weights = write_models(tmp_path) / "mobilenetv3-canal" / "model.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x99")
    assert refused(tmp_path) is Code.MODEL_CHANGED


def test_missing_models_are_missing(tmp_path: Path) -> None:
    assert refused(tmp_path) is Code.MODEL_MISSING
    write_models(tmp_path)
    (tmp_path / "yolov8n-spine" / "model.xml").unlink()
    assert refused(tmp_path) is Code.MODEL_MISSING
    manifest = json.loads((tmp_path / "MANIFEST.json").read_text())
    del manifest["models"]["yolov8n-spine"]
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    assert refused(tmp_path) is Code.MODEL_MISSING


def test_a_manifest_that_is_no_manifest_is_wrong(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"schema": "other/1", "models": {}}', '{"schema": "lumbarbox.models/1"}'):
        (tmp_path / "MANIFEST.json").write_text(text)
        assert refused(tmp_path) is Code.MODEL_WRONG


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'value="grader"', b'value="eraser"'), (b'value="99.5"', b'value="98.5"'), (b"normal_mild", b"normal_wild")],
    ids=["kind", "window", "labels"],
)
def test_a_model_made_for_another_program_is_wrong(tmp_path: Path, old: bytes, new: bytes) -> None:
    """Its manifest is in order, its facts are not ours."""
    xml = write_models(tmp_path) / "mobilenetv3-canal" / "model.xml"
    manifest = json.loads((tmp_path / "MANIFEST.json").read_text())
    assert old in xml.read_bytes()
    xml.write_bytes(xml.read_bytes().replace(old, new))
    import hashlib

    manifest["models"]["mobilenetv3-canal"]["files"]["model.xml"] = hashlib.sha256(xml.read_bytes()).hexdigest()
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    verify(tmp_path)
    assert refused(tmp_path) is Code.MODEL_WRONG


def test_telemetry_is_not_even_imported() -> None:
    assert sys.modules["openvino_telemetry"] is None
