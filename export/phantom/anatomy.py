"""One patient's anatomy, drawn from the tables: frozen values in millimetres and degrees, no geometry yet.

Vertebrae are counted up from the sacrum: number 0 is the one above it ("L5"), 4 is "L1" in the usual spine.
Figures: shared/reference/lumbar-mri.md, "Anatomy, mm"; T9-T12 and the sacrum are general knowledge, +-2 mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from appliance.core.spine import Condition, Level
from export.phantom.layout import DISC_L5_S1, N_BODIES, N_DISCS, N_SACRAL
from export.phantom.options import PhantomOptions
from export.phantom.severities import draw_parameters, with_overrides

# Rows from "L5" up to "T9": front height, back height, depth, width, canal depth, canal width, pedicle height, width.
VERTEBRAE = (
    (30.3, 26.3, 35.7, 51, 15.6, 28.2, 12.9, 16.1),
    (28, 27, 34.5, 48, 15.0, 24, 14.5, 12),
    (28, 28, 34, 45, 15.0, 23, 15, 10),
    (28, 28, 33, 43, 15.5, 22.5, 15, 8),
    (27, 28, 31, 41, 16.0, 22, 15, 7),
    (25.5, 27, 30, 39, 16.0, 21.5, 15, 7),
    (23.5, 25, 29.5, 37, 15.5, 19, 14.5, 7),
    (22, 23, 29, 34, 15.5, 18, 14, 6),
    (21, 22, 28, 32, 15.5, 17.5, 13, 6),
    (20.5, 21, 27, 31, 15.5, 17.5, 13, 6),
)
# S5 up to S1: height, depth, width [G].
SACRAL = ((15, 8, 24), (18, 10, 28), (21, 13, 32), (25, 19, 40), (30, 30, 50))
# L5/S1 up to T9/T10: front, middle, back height [A, 14 subjects]; above L1/L2 [G].
DISCS = (
    (18.7, 13.0, 8.5), (18.1, 13.8, 10.1), (15.2, 12.5, 9.1), (13.1, 11.6, 8.6), (10.8, 10.0, 7.3),
    (8.0, 7.5, 6.0), (6.5, 6.3, 5.5), (5.5, 5.3, 5.0), (5.0, 5.0, 4.8), (4.8, 4.8, 4.6),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Body:
    """A vertebral body and its arch. Lengths in mm."""

    front: float
    back: float
    depth: float
    width: float
    canal_depth: float
    canal_width: float
    pedicle_height: float
    pedicle_width: float
    concavity: float
    osteophyte: float
    spinous_length: float
    spinous_height: float
    facet: float


@dataclass(frozen=True, slots=True)
class Disc:
    """A disc. `wedge` in degrees (front open), `degeneration` 0 healthy to 1 black; height of the middle and slip, mm."""

    height: float
    wedge: float
    degeneration: float
    bulge: float
    slip: float
    coronal_wedge: float
    modic: int
    fissure: float


@dataclass(frozen=True, slots=True)
class Habitus:
    """Size and build: fat thickness behind the spine and body width in mm, the rest shares of 0..1."""

    scale: float
    fat: float
    half_width: float
    depth: float
    atrophy: float
    marrow_fat: float
    marrow_mottle: float
    muscle_depth: float


@dataclass(frozen=True, slots=True)
class Anatomy:
    """Everything about one patient that geometry is built from. Tuples run from below: S5.. for bodies and discs."""

    lumbar_count: int
    bodies: tuple[Body, ...]
    discs: tuple[Disc, ...]
    sacral_slope: float
    sacral_curve: tuple[float, ...]
    axial_twist: float
    habitus: Habitus
    conus: float
    has_metal: bool
    parameters: Mapping[tuple[Condition, Level], float]
    sac_area: float
    noise_seed: int


def lumbar_count(rng: np.random.Generator, simple: bool) -> int:
    """5 usually; 4 or 6 in 5 % each (transitional vertebrae 4-30 % [A], only part of them change the count)."""
    return 5 if simple else int(rng.choice([4, 5, 6], p=[0.05, 0.90, 0.05]))


def sample_anatomy(
    rng: np.random.Generator, parameter_rng: np.random.Generator, options: PhantomOptions
) -> Anatomy:
    """Draw one patient. The same generators and options give the same patient."""
    drawn = draw_parameters(parameter_rng, options)
    age = float(rng.beta(2.2, 2.0))
    simple = options.simple_geometry
    count = lumbar_count(rng, simple)
    habitus = _habitus(rng, age)
    slope = float(np.clip(rng.normal(38, 7), 22, 56))
    bodies = _bodies(rng, age, habitus.scale)
    discs = _discs(rng, age, habitus.scale, drawn, simple, slope)
    return Anatomy(
        lumbar_count=count,
        bodies=bodies,
        discs=discs,
        sacral_slope=slope,
        sacral_curve=tuple(float(a) for a in rng.normal((-14, -20, -22, -16), 4)),
        axial_twist=float(rng.normal(0, 2.0)),
        habitus=habitus,
        conus=float(np.clip(rng.normal(count + 3.55, 0.35), count + 2.6, count + 4.6)),
        has_metal=bool(rng.random() < 0.01 and not simple),
        parameters=with_overrides(drawn, options),  # the rest of the patient stays as drawn
        sac_area=float(rng.uniform(150, 215)),
        noise_seed=int(rng.integers(1 << 30)),
    )


def _habitus(rng: np.random.Generator, age: float) -> Habitus:
    return Habitus(
        scale=float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12)),
        fat=float(np.clip(rng.lognormal(2.7, 0.55), 5, 55)),
        half_width=float(rng.uniform(145, 205)),
        depth=float(rng.uniform(190, 300)),
        atrophy=float(np.clip(age * rng.uniform(0.2, 1.2), 0.02, 0.95)),
        marrow_fat=float(np.clip(0.3 + 0.5 * age + rng.normal(0, 0.1), 0.2, 0.9)),
        marrow_mottle=float(rng.uniform(0.4, 1.4)),
        muscle_depth=float(np.clip(rng.normal(44, 4), 40, 56)),
    )


def _bodies(rng: np.random.Generator, age: float, scale: float) -> tuple[Body, ...]:
    sacral = [_sacral_body(rng, row, scale) for row in SACRAL]
    free = [_free_body(rng, row, scale, age, i) for i, row in enumerate(VERTEBRAE[: N_BODIES - N_SACRAL])]
    return tuple(sacral + free)


def _sacral_body(rng: np.random.Generator, row: tuple[int, int, int], scale: float) -> Body:
    height, depth, width = (scale * v * rng.normal(1, 0.03) for v in row)
    return Body(height * 1.03, height * 0.97, depth, width, 13, 28, 12, 14, 0.6, 0, 10 * scale, 8 * scale, 1.0)


def _free_body(
    rng: np.random.Generator, row: tuple[float, ...], scale: float, age: float, number: int
) -> Body:
    front, back, depth, width, canal_depth, canal_width, ped_h, ped_w = (
        scale * v * rng.normal(1, 0.025) for v in row
    )
    length = scale * (25 if number in (1, 2, 3) else 20) * rng.normal(1, 0.08)
    height = scale * (16 if number < 1 else 22 if number < 5 else 16) * rng.normal(1, 0.08)
    osteophyte = float(rng.uniform(0, 1) < age) * float(rng.uniform(0.0, 3.0)) * age
    concavity = float(np.clip(rng.normal(1.9, 0.6), 0.6, 3.6))
    facet = float(1 + 0.35 * age * rng.random())
    return Body(front, back, depth, width, canal_depth, canal_width, ped_h, ped_w,
                concavity, osteophyte, length, height, facet)  # fmt: skip


def _discs(
    rng: np.random.Generator, age: float, scale: float, parameters: Mapping, simple: bool, slope: float
) -> tuple[Disc, ...]:
    """Wedges share out the lordosis of 30-80 degrees; degeneration follows age, level and how narrow the level is."""
    lordosis = float(np.clip(slope + rng.normal(6, 5), 30, 80))  # L1 leans back a little when lying [G]
    whole = rng.uniform(0.68, 0.98)  # "another series of 106 runs a quarter lower" [A]
    cobb = 0.0 if simple else float(rng.normal(0, 1) * (9 if rng.random() < 0.15 else 1.6))
    slip_here = not simple and rng.random() < 0.06
    discs = [Disc(scale * h, 0, 0.9, 0, 0, 0, 0, 0) for h in (0.8, 0.8, 1.0, rng.uniform(1.5, 4.0))]
    for number, (front, middle, back) in enumerate(DISCS[: N_DISCS - DISC_L5_S1]):
        narrow = _narrowness(parameters, number)
        degeneration = float(
            np.clip(0.62 * age * rng.uniform(0.2, 1.6) + 0.35 * narrow - 0.05 * number, 0.02, 1)
        )
        height = middle * whole * scale * rng.normal(1, 0.06) * (1 - 0.5 * max(degeneration - 0.35, 0))
        wedge = float(np.degrees(np.arctan2(front - back, 32))) * (lordosis + 4) / 62 if number < 6 else -3.0
        slip = float(rng.uniform(3, 8)) if slip_here and number == 1 else float(rng.normal(0, 0.3))
        modic = int(rng.choice([1, 2, 3], p=[0.3, 0.55, 0.15])) if rng.random() < 0.3 * degeneration else 0
        bend = cobb * float(np.sin((number - 1.0) / 6 * 2 * np.pi))
        bulge = float(np.clip(rng.normal(0.4 + 1.8 * degeneration, 0.4), 0, 3.5))
        fissure = float(rng.random() < 0.3 * degeneration)
        discs.append(
            Disc(height, wedge + rng.normal(0, 1.0), degeneration, bulge, slip, bend, modic, fissure)
        )
    return tuple(discs)


def _narrowness(parameters: Mapping[tuple[Condition, Level], float], number: int) -> float:
    """0 wide to 1 tight, the mean over the five places of the level `number` discs above the sacrum."""
    if number >= len(Level):
        return 0.2
    level = list(Level)[len(Level) - 1 - number]
    area = parameters[Condition.SPINAL_CANAL_STENOSIS, level] / 180
    height = min(parameters[c, level] for c in Condition if "foraminal" in c) / 18
    depth = min(parameters[c, level] for c in Condition if "subarticular" in c) / 7
    return float(np.clip(1.15 - (area + height + depth) / 3, 0, 1))
