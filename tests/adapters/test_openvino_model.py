"""The models are what the manifest and their own facts say, or the box refuses to use them."""

from __future__ import annotations

import hashlib
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


def refused(folder: Path, second_opinion: bool = False) -> Code:
    with pytest.raises(ModelError) as caught:
        load_models(folder, second_opinion=second_opinion)
    assert caught.value.action
    return caught.value.code


def change(folder: Path, name: str, old: bytes, new: bytes) -> None:
    """Other facts in a model that its manifest vouches for."""
    xml = folder / name / "model.xml"
    assert old in xml.read_bytes()
    xml.write_bytes(xml.read_bytes().replace(old, new))
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    manifest["models"][name]["files"]["model.xml"] = hashlib.sha256(xml.read_bytes()).hexdigest()
    (folder / "MANIFEST.json").write_text(json.dumps(manifest))


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


def test_a_second_opinion_is_loaded_only_when_asked_for(tmp_path: Path) -> None:
    folder = write_models(tmp_path, second_record=0.95)
    assert load_models(folder).second == {}
    second = load_models(folder, second_opinion=True).second
    assert [s.grader.identity.name for s in second.values()] == [f"efficientnet-b0-{r}" for r in Region]
    assert all(s.better for s in second.values()), "0.95 against the first ones' 0.90"
    assert not any(s.better for s in load_models(write_models(tmp_path, 0.90), second_opinion=True).second.values())


def test_a_second_opinion_without_its_models_is_refused_with_what_to_do(folder: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_models(folder, second_opinion=True)
    assert caught.value.code is Code.MODEL_MISSING
    assert "reader.second_opinion is on, but the model efficientnet-b0-canal is not in" in caught.value.message
    assert "python -m export.second_opinion" in caught.value.action and "off" in caught.value.action


def test_second_models_are_verified_like_the_first(tmp_path: Path) -> None:
    weights = write_models(tmp_path, 0.95) / "efficientnet-b0-foraminal" / "model.bin"
    weights.write_bytes(weights.read_bytes() + b"x")
    assert load_models(tmp_path).second == {}, "what is not used is not in the way"
    assert refused(tmp_path, second_opinion=True) is Code.MODEL_CHANGED


def test_a_second_model_that_wants_other_crops_or_has_no_record_is_wrong(tmp_path: Path) -> None:
    write_models(tmp_path, 0.95)
    change(tmp_path, "efficientnet-b0-canal", b'value="60"', b'value="50"')
    assert refused(tmp_path, second_opinion=True) is Code.MODEL_WRONG
    manifest = json.loads((write_models(tmp_path, 0.95) / "MANIFEST.json").read_text())
    del manifest["models"]["efficientnet-b0-canal"]["int8"]
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    assert refused(tmp_path, second_opinion=True) is Code.MODEL_WRONG


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
    change(write_models(tmp_path), "mobilenetv3-canal", old, new)
    verify(tmp_path)
    assert refused(tmp_path) is Code.MODEL_WRONG


def test_telemetry_is_not_even_imported() -> None:
    assert sys.modules["openvino_telemetry"] is None
