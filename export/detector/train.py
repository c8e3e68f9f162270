"""Train the detector: a plain loop around ultralytics' own loss, seeded, resumable, within a budget of minutes."""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from appliance.core.spine import STRUCTURES
from export.datasets import spider
from export.datasets.sample import LabelledStudy
from export.detector.augment import Drawn, draw
from export.detector.data import Picture, complete, pictures_of
from export.detector.model import new_model

CHECKPOINT, CURRENT, STATUS = "checkpoint.pt", "current.pt", "STATUS.txt"
_EMA_DECAY, _EMA_WARM = 0.9985, 300


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training at one size; `share` of the budget."""

    size: int
    share: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides a training."""

    minutes: float
    phases: tuple[Phase, ...]
    batch: int = 16
    rate: float = 1.2e-3
    final_rate: float = 3e-5
    warm_steps: int = 60
    seed: int = 0
    threads: int = 1
    steps: int | None = None
    """Counted in place of minutes where two trainings must be alike whatever else the machine does."""

    def done(self, step: int, minutes: float) -> float:
        """Share of the budget that is spent, 1 at the end."""
        return min(minutes / self.minutes if self.steps is None else step / self.steps, 1.0)

    def at(self, done: float) -> tuple[int, float]:
        """(size, learning rate) when that share of the budget is spent."""
        total = 0.0
        size = self.phases[-1].size
        for phase in self.phases:
            total += phase.share
            if done < total:
                size = phase.size
                break
        cosine = (1 + math.cos(math.pi * done)) / 2
        return size, self.final_rate + (self.rate - self.final_rate) * cosine


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Pictures of one kind and how often a batch draws from it."""

    name: str
    pictures: Sequence[Picture]
    weight: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of `python -m export.train detector`."""
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder that holds spider_*")
    parser.add_argument("--pretrained", type=Path, default=Path("../shared/weights/yolov8n.pt"))
    parser.add_argument("--out", type=Path, default=Path("runs/detector"))
    parser.add_argument("--minutes", type=float, default=45.0, help="budget of training time")
    parser.add_argument("--sizes", default="320:0.4,416:0.3,480:0.3", help="side:share of the budget, in order")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1.2e-3)
    parser.add_argument("--phantoms", type=int, default=0, help="synthetic studies to render")
    parser.add_argument("--no-midsagittal", action="store_true", help="masked SPACE slices only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Read the pictures, train, leave `current.pt` in the folder."""
    plan = Plan(args.minutes, phases_of(args.sizes), batch=args.batch, rate=args.rate, seed=args.seed, threads=args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    pools = training_pools(args.data, args.phantoms, midsagittal=not args.no_midsagittal)
    train(pools, plan, args.pretrained, args.out, resume=args.resume)
    return 0


def phases_of(sizes: str) -> tuple[Phase, ...]:
    """`320:0.5,640:0.5` as phases."""
    return tuple(Phase(int(s), float(w)) for s, w in (part.split(":") for part in sizes.split(",")))


def training_pools(
    data: Path, phantoms: int, midsagittal: bool = True, keep: Callable[[LabelledStudy], bool] = lambda _: True
) -> list[Pool]:
    """Everything but the held-out patients and the real pictures that `keep` refuses.

    The share of each kind in a batch is set here.
    """
    space = [s for s in spider.space_studies(data / spider.SPACE) if not spider.held_out(s.patient) and keep(s)]
    pools = [Pool("space", complete(p for s in space for p in pictures_of(s, spider.SPACE_PIXEL_MM)), 0.25)]
    if midsagittal:
        every = spider.midsagittal_studies(data / spider.MIDSAGITTAL)
        middle = [s for s in every if not spider.held_out(s.patient) and keep(s)]
        sizes = spider.pixel_mm(data / spider.MIDSAGITTAL)
        drawn = [p for s in middle for p in pictures_of(s, sizes[s.study_id])]
        pools.append(Pool("midsagittal", drawn, 0.5))
    if phantoms:
        from export.detector.phantoms import training_pictures

        drawn = training_pictures(phantoms)
        pools.append(Pool("phantom sagittal", [p for p in drawn if p.sagittal], 0.15))
        pools.append(Pool("phantom axial", [p for p in drawn if not p.sagittal], 0.1))
    return [pool for pool in pools if pool.pictures]


def draw_batch(pools: Sequence[Pool], count: int, size: int, rng: np.random.Generator) -> list[Drawn]:
    """Pictures drawn at random, pools by their weight."""
    weights = np.array([pool.weight for pool in pools])
    chosen = rng.choice(len(pools), size=count, p=weights / weights.sum())
    return [draw(pools[i].pictures[int(rng.integers(len(pools[i].pictures)))], size, rng) for i in chosen]


def to_tensors(batch: Sequence[Drawn], device: torch.device) -> dict[str, torch.Tensor]:
    """What ultralytics' loss reads: images in 0-1 as three equal channels, boxes as xywh in shares of the side."""
    size = batch[0].pixels.shape[0]
    grey = torch.from_numpy(np.stack([d.pixels for d in batch])).to(device).float().div_(255)
    boxes = np.concatenate([d.boxes for d in batch]) / size
    centers, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    index = np.repeat(np.arange(len(batch)), [len(d.boxes) for d in batch])
    return {
        "img": grey[:, None].expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last),
        "cls": torch.from_numpy(np.concatenate([d.classes for d in batch])[:, None]).float().to(device),
        "bboxes": torch.from_numpy(np.concatenate([centers, sides], axis=1)).float().to(device),
        "batch_idx": torch.from_numpy(index).float().to(device),
    }


def train(pools: Sequence[Pool], plan: Plan, pretrained: Path, out: Path, resume: bool = False) -> None:
    """The loop. Saves a checkpoint and `current.pt` every few minutes; `resume` goes on where the last one stood."""
    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    state = TrainingState.start(pretrained, plan, device)
    if resume and (out / CHECKPOINT).exists():
        state.load(out / CHECKPOINT)
    say = _log_to(out)
    say("; ".join(f"{p.name}: {len(p.pictures)}" for p in pools) + f"; {plan}")
    rng = np.random.default_rng([plan.seed, state.step])
    began, last_saved, losses = time.monotonic() - state.minutes * 60, state.minutes, list[list[float]]()
    while (done := plan.done(state.step, state.minutes)) < 1:
        size, rate = plan.at(done)
        losses.append(state.advance(draw_batch(pools, plan.batch, size, rng), rate, plan.warm_steps))
        state.minutes = (time.monotonic() - began) / 60
        if state.step % 25 == 0:
            box, cls, dfl = np.mean(losses, axis=0)
            say(f"{state.minutes:6.1f} min step {state.step} size {size} rate {rate:.5f} box {box:.3f} cls {cls:.3f} "
                f"dfl {dfl:.3f}")
            losses.clear()
        if state.minutes - last_saved > 3:
            state.save(out)
            last_saved = state.minutes
    state.save(out)
    say("finished")


class TrainingState:
    """Network, its running mean, optimiser, and how far it has come."""

    def __init__(self, model: nn.Module, device: torch.device, rate: float) -> None:
        from ultralytics.utils.loss import v8DetectionLoss

        self.device = device
        self.model: Any = cast(Any, model.to(device).train())
        self.model = self.model.to(memory_format=torch.channels_last)
        self.ema = copy.deepcopy(model).eval()
        for parameter in self.ema.parameters():
            parameter.requires_grad_(False)
        self.loss: Callable[..., Any] = v8DetectionLoss(self.model)
        self.optimizer = torch.optim.AdamW(_parameter_groups(self.model), lr=rate, betas=(0.9, 0.99))
        self.step = 0
        self.minutes = 0.0

    @classmethod
    def start(cls, pretrained: Path, plan: Plan, device: torch.device) -> TrainingState:
        return cls(new_model(pretrained), device, plan.rate)

    def advance(self, batch: Sequence[Drawn], rate: float, warm_steps: int) -> list[float]:
        """One step; the three parts of the loss per image."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * min(1.0, (self.step + 1) / warm_steps)
        tensors = to_tensors(batch, self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            raw = self.model(tensors["img"])
        loss, parts = self.loss(_to_float(raw), tensors)
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self._follow()
        return [float(p) for p in (parts.values() if isinstance(parts, dict) else parts)]

    def save(self, out: Path) -> None:
        """Checkpoint to resume from, and `current.pt` (weights only), each written beside and renamed."""
        ema = {k: v.detach().cpu().contiguous() for k, v in self.ema.state_dict().items()}
        facts = {"ema": ema, "classes": [str(s) for s in STRUCTURES], "step": self.step, "minutes": self.minutes}
        _save(facts, out / CURRENT)
        whole = {**facts, "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        _save(whole, out / CHECKPOINT)

    def load(self, path: Path) -> None:
        saved = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(saved["model"])
        self.ema.load_state_dict(saved["ema"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.step, self.minutes = saved["step"], saved["minutes"]

    @torch.no_grad()
    def _follow(self) -> None:
        decay = _EMA_DECAY * (1 - math.exp(-self.step / _EMA_WARM))
        own = self.model.state_dict()
        for name, mean in self.ema.state_dict().items():
            if mean.dtype.is_floating_point:
                mean.mul_(decay).add_(own[name].detach(), alpha=1 - decay)
            else:
                mean.copy_(own[name])


def _parameter_groups(model: nn.Module, decay: float = 5e-3) -> list[dict[str, Any]]:
    """Weight decay on convolution kernels only."""
    kernels = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    rest = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": kernels, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]


def _to_float(raw: Any) -> Any:
    if isinstance(raw, torch.Tensor):
        return raw.float()
    if isinstance(raw, dict):
        return {k: _to_float(v) for k, v in raw.items()}
    return type(raw)(_to_float(r) for r in raw)


def _save(value: object, path: Path) -> None:
    beside = path.with_suffix(".tmp")
    torch.save(value, beside)
    os.replace(beside, path)


def _log_to(out: Path) -> Callable[[str], None]:
    log = out / "train.jsonl"

    def say(line: str) -> None:
        stamp = time.strftime("%H:%M:%S")
        print(f"{stamp} {line}", flush=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"at": stamp, "line": line}) + "\n")
        (out / STATUS).write_text(f"{stamp} {line}\n", encoding="utf-8")

    return say
