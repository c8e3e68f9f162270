"""From ideal signal to a scanner's picture: coil, saturation band, fat shift, ghosts, k-space, noise, 12 bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from appliance.core.geometry import ImagePlane, Plane
from export.phantom import layout as L
from export.phantom.options import Role
from export.phantom.scene import BACK_TABLE, Scene

Array = NDArray[np.float64]
Image32 = NDArray[np.float32]


PHASE_SHARE = 0.85  # of the frequencies, acquired in the direction of phase encoding: 70-100 % is usual [G]


@dataclass(frozen=True, slots=True)
class Look:
    """What one series suffers from. Lengths in mm, else shares of the signal. Ranges: reference, "Contrast" [G]."""

    coil_factor: float  # brightness at the skin over that 10 cm deeper
    coil_waves: tuple[float, ...]  # smooth +-30 %
    coil_center: float  # z where the coil sees best
    coil_reach: float
    band_at: float | None  # mm before the canal's axis where the saturation band begins
    band_edge: float
    band_left: float
    noise: float
    ghost: float
    ghost_shift: float
    fat_shift: float  # pixels
    shift_rows: bool
    window: float  # k-space taper: 0 sharp, 1 soft
    full_scale: int
    flow: float


def draw_look(rng: np.random.Generator, role: Role) -> Look:
    """Artefacts of one series."""
    banded = rng.random() < (0.75 if role is not Role.AXIAL_T2 else 0.85)
    factor = float(np.exp(rng.uniform(np.log(1.2), np.log(6.0))))
    noise = float(np.exp(rng.uniform(np.log(0.022), np.log(0.075)))) * (
        1.4 if role is Role.SAGITTAL_STIR else 1
    )
    return Look(
        coil_factor=factor,
        coil_waves=tuple(float(v) for v in rng.uniform(-0.1, 0.1, 9)),
        coil_center=float(rng.normal(-15, 20)),
        coil_reach=float(rng.uniform(150, 320)),
        band_at=float(rng.uniform(50, 85)) if banded else None,
        band_edge=float(rng.uniform(3, 9)),
        band_left=float(rng.uniform(0.03, 0.3)),
        noise=noise,
        ghost=float(rng.uniform(0.0, 0.05)) * float(rng.random() < 0.6),
        ghost_shift=float(rng.uniform(0.2, 0.5)),
        fat_shift=float(rng.uniform(0.6, 1.8)),
        shift_rows=bool(rng.random() < 0.5),
        window=float(rng.uniform(0.75, 1.0)),
        full_scale=int(rng.choice([500, 900, 1400, 2200, 3400])),
        flow=float(rng.uniform(0, 0.35)),
    )


def coil_and_band(scene: Scene, plane: ImagePlane, look: Look) -> Image32:
    """Sensitivity of the coil times the saturation band, per pixel of `plane`; worked out on every eighth pixel."""
    step = 8
    xs, ys = np.arange(0, plane.columns + step, step), np.arange(0, plane.rows + step, step)
    grid = np.stack(np.meshgrid(xs, ys), axis=-1).astype(float)
    x, y, z = np.moveaxis(plane.to_patient(grid), -1, 0)
    skin = np.interp(z, np.arange(BACK_TABLE) - BACK_TABLE / 2, scene.back)
    depth = np.maximum(skin - y, 0)
    gain = np.exp(-np.log(look.coil_factor) * depth / 100) + 0.12
    gain *= np.exp(-(((z - look.coil_center) / look.coil_reach) ** 4))
    gain *= np.exp(-((x / 260.0) ** 2))
    gain *= 1 + _waves(look.coil_waves, x, y, z)
    if look.band_at is not None:
        gain *= _band(scene, y, z, look, plane)
    return _enlarge(gain, plane.rows, plane.columns, step)


def _waves(w: tuple[float, ...], x: Array, y: Array, z: Array) -> Array:
    """Slow waves of the field, at most about 30 %."""
    total = (
        w[0] * np.cos(x / 60 + 9 * w[6])
        + w[1] * np.sin(x / 90 + 20 * w[7])
        + w[2] * np.cos(y / 70 + 30 * w[8])
    )
    return total + w[3] * np.sin(z / 80 + 40 * w[4]) + w[5] * np.cos(z / 45 + 50 * w[1])


def _band(scene: Scene, y: Array, z: Array, look: Look, plane: ImagePlane) -> Array:
    """A straight dark slab before the spine, along the spine's mean line (as the technician lays it)."""
    rows = scene.canal.rows
    lumbar = (rows[:, L.C_Q] > L.N_SACRAL) & (rows[:, L.C_Q] < 10)
    slope, base = np.polyfit(rows[lumbar, L.C_POS + 2], rows[lumbar, L.C_POS + 1], 1)
    if plane.plane is Plane.AXIAL:
        slope = 0.0
        base = float(rows[np.abs(rows[:, L.C_POS + 2] - z.mean()).argmin(), L.C_POS + 1])
    ahead = base + slope * z - y - look.band_at  # type: ignore[operator]
    return look.band_left + (1 - look.band_left) / (1 + np.exp(np.clip(ahead / look.band_edge, -30, 30)))


