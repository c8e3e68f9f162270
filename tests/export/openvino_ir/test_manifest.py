"""The manifest names every shipped byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from export.openvino_ir.manifest import record


def model(folder: Path, xml: bytes, weights: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / "model.xml").write_bytes(xml)
    (folder / "model.bin").write_bytes(weights)


def test_each_model_is_recorded_under_its_hash_and_replaced_not_doubled(tmp_path: Path) -> None:
    model(tmp_path / "b-net", b"<xml/>", b"\1\2")
    model(tmp_path / "a-net", b"<a/>", b"\3")
    record(tmp_path, "b-net", {"version": "1"})
    record(tmp_path, "a-net", {"version": "1"})
    record(tmp_path, "b-net", {"version": "2"})
    manifest = json.loads((tmp_path / "MANIFEST.json").read_text())
    assert list(manifest["models"]) == ["a-net", "b-net"]
    assert manifest["models"]["b-net"]["version"] == "2"
    assert manifest["models"]["b-net"]["sha256"] == hashlib.sha256(b"<xml/>\1\2").hexdigest()
    assert manifest["models"]["b-net"]["files"]["model.bin"] == hashlib.sha256(b"\1\2").hexdigest()
