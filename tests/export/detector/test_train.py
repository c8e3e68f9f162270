"""The training loop and the network's two faces, on two steps of tiny pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("ultralytics")

import torch

from appliance.core.spine import STRUCTURES
from export.detector.augment import Drawn
from export.detector.data import Picture
from export.detector.model import load_detector, new_model
from export.detector.train import CHECKPOINT, CURRENT, Phase, Plan, Pool, TrainingState, draw_batch, to_tensors

PLAN = Plan(minutes=1.0, phases=(Phase(64, 0.6), Phase(96, 0.4)))


def picture() -> Picture:
    rng = np.random.default_rng(3)
    t = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    outline = np.stack([60 + 20 * np.cos(t), 50 + 8 * np.sin(t)], axis=1)[None].astype(np.float32)
    return Picture("p", "1", rng.integers(0, 255, (100, 120), dtype=np.uint8), np.array([1]), outline, (1.0, 1.0))


@pytest.fixture(scope="module")
def state() -> TrainingState:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    return TrainingState(new_model(None), torch.device("cpu"), rate=1e-4)


def test_the_plan_grows_the_size_and_lowers_the_rate() -> None:
    assert PLAN.at(0.0)[0] == 64 and PLAN.at(0.7)[0] == 96 and PLAN.at(1.0)[0] == 96
    rates = [PLAN.at(m)[1] for m in (0.0, 0.5, 1.0)]
    assert rates == sorted(rates, reverse=True) and rates[-1] == pytest.approx(PLAN.final_rate)


def test_the_budget_is_minutes_or_steps() -> None:
    assert PLAN.done(step=999, minutes=0.5) == 0.5 and PLAN.done(step=0, minutes=2.0) == 1.0
    counted = replace(PLAN, steps=10)
    assert counted.done(step=5, minutes=99.0) == 0.5 and counted.done(step=10, minutes=0.0) == 1.0


def test_tensors_are_what_the_loss_reads() -> None:
    grey = np.full((64, 64), 51, dtype=np.uint8)
    one = Drawn(grey, np.array([[0, 16, 32, 48]], np.float32), np.array([1]))
    none = Drawn(grey, np.zeros((0, 4), np.float32), np.zeros(0, np.int64))
    tensors = to_tensors([none, one], torch.device("cpu"))
    assert tensors["img"].shape == (2, 3, 64, 64) and tensors["img"].max() == pytest.approx(0.2)
    assert tensors["bboxes"].tolist() == [[0.25, 0.5, 0.5, 0.5]]
    assert tensors["batch_idx"].tolist() == [1.0] and tensors["cls"].tolist() == [[1.0]]


def test_steps_save_resume_and_export(state: TrainingState, tmp_path: Path) -> None:
    pools = [Pool("drawn", [picture()], 1.0)]
    for step in range(2):
        parts = state.advance(draw_batch(pools, 2, 64, np.random.default_rng(step)), 1e-4, warm_steps=1)
        assert len(parts) == 3 and all(np.isfinite(parts))
    state.save(tmp_path)
    again = TrainingState(new_model(None), torch.device("cpu"), rate=1e-4)
    again.load(tmp_path / CHECKPOINT)
    assert again.step == 2
    network = load_detector(tmp_path / CURRENT)
    grey = torch.rand(1, 1, 64, 64)
    with torch.inference_mode():
        raw = network(grey)
        three = state.ema(grey.expand(-1, 3, -1, -1))[0]
    assert raw.shape == (1, 4 + len(STRUCTURES), 84)
    assert torch.allclose(raw, three, atol=1e-3)
