"""torch to ONNX to OpenVINO IR, with the facts that belong to the weights written into the IR itself."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # else importing it calls home
import openvino as ov  # noqa: E402
from openvino.preprocess import PrePostProcessor  # noqa: E402

RT_INFO = "lumbarbox"
"""The section of `rt_info` that the appliance reads back."""

OPSET = 17


def detector_ir(network: torch.nn.Module, size: int) -> ov.Model:
    """A network (1, 1, size, size) of 0-1 to raw (1, 4 + classes, anchors), as IR with a u8 input of 0-255."""
    model = _through_onnx(network, torch.zeros(1, 1, size, size), ["image"], ["raw"], {})
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8)
    steps.input().preprocess().convert_element_type(ov.Type.f32).scale(255.0)
    return steps.build()


def grader_ir(network: torch.nn.Module, size: int, slices: int) -> ov.Model:
    """A network (n, size, size) of 0-255 to probabilities (3,) and attention (n,), as IR with u8 input, any n."""
    example = torch.zeros(slices, size, size)
    model = _through_onnx(network, example, ["crops"], ["probabilities", "attention"], {"crops": {0: "n"}})
    steps = PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.u8)
    steps.input().preprocess().convert_element_type(ov.Type.f32)
    return steps.build()


def write_facts(model: ov.Model, facts: Mapping[str, str]) -> None:
    """Labels, sizes, thresholds: everything the appliance must know of these weights, as strings."""
    for key, value in facts.items():
        model.set_rt_info(value, [RT_INFO, key])


def save(model: ov.Model, folder: Path) -> None:
    """`model.xml` and `model.bin` in `folder`; weights as they are, never silently halved."""
    folder.mkdir(parents=True, exist_ok=True)
    ov.save_model(model, str(folder / "model.xml"), compress_to_fp16=False)


def _through_onnx(
    network: torch.nn.Module,
    example: torch.Tensor,
    inputs: list[str],
    outputs: list[str],
    dynamic: dict[str, dict[int, str]],
) -> ov.Model:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            network.eval(),
            (example,),
            str(path),
            input_names=inputs,
            output_names=outputs,
            dynamic_axes=dynamic or None,
            opset_version=OPSET,
            dynamo=False,
        )
        return ov.Core().read_model(str(path)).clone()
