"""Quantising a small network: u8 in, facts kept, INT8 inside, answers close; the first scope that holds is taken."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from export.detector.model import Raw, new_model, to_one_channel
from export.grader.model import GatedAttention, standardise
from export.openvino_ir.convert import RT_INFO, detector_ir, grader_ir, ov, save, write_facts
from export.openvino_ir.int8 import DETECTOR_SCOPES, GRADER_SCOPES, Scope, quantize, quantize_until_it_holds


class Tiny(torch.nn.Module):
    """Shaped like a grader: crops in, three probabilities and an attention out."""

    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3, 2, 1), torch.nn.ReLU()
        )
        self.att = GatedAttention(8, 4)
        self.fc = torch.nn.Linear(8, 3)

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = self.features(standardise(crops[:, None])).mean((2, 3))
        attention = torch.softmax(self.att(h), 0)
        return torch.softmax(self.fc((attention[:, None] * h).sum(0)), 0), attention


@pytest.fixture(scope="module")
def ir() -> ov.Model:
    torch.manual_seed(1)
    return grader_ir(Tiny(), size=32, slices=5)


@pytest.fixture(scope="module")
def bags() -> list[np.ndarray]:
    return [np.random.default_rng(i).integers(0, 255, (5, 32, 32), dtype=np.uint8) for i in range(16)]


def answer(model: ov.Model, bag: np.ndarray) -> np.ndarray:
    return np.asarray(ov.Core().compile_model(model, "CPU")([bag])[0])


def test_any_number_of_slices_goes_in_as_bytes(ir: ov.Model) -> None:
    for n in (1, 3, 7):
        assert answer(ir, np.zeros((n, 32, 32), np.uint8)).sum() == pytest.approx(1, abs=1e-3)


def test_the_quantised_network_holds_int8_layers_and_answers_alike(ir: ov.Model, bags: list[np.ndarray]) -> None:
    int8 = quantize(ir, bags, GRADER_SCOPES[0])
    assert "FakeQuantize" in {op.get_type_name() for op in int8.get_ordered_ops()}
    assert np.abs(answer(int8, bags[0]) - answer(ir, bags[0])).max() < 0.05


def test_the_facts_travel_inside_the_file(ir: ov.Model, tmp_path: Path) -> None:
    facts = {"kind": "grader", "crop_mm": "56", "labels": "normal_mild moderate severe"}
    model = ir.clone()
    write_facts(model, facts)
    save(model, tmp_path)
    read = ov.Core().read_model(str(tmp_path / "model.xml"))
    for key, value in facts.items():
        found = read.get_rt_info([RT_INFO, key])
        assert (found.astype(str) if hasattr(found, "astype") else found) == value


def test_the_first_scope_that_holds_is_shipped(ir: ov.Model, bags: list[np.ndarray]) -> None:
    scores = iter([0.90, 0.80, 0.899])

    def measure(_: ov.Model) -> Mapping[str, float]:
        return {"f1": next(scores)}

    done = quantize_until_it_holds(ir, bags, GRADER_SCOPES, measure, allowed_drop=0.01)
    assert done.scope is GRADER_SCOPES[1]
    assert done.verdict.passed


def test_when_none_holds_it_says_so(ir: ov.Model, bags: list[np.ndarray]) -> None:
    scores = iter([0.90, 0.80, 0.85])
    done = quantize_until_it_holds(ir, bags, GRADER_SCOPES[:2], lambda _: {"f1": next(scores)}, allowed_drop=0.01)
    assert not done.verdict.passed
    assert done.int8["f1"] == 0.85


def test_a_scope_that_names_no_layer_is_refused(ir: ov.Model, bags: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="no operation is named like"):
        quantize(ir, bags, Scope("misspelt", (r"^/atention/.*",), "an earlier release protected nothing this way"))


def quantised(model: ov.Model) -> list[str]:
    """Names of the operations that take an input through a FakeQuantize."""
    return [
        op.get_friendly_name()
        for op in model.get_ordered_ops()
        if any(op.input_value(i).get_node().get_type_name() == "FakeQuantize" for i in range(op.get_input_size()))
    ]


def test_the_grader_makes_the_grey_of_its_slices_equal_in_floating_point(ir: ov.Model, bags: list[np.ndarray]) -> None:
    int8 = quantize(ir, bags, GRADER_SCOPES[0])
    named = quantised(int8)
    assert any(name.startswith("/features") for name in named)
    assert not [name for name in named if name.split("_")[0] in {"/Sub", "/Div", "/Sqrt", "/ReduceMean", "/Mul"}]


def test_the_detector_keeps_its_box_decoding_and_its_whole_head_in_floating_point() -> None:
    ir = detector_ir(Raw(to_one_channel(new_model(None))), size=64)
    pictures = [np.zeros((1, 1, 64, 64), np.uint8)]
    decoding, whole_head = (quantised(quantize(ir, pictures, scope)) for scope in DETECTOR_SCOPES[:2])
    assert any("/model.22/cv2" in name for name in decoding) and not any("/dfl/" in name for name in decoding)
    assert any("/model.21/" in name for name in whole_head) and not any("/model.22/" in name for name in whole_head)
