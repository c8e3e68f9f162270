"""What another scanner, or the same one on another day, would have done to a picture: one change at a time.

Each takes pictures (n, rows, columns; 0-255), the wide crops of one place or whole slices, and gives them back changed.
Strengths follow the reference's "Contrast": coil 2-6 times brighter behind over 10 cm, noise 1-10 % of the signal,
0.4-0.9 mm pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Crops = NDArray[np.uint8]
Change = Callable[[Crops, np.random.Generator], Crops]


def coarser(share: float, axes: tuple[int, ...] = (1, 2)) -> Change:
    """Pixels 1/`share` times as large along `axes` (1: down, 2: across), enlarged again as a scanner interpolates."""

    def change(crops: Crops, rng: np.random.Generator) -> Crops:
        rows, columns = crops.shape[1:]
        height, width = (max(8, round(n * share)) if axis in axes else n for axis, n in ((1, rows), (2, columns)))
        small = [cv2.resize(c, (width, height), interpolation=cv2.INTER_AREA) for c in crops]
        return np.stack([cv2.resize(c, (columns, rows), interpolation=cv2.INTER_CUBIC) for c in small])

    return change


def noisier(sigma: float) -> Change:
    """Rician noise, `sigma` as a share of white."""

    def change(crops: Crops, rng: np.random.Generator) -> Crops:
        real, imaginary = rng.normal(0, sigma * 255, (2, *crops.shape))
        return _grey(np.hypot(crops + real, imaginary))

    return change


def gamma(power: float) -> Change:
    """Another contrast curve: above 1 darker middles."""
    return lambda crops, rng: _grey(255 * (crops / 255.0) ** power)


def coil(factor: float, axis: int) -> Change:
    """Brightness that changes by `factor` across the crop (axis 2: from front to back, 1: from top to bottom)."""

    def change(crops: Crops, rng: np.random.Generator) -> Crops:
        ramp = np.exp(np.linspace(-0.5, 0.5, crops.shape[axis]) * np.log(factor))
        shape = [1, 1, 1]
        shape[axis] = -1
        return _grey(crops * ramp.reshape(shape))

    return change


CHANGES: Mapping[str, Change] = {
    "resolution × 0.7": coarser(0.7),
    "resolution × 0.5": coarser(0.5),
    "noise 3 %": noisier(0.03),
    "noise 6 %": noisier(0.06),
    "gamma 0.75": gamma(0.75),
    "gamma 1.33": gamma(1.33),
    "coil × 2 front to back": coil(2.0, 2),
    "coil × 2 top to bottom": coil(2.0, 1),
}


def any_change(rng: np.random.Generator) -> Change:
    """One of these at any strength, or two of them: what a check is fitted to pass."""
    kinds = (
        gamma(float(np.exp(rng.uniform(-0.5, 0.5)))),
        noisier(float(np.exp(rng.uniform(np.log(0.01), np.log(0.08))))),
        coarser(rng.uniform(0.45, 0.95)),
        coarser(rng.uniform(0.45, 0.95), (int(rng.integers(1, 3)),)),
        coil(float(np.exp(rng.uniform(np.log(1.3), np.log(4.0)))), int(rng.integers(1, 3))),
    )
    chosen = [kinds[n] for n in sorted(rng.choice(len(kinds), int(rng.integers(1, 3)), replace=False))]

    def change(crops: Crops, rng: np.random.Generator) -> Crops:
        for one in chosen:
            crops = one(crops, rng)
        return crops

    return change


SHIFTS_MM: Mapping[str, tuple[float, float, float]] = {
    "1 mm to the back": (1.0, 0.0, 0.0), "1 mm down": (0.0, 1.0, 0.0), "1 mm across the slices": (0.0, 0.0, 1.0),
    "2 mm to the back": (2.0, 0.0, 0.0), "2 mm to the front": (-2.0, 0.0, 0.0), "2 mm down": (0.0, 2.0, 0.0),
    "2 mm up": (0.0, -2.0, 0.0), "2 mm across the slices": (0.0, 0.0, 2.0),
}  # fmt: skip
"""Across and down in the crop, and along the slices' normal."""


def _grey(values: NDArray[np.floating]) -> Crops:
    return np.asarray(np.clip(values + 0.5, 0, 255), dtype=np.uint8)
