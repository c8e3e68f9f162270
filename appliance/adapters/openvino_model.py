"""INT8 models on OpenVINO: verified against the manifest, every parameter read from the weights' own `rt_info`.

`import openvino` would report to an analytics server: `openvino_telemetry` is replaced by nothing before the import.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import PixelMm
from appliance.core.models import DetectedBox, Grade, GraderSpec, ModelIdentity
from appliance.core.postprocessing import Thresholds, decode
from appliance.core.preprocessing import HIGH_PERCENTILE, LOW_PERCENTILE, letterbox
from appliance.core.second_opinion import Second
from appliance.core.spine import SEVERITIES, STRUCTURES, Region
from appliance.errors import Code, ModelError

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
import openvino as ov  # noqa: E402

MANIFEST = "MANIFEST.json"
MANIFEST_SCHEMA = "lumbarbox.models/1"
DETECTOR = "yolov8n-spine"
GRADERS: dict[Region, str] = {region: f"mobilenetv3-{region}" for region in Region}
SECOND_GRADERS: dict[Region, str] = {region: f"efficientnet-b0-{region}" for region in Region}
REINSTALL = "Install the box's models again; they are part of the program."
MAKE_SECOND = (
    "Switch reader.second_opinion off, or make these models on a workbench with `python -m export.second_opinion` "
    "(docs/second-opinion.md) and copy them to the box; they are not part of the program."
)


@dataclass(frozen=True, slots=True)
class LoadedModels:
    """All that was asked for, ready to answer."""

    detector: OpenVinoDetector
    graders: dict[Region, OpenVinoGrader]
    second: dict[Region, Second]
    """Empty unless a second opinion was asked for."""
    device: str
    """`CPU` or `GPU`: where they really run."""
    fallback: bool
    """The GPU was asked for and was not there."""


def load_models(
    folder: Path, device: str = "auto", threads: int = 0, cache: Path | None = None, second_opinion: bool = False
) -> LoadedModels:
    """Verify, then compile. `device` is auto, cpu or gpu; `threads` 0 means all cores."""
    manifest = verify(folder, second_opinion)
    core = _core(threads, cache)
    for target in _targets(core, device):
        try:
            models = _compile(core, folder, target, fallback=device == "gpu" and target == "CPU")
            return replace(models, second=_seconds(core, folder, manifest, models)) if second_opinion else models
        except RuntimeError as exc:
            if target == "CPU":
                raise ModelError(Code.MODEL_WRONG, f"The models cannot be started: {exc}", REINSTALL) from exc
    raise AssertionError("the CPU is always tried last")


def open_detector(folder: Path) -> OpenVinoDetector:
    """One detector on the CPU, without a manifest: how a candidate is measured before it is shipped."""
    core = _core(threads=0, cache=None)
    return OpenVinoDetector(_read(core, folder), core, "CPU")


def open_grader(folder: Path) -> OpenVinoGrader:
    """One grader on the CPU, without a manifest."""
    core = _core(threads=0, cache=None)
    return OpenVinoGrader(_read(core, folder), core, "CPU")


def devices() -> tuple[str, ...]:
    """What OpenVINO can run on here, by their full names."""
    core = ov.Core()
    return tuple(f"{name} ({core.get_property(name, 'FULL_DEVICE_NAME')})" for name in core.available_devices)


def verify(folder: Path, second_opinion: bool = False) -> dict[str, Any]:
    """The manifest's models, every needed file's bytes compared with what the manifest says."""
    models = _manifest(folder)
    for name in (DETECTOR, *GRADERS.values()):
        if name not in models:
            raise ModelError(Code.MODEL_MISSING, f"The model {name} is not in {MANIFEST}.", REINSTALL)
        _verify_model(folder, name, models, REINSTALL)
    for name in SECOND_GRADERS.values() if second_opinion else ():
        if name not in models:
            message = f"reader.second_opinion is on, but the model {name} is not in {folder / MANIFEST}."
            raise ModelError(Code.MODEL_MISSING, message, MAKE_SECOND)
        _verify_model(folder, name, models, MAKE_SECOND)
    return models


def _verify_model(folder: Path, name: str, manifest: Mapping[str, Any], action: str) -> None:
    for file, expected in manifest[name]["files"].items():
        _verify_file(folder / name / file, expected, action)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text("utf-8"))
        if manifest["schema"] != MANIFEST_SCHEMA:
            raise ModelError(Code.MODEL_WRONG, f"{path} has another schema: {manifest['schema']}.", REINSTALL)
        return {name: dict(entry) for name, entry in manifest["models"].items() if isinstance(entry["files"], dict)}
    except OSError as exc:
        raise ModelError(Code.MODEL_MISSING, f"There are no models at {folder}: {exc.strerror}.", REINSTALL) from exc
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ModelError(Code.MODEL_WRONG, f"{path} cannot be understood: {exc!r}.", REINSTALL) from exc


def _verify_file(path: Path, expected: str, action: str) -> None:
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as exc:
        raise ModelError(Code.MODEL_MISSING, f"{path} is missing: {exc.strerror}.", action) from exc
    if found != expected:
        raise ModelError(Code.MODEL_CHANGED, f"{path} is not the file the manifest names.", action)


def _core(threads: int, cache: Path | None) -> ov.Core:
    core = ov.Core()
    # Without this a CPU that has BF16 uses it for what is not INT8, and two boxes give two numbers.
    core.set_property("CPU", {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"})
    if threads:
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": threads})
    if cache is not None:
        core.set_property({"CACHE_DIR": str(cache)})
    return core


def _targets(core: ov.Core, device: str) -> tuple[str, ...]:
    """The GPU only where it was asked for by name: `auto` is the CPU, whose answers are the ones measured."""
    wants_gpu = device.lower() == "gpu" and any(d.startswith("GPU") for d in core.available_devices)
    return ("GPU", "CPU") if wants_gpu else ("CPU",)


def _compile(core: ov.Core, folder: Path, device: str, fallback: bool) -> LoadedModels:
    detector = OpenVinoDetector(_read(core, folder / DETECTOR), core, device)
    graders = {region: OpenVinoGrader(_read(core, folder / name), core, device) for region, name in GRADERS.items()}
    return LoadedModels(detector, graders, {}, device, fallback)


def _seconds(core: ov.Core, folder: Path, manifest: Mapping[str, Any], models: LoadedModels) -> dict[Region, Second]:
    """Beside the first graders, on the same device, and shown the same crops."""
    found = {}
    for region, name in SECOND_GRADERS.items():
        grader = OpenVinoGrader(_read(core, folder / name), core, models.device)
        first = models.graders[region]
        if grader.spec != first.spec:
            message = f"{name} was trained on crops cut otherwise than those of {first.identity.name}."
            raise ModelError(Code.MODEL_WRONG, message, MAKE_SECOND)
        better = _record(manifest, name) > _record(manifest, GRADERS[region])
        found[region] = Second(grader, better)
    return found


def _record(manifest: Mapping[str, Any], name: str) -> float:
    """What settles a tie: macro F1 of the INT8 weights at the accuracy gate."""
    try:
        return float(manifest[name]["int8"]["macro_f1"])
    except (KeyError, TypeError, ValueError) as exc:
        message = f"{MANIFEST} does not say the macro F1 of {name}, which settles a tie of two models."
        raise ModelError(Code.MODEL_WRONG, message, MAKE_SECOND) from exc


@dataclass(frozen=True, slots=True)
class _Weights:
    """A model and the facts that travel with it."""

    model: ov.Model
    facts: Mapping[str, str]
    identity: ModelIdentity

    def fact(self, key: str) -> str:
        if key not in self.facts:
            raise ModelError(Code.MODEL_WRONG, f"{self.identity.name} does not say its {key}.", REINSTALL)
        return self.facts[key]

    def number(self, key: str) -> float:
        try:
            return float(self.fact(key))
        except ValueError as exc:
            raise ModelError(Code.MODEL_WRONG, f"{self.identity.name}: {key} is not a number.", REINSTALL) from exc

    def expect(self, key: str, value: str) -> None:
        if self.fact(key) != value:
            raise self._differs(key, value)

    def expect_number(self, key: str, value: float) -> None:
        if abs(self.number(key) - value) > 1e-6:
            raise self._differs(key, str(value))

    def _differs(self, key: str, needed: str) -> ModelError:
        message = f"{self.identity.name}: {key} is {self.fact(key)!r}, this program needs {needed!r}."
        return ModelError(Code.MODEL_WRONG, message, REINSTALL)


def _read(core: ov.Core, folder: Path) -> _Weights:
    xml, weights = folder / "model.xml", folder / "model.bin"
    model = core.read_model(xml, weights)
    told = model.rt_info["lumbarbox"].items() if model.has_rt_info("lumbarbox") else ()
    facts = {str(key): str(getattr(value, "value", value)) for key, value in told}
    digest = hashlib.sha256(xml.read_bytes() + weights.read_bytes()).hexdigest()
    name = facts.get("name", folder.name)
    identity = ModelIdentity(name, facts.get("version", ""), digest, facts.get("precision", ""))
    return _Weights(model, facts, identity)


class _Engine:
    """One compiled model, asked one thing at a time, from one thread.

    Two streams asked from two threads were tried (OpenVINO 2026.4.1, two cores): no faster over a whole reading, and
    one of a dozen readings stood still for ever. The cause was not found, so nothing is asked side by side.
    """

    def __init__(self, model: ov.Model, core: ov.Core, device: str) -> None:
        self._request = core.compile_model(model, device).create_infer_request()

    def infer(self, data: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """All outputs; valid until the next question."""
        self._request.infer({0: data})
        return tuple(tensor.data for tensor in self._request.output_tensors)


class OpenVinoDetector:
    """YOLOv8: (1, 1, S, S) grey in, (1, 4 + classes, anchors) out; letterbox and suppression are ours."""

    def __init__(self, weights: _Weights, core: ov.Core, device: str) -> None:
        weights.expect("kind", "detector")
        weights.expect("labels", " ".join(STRUCTURES))
        self._identity = weights.identity
        self._size = int(weights.number("input_size"))
        self._finest_mm = weights.number("finest_mm")
        self._thresholds = Thresholds(score=weights.number("score_threshold"), overlap=weights.number("iou_threshold"))
        self._engine = _Engine(weights.model, core, device)

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    def detect(
        self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
    ) -> tuple[DetectedBox, ...]:
        square, placed = letterbox(picture, self._size, pixel_mm, 0.0 if fill else self._finest_mm)
        (raw,) = self._engine.infer(square[None, None])
        return decode(raw, placed, self._thresholds)


class OpenVinoGrader:
    """MobileNetV3 with gated attention: (n, S, S) grey in, three probabilities and n attention weights out."""

    def __init__(self, weights: _Weights, core: ov.Core, device: str) -> None:
        weights.expect("kind", "grader")
        weights.expect("labels", " ".join(SEVERITIES))
        weights.expect_number("low_percentile", LOW_PERCENTILE)
        weights.expect_number("high_percentile", HIGH_PERCENTILE)
        self._identity = weights.identity
        self._spec = GraderSpec(
            region=Region(weights.fact("region")),
            size_px=int(weights.number("input_size")),
            crop_mm=weights.number("crop_mm"),
            slices=int(weights.number("slices")),
        )
        self._engine = _Engine(weights.model, core, device)

    @property
    def identity(self) -> ModelIdentity:
        return self._identity

    @property
    def spec(self) -> GraderSpec:
        return self._spec

    def grade(self, crops: NDArray[np.uint8]) -> Grade:
        probabilities, attention = self._engine.infer(crops)
        normal, moderate, severe = _sum_to_one(probabilities)
        return Grade((normal, moderate, severe), tuple(_sum_to_one(attention)))


def _sum_to_one(values: NDArray[np.floating]) -> list[float]:
    """A model that answers with no number at all must not look like one that found nothing."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    total = flat.sum()
    if not (np.isfinite(flat).all() and total > 0):
        raise ModelError(Code.MODEL_WRONG, "A model answered with values that are no numbers.", REINSTALL)
    shares: list[float] = (flat / total).tolist()
    return shares
