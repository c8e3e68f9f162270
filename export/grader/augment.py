"""What may happen to a bag between the cache and the network: what scanners, patients and our own localiser do.

Grades are lengths and areas in millimetres, so pictures are hardly scaled. Sagittal crops are never mirrored; a
subarticular crop already is the mirrored other side where it is a right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from appliance.core.models import GraderSpec
from export.grader.data import BagLabel, reading_slices


@dataclass(frozen=True, slots=True)
class Strength:
    """How much. Millimetres for shifts, degrees for turns; the rest are shares."""

    shift_mm: float = 2.0
    """Standard deviation of the localiser's error in the picture, cut off at twice."""
    along_mm: float = 1.5
    turn: float = 12.0
    scale: float = 0.04
    gamma: float = 0.25
    contrast: float = 0.15
    bias: float = 0.20
    noise: float = 0.04
    blur: float = 0.15
    """Share of the bags that are blurred by a pixel."""
    dropout: float = 0.6
    """Share of the bags that lose slices."""
    coarse: float = 0.0
    """Share of the bags with pixels up to 2.5 times as large."""
    curve: float = 0.0
    """Share of the bags whose grey runs through a random rising curve."""


NONE = Strength(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
RANDOMISED = Strength(
    shift_mm=2.2, turn=15.0, scale=0.06, gamma=0.45, contrast=0.25, bias=0.40, noise=0.09, blur=0.3, coarse=0.4, curve=0.4
)
"""Pictures of every scanner that there may be, rather than of those that there are."""


def choose_slices(bag: BagLabel, spec: GraderSpec, rng: np.random.Generator, strength: Strength) -> list[int]:
    """Which slices of a bag are shown: those of a shifted point, now and then fewer."""
    shown = reading_slices(bag, spec, float(rng.normal(0, strength.along_mm)) if strength.along_mm else 0.0)
    if len(shown) > 1 and rng.random() < strength.dropout:
        keep = int(rng.integers(1, len(shown)))
        nearest = min(shown, key=lambda i: abs(bag.offsets_mm[i - bag.start]))
        others = rng.permutation([i for i in shown if i != nearest])[: keep - 1]
        shown = sorted([nearest, *(int(i) for i in others)])
    return shown


def augment(
    pictures: Tensor, bag_of: Tensor, bags: int, spec: GraderSpec, rng: np.random.Generator, strength: Strength
) -> Tensor:
    """(n, 1, wide, wide) of 0-255 to (n, 1, size, size) of 0-255; the slices of one bag are treated alike."""
    out = _resample(pictures, bag_of, bags, spec, rng, strength)
    which = bag_of[:, None, None, None]
    draw = _drawer(rng, bags)
    grey = (out / 255).clamp(0, 1)
    if strength.curve:
        grey = _curved(grey, bag_of, bags, rng, strength.curve)
    grey = grey ** torch.exp(draw(strength.gamma))[bag_of][:, None, None, None]
    grey = grey * _bias(bags, spec.size_px, rng, strength.bias)[bag_of]
    grey = (grey - 0.4) * (1 + draw(strength.contrast))[bag_of][:, None, None, None] + 0.4
    grey = grey + draw(strength.contrast / 2)[bag_of][:, None, None, None]
    if strength.coarse:
        grey = _coarser(grey, bag_of, bags, rng, strength.coarse)
    if strength.blur:
        soft = torch.from_numpy(rng.random(bags) < strength.blur)[which.flatten()]
        grey = torch.where(soft[:, None, None, None], functional.avg_pool2d(grey, 3, 1, 1), grey)
    if strength.noise:
        sigma = torch.from_numpy(rng.uniform(0, strength.noise, bags).astype(np.float32))[bag_of]
        generator = torch.Generator().manual_seed(int(rng.integers(2**31)))
        grey = grey + sigma[:, None, None, None] * torch.randn(grey.shape, generator=generator)
    return grey.clamp(0, 1) * 255


def _resample(
    pictures: Tensor, bag_of: Tensor, bags: int, spec: GraderSpec, rng: np.random.Generator, strength: Strength
) -> Tensor:
    """Turn, scale and shift each bag, and cut the grader's square out of the wide one."""
    wide = pictures.shape[-1]
    turn = np.radians(rng.uniform(-1, 1, bags) * strength.turn)
    scale = np.exp(rng.uniform(-1, 1, bags) * strength.scale) * spec.size_px / wide
    shift = np.clip(rng.normal(0, 1, (bags, 2)), -2, 2) * strength.shift_mm / spec.crop_mm * 2 * spec.size_px / wide
    theta = np.zeros((bags, 2, 3), dtype=np.float32)
    theta[:, 0, 0], theta[:, 0, 1] = scale * np.cos(turn), -scale * np.sin(turn)
    theta[:, 1, 0], theta[:, 1, 1] = scale * np.sin(turn), scale * np.cos(turn)
    theta[:, :, 2] = shift
    shape = [len(pictures), 1, spec.size_px, spec.size_px]
    grid = functional.affine_grid(torch.from_numpy(theta)[bag_of], shape, align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", align_corners=False)


def _curved(grey: Tensor, bag_of: Tensor, bags: int, rng: np.random.Generator, share: float) -> Tensor:
    """Grey through a rising curve of five random steps: another sequence's contrast, tissues in the same order."""
    steps = rng.uniform(0.25, 1.75, (bags, 5))
    steps[rng.random(bags) >= share] = 1.0
    knots = torch.from_numpy(np.pad(np.cumsum(steps, 1) / steps.sum(1, keepdims=True), ((0, 0), (1, 0))).astype(np.float32))
    at = (grey * 5).clamp(0, 4.9999)
    low = at.floor().long()
    own = knots[bag_of]
    flat = low.flatten(1)
    start, stop = own.gather(1, flat).view_as(grey), own.gather(1, flat + 1).view_as(grey)
    return start + (stop - start) * (at - low)


def _coarser(grey: Tensor, bag_of: Tensor, bags: int, rng: np.random.Generator, share: float) -> Tensor:
    """A share of the bags at 0.4 to 0.9 of their resolution, enlarged again as a scanner does; a share for each call."""
    size = grey.shape[-1]
    small = max(8, round(size * float(rng.uniform(0.4, 0.9))))
    chosen = torch.from_numpy(rng.random(bags) < share)[bag_of][:, None, None, None]
    low = functional.interpolate(grey, (small, small), mode="area")
    return torch.where(chosen, functional.interpolate(low, (size, size), mode="bicubic", align_corners=False), grey)


def _drawer(rng: np.random.Generator, bags: int):  # type: ignore[no-untyped-def]
    """A function of a strength: one uniform number in +-strength for each bag."""
    return lambda strength: torch.from_numpy((rng.uniform(-1, 1, bags) * strength).astype(np.float32))


def _bias(bags: int, size: int, rng: np.random.Generator, strength: float) -> Tensor:
    """A smooth field round 1 (bags, 1, size, size), from 3x3 random numbers: what a surface coil does."""
    coarse: NDArray[np.float32] = 1 + (rng.uniform(-1, 1, (bags, 1, 3, 3)) * strength).astype(np.float32)
    return functional.interpolate(torch.from_numpy(coarse), (size, size), mode="bicubic", align_corners=True)
