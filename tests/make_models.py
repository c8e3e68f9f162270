"""Toy OpenVINO models in the shipped layout: the real adapter, manifest and `rt_info`, without trained weights.

The detector always answers the five discs of `make_dicom.Recipe()`; the grader measures brightness.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from appliance.core.spine import SEVERITIES, STRUCTURES, Region, Structure
from tests.make_dicom import Recipe

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
import openvino as ov  # noqa: E402
from openvino import opset13 as ops  # noqa: E402

SIZE = 128


RECORD = {"int8": {"macro_f1": 0.90}}


def write_models(folder: Path, second_record: float | None = None) -> Path:
    """All four and their manifest; with a record (macro F1), second graders too, which say the opposite."""
    made = {"yolov8n-spine": _detector(folder)}
    made |= {f"mobilenetv3-{r}": _grader(folder, f"mobilenetv3-{r}", r) | RECORD for r in Region}
    if second_record is not None:
        record = {"role": "second", "int8": {"macro_f1": second_record}}
        names = {f"efficientnet-b0-{r}": r for r in Region}
        made |= {name: _grader(folder, name, r, opposite=True) | record for name, r in names.items()}
    (folder / "MANIFEST.json").write_text(json.dumps({"schema": "lumbarbox.models/1", "models": made}))
    return folder


def _detector(folder: Path) -> dict[str, object]:
    image = ops.parameter([1, 1, SIZE, SIZE], ov.Type.u8, name="image")
    nothing = ops.multiply(ops.reduce_mean(ops.convert(image, ov.Type.f32), [1, 2, 3], keep_dims=False), np.float32(0))
    raw = ops.add(ops.constant(_answer()), ops.unsqueeze(ops.unsqueeze(nothing, 1), 2))
    facts = {"kind": "detector", "labels": " ".join(STRUCTURES), "score_threshold": "0.25", "iou_threshold": "0.45"}
    facts["finest_mm"] = "0"
    return _save(folder, "yolov8n-spine", ov.Model([raw], [image]), {**facts, "input_size": str(SIZE)})


def _answer() -> np.ndarray:
    """(1, 4 + classes, 5): the recipe's discs where a 128 x 128 picture of 256 mm shows them."""
    recipe, raw = Recipe(), np.zeros((1, 4 + len(STRUCTURES), 5), dtype=np.float32)
    for i, z in enumerate(recipe.discs_z):
        raw[0, :4, i] = SIZE / 2, (recipe.fov_mm / 2 - z) / recipe.spacing, 16, 5
        last = i == len(recipe.discs_z) - 1
        raw[0, 4 + STRUCTURES.index(Structure.LUMBOSACRAL_DISC if last else Structure.DISC), i] = 0.9
    return raw


def _grader(folder: Path, name: str, region: Region, opposite: bool = False) -> dict[str, object]:
    """Dark is severe; `opposite`: bright is."""
    size = 64
    crops = ops.parameter([-1, size, size], ov.Type.u8, name="crops")
    bright = ops.divide(ops.reduce_mean(ops.convert(crops, ov.Type.f32), [1, 2]), np.float32(255))
    attention = ops.softmax(bright, 0)
    dark = ops.subtract(np.float32(1), ops.reduce_sum(ops.multiply(attention, bright), [0], keep_dims=True))
    three = [ops.subtract(np.float32(1), dark), ops.multiply(dark, np.float32(0.5)), dark]
    logits = ops.multiply(ops.concat(three[::-1] if opposite else three, 0), np.float32(3))
    facts = {
        "kind": "grader", "labels": " ".join(SEVERITIES), "region": region.value, "crop_mm": "60", "slices": "5",
        "input_size": str(size), "low_percentile": "1.0", "high_percentile": "99.5", "temperature": "1.0",
    }  # fmt: skip
    return _save(folder, name, ov.Model([ops.softmax(logits, 0), attention], [crops]), facts)


def _save(folder: Path, name: str, model: ov.Model, facts: dict[str, str]) -> dict[str, object]:
    for key, value in {"name": name, "version": "0-toy", "precision": "INT8", **facts}.items():
        model.set_rt_info(value, ["lumbarbox", key])
    (folder / name).mkdir(parents=True, exist_ok=True)
    ov.save_model(model, str(folder / name / "model.xml"), compress_to_fp16=False)
    data = {file: (folder / name / file).read_bytes() for file in ("model.xml", "model.bin")}
    files = {file: hashlib.sha256(content).hexdigest() for file, content in data.items()}
    whole = hashlib.sha256(b"".join(data.values())).hexdigest()
    return {"version": "0-toy", "kind": facts["kind"], "precision": "INT8", "files": files, "sha256": whole}
