"""From relaxation times to brightness: one table of tissues, three signal equations."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

import numpy as np
from numpy.typing import NDArray

from export.phantom import layout as L
from export.phantom.anatomy import Anatomy


@dataclass(frozen=True, slots=True)
class Tissue:
    """T1 and T2 in ms, relative proton density, share of the protons that are fat."""

    t1: float
    t2: float
    density: float
    fat: float = 0.0


# Reference, "Contrast" [A] for the first eight; the others are general knowledge.
CSF = Tissue(4273, 1578, 1.075)
NERVE = Tissue(780, 102, 0.587)
HEALTHY_DISC = Tissue(1165, 102, 0.789)
DRY_DISC = Tissue(554, 56, 0.476)
MARROW = Tissue(515, 101, 0.911, 0.5)
FAT = Tissue(245, 70, 1.0, 1.0)
MUSCLE = Tissue(880, 50, 0.80)
LIGAMENT = Tissue(700, 22, 0.26)
TABLE: dict[int, Tissue] = {
    L.AIR: Tissue(1000, 10, 0.0),
    L.FAT: FAT,
    L.CSF: CSF,
    L.ROOT: NERVE,
    L.CORD: NERVE,
    L.MUSCLE: MUSCLE,
    L.LIGAMENT: LIGAMENT,
    L.CORTEX: Tissue(600, 12, 0.10),
    L.MARROW: MARROW,
    L.SKIN: Tissue(700, 40, 0.55),
    L.VESSEL: Tissue(1500, 60, 0.06),
    L.BOWEL_WALL: Tissue(900, 60, 0.7),
    L.BOWEL: Tissue(1600, 140, 0.75),
    L.KIDNEY: Tissue(1150, 90, 0.85),
    L.LIVER: Tissue(600, 46, 0.75),
    L.EPIDURAL: Tissue(900, 90, 0.75, 0.35),
    L.FLUID: Tissue(3000, 350, 0.95),
    L.CARTILAGE: Tissue(900, 45, 0.55),
    L.METAL: Tissue(1000, 10, 0.0),
    L.ANNULUS: Tissue(700, 34, 0.38),
}


@dataclass(frozen=True, slots=True)
class Weighting:
    """Timing of a sequence in ms; `inversion` None for spin echo. `bright_fat` is fast spin echo's gain on fat."""

    repetition: float
    echo: float
    inversion: float | None = None
    bright_fat: float = 1.0

    def signal(self, tissue: Tissue) -> float:
        """Magnitude of the spin echo (or inversion recovery), relative to full magnetisation of water."""
        recovery = 1 - exp(-self.repetition / tissue.t1)
        if self.inversion is not None:
            recovery = abs(1 - 2 * exp(-self.inversion / tissue.t1) + exp(-self.repetition / tissue.t1))
        gain = 1 + (self.bright_fat - 1) * tissue.fat
        return tissue.density * recovery * exp(-self.echo / tissue.t2) * gain


def mix(a: Tissue, b: Tissue, share: float) -> Tissue:
    """A tissue between two others (rates mixed geometrically: the table's spread is logarithmic)."""

    def between(x: float, y: float) -> float:
        return x ** (1 - share) * y**share

    fat = (1 - share) * a.fat + share * b.fat
    return Tissue(between(a.t1, b.t1), between(a.t2, b.t2), between(a.density, b.density), fat)


def patient_tissues(anatomy: Anatomy, rng: np.random.Generator) -> list[Tissue]:
    """All tissues of one patient, indexed by tissue number; bodies and discs differ from each other."""
    tissues = [TABLE.get(i, MARROW) for i in range(L.N_TISSUES)]
    fatty = anatomy.habitus.marrow_fat
    base = mix(Tissue(700, 75, 0.85, 0.25), Tissue(400, 95, 0.95, 0.75), fatty)
    tissues[L.MARROW] = base
    for k in range(L.N_BODIES):
        tissues[L.BODY_0 + k] = mix(base, FAT, float(np.clip(rng.normal(0.03, 0.03), 0, 0.2)))
    modic = (base, Tissue(900, 130, 0.9, 0.1), mix(base, FAT, 0.7), Tissue(600, 40, 0.35))
    for j, disc in enumerate(anatomy.discs):
        tissues[L.DISC_0 + j] = mix(HEALTHY_DISC, DRY_DISC, min(disc.degeneration * 1.1, 1.0))
        tissues[L.MODIC_0 + j] = modic[disc.modic]
    tissues[L.VESSEL] = Tissue(1500, 60, float(rng.uniform(0.03, 0.25)))
    tissues[L.BOWEL] = Tissue(1600, float(rng.uniform(60, 300)), float(rng.uniform(0.2, 0.8)))
    return tissues


def signal_table(tissues: list[Tissue], weighting: Weighting) -> NDArray[np.float64]:
    """(tissue, 2): signal of its water and of its fat, so that the renderer can shift the fat."""
    table = np.zeros((len(tissues), 2))
    for i, tissue in enumerate(tissues):
        signal = weighting.signal(tissue)
        fat = 0.0 if weighting.inversion is not None else tissue.fat
        table[i] = signal * (1 - fat), signal * fat
    return table