def _enlarge(coarse: Array, rows: int, columns: int, step: int) -> Image32:
    """Bilinear enlargement of a coarse grid."""
    r, c = np.arange(rows) / step, np.arange(columns) / step
    i, j = r.astype(int), c.astype(int)
    fr, fc = (r - i)[:, None], c - j
    by_row = coarse[i] * (1 - fr) + coarse[i + 1] * fr
    return (by_row[:, j] * (1 - fc) + by_row[:, j + 1] * fc).astype(np.float32)


def shifted(image: Array, pixels: float, axis: int) -> Array:
    """Moved by a fraction of pixels (chemical shift of fat), linear between neighbours."""
    whole = int(np.floor(pixels))
    part = pixels - whole
    return np.roll(image, whole, axis) * (1 - part) + np.roll(image, whole + 1, axis) * part


def picture(water: Array, fat: Array, gain: Image32, look: Look, reference: float, shown: int,
            rng: np.random.Generator) -> Image32:  # fmt: skip
    """Magnitude picture of `shown` x `shown` pixels: what the scanner reconstructs, before scaling to integers."""
    axis = 0 if look.shift_rows else 1
    image = (water + shifted(fat, look.fat_shift, axis)).astype(np.float32) * gain
    if look.ghost > 0:
        moving = image * (rng.random(image.shape[axis], dtype=np.float32) * 0.6 + 0.4).reshape(
            (-1, 1) if axis == 0 else (1, -1)
        )
        image = image + look.ghost * np.roll(moving, int(look.ghost_shift * image.shape[1 - axis]), 1 - axis)
    sigma = look.noise * reference
    noise = rng.standard_normal((2, *image.shape), dtype=np.float32) * sigma
    return _reconstruct(image + noise[0] + 1j * noise[1], shown, look.window, 1 - axis)


def _reconstruct(image: NDArray[np.complex64], shown: int, window: float, phase_axis: int) -> Image32:
    """Taper k-space, fill with zeros up to the shown matrix, take the magnitude. Pixel (0, 0) keeps its place."""
    n = image.shape[0]
    k = fft.fftshift(fft.fft2(image.astype(np.complex64)))
    read, phase = _taper(n, window, 1.0), _taper(n, window, PHASE_SHARE)
    k *= np.multiply.outer(*((phase, read) if phase_axis == 0 else (read, phase))).astype(np.float32)
    if shown > n:
        full = np.zeros((shown, shown), dtype=np.complex64)
        at = shown // 2 - n // 2
        full[at : at + n, at : at + n] = k * (shown / n) ** 2
        k = full
    return np.abs(fft.ifft2(fft.ifftshift(k))).astype(np.float32)


def _taper(n: int, window: float, share: float) -> Array:
    """Weight of each of `n` frequencies, zero first in the middle; those beyond `share` of the highest are not acquired."""
    frequency = np.abs(np.arange(n) - n // 2) / (share * n / 2)
    return np.where(frequency <= 1, 1 - 0.46 * window * (1 - np.cos(np.pi * np.minimum(frequency, 1))), 0)


def to_integers(stack: list[Image32], full_scale: int) -> list[NDArray[np.uint16]]:
    """12-bit values, one scale for the whole series: the 99.7th percentile becomes `full_scale`."""
    sample = np.concatenate([image[::4, ::4].ravel() for image in stack])
    scale = full_scale / max(float(np.percentile(sample, 99.7)), 1e-6)
    return [np.clip(np.rint(image * scale), 0, 4095).astype(np.uint16) for image in stack]
