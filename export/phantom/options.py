"""What a caller may choose about a phantom; everything else is drawn from the seed."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from appliance.core.spine import Condition, Level


class Role(StrEnum):
    """What a series is, as the truth names it."""

    SAGITTAL_T1 = "sagittal_t1"
    SAGITTAL_T2 = "sagittal_t2"
    SAGITTAL_STIR = "sagittal_stir"
    AXIAL_T2 = "axial_t2"


class Balance(StrEnum):
    """`natural`: class counts of RSNA 2024. `training`: about 50/27/23 at every place."""

    NATURAL = "natural"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class PhantomOptions:
    """Choices of the caller.

    `max_matrix` caps rows and columns (small pictures for tests), `override` sets single parameters of single places
    (mm2 or mm), `roles` leaves the other series out, `artefacts=False` gives pictures without noise, bias or ghosts,
    `simple_geometry=True` one straight stack and no drawn variants.
    """

    balance: Balance = Balance.NATURAL
    quirks: bool = True
    quirk: str | None = None
    roles: tuple[Role, ...] = tuple(Role)
    max_matrix: int = 512
    artefacts: bool = True
    simple_geometry: bool = False
    override: tuple[tuple[Condition, Level, float], ...] = ()


def stream(seed: int, index: int, name: str) -> np.random.Generator:
    """A generator of its own for each (seed, study, subject): adding a draw in one place moves no other."""
    return np.random.default_rng([seed, index, zlib.crc32(name.encode())])
