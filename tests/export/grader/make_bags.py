"""Bags made of numbers, for what learns from them."""

from __future__ import annotations

import numpy as np

from appliance.core.models import GraderSpec
from appliance.core.spine import CONDITIONS, LEVELS, Region
from export.grader.data import BagLabel, BagSet, wide

SPEC = GraderSpec(Region.FORAMINAL, size_px=32, crop_mm=32.0, slices=3)


def bags(study: str, seed: int) -> BagSet:
    """Ten places of two slices; the grade is the width of a bright bar."""
    rng = np.random.default_rng(seed)
    side = wide(SPEC).size_px
    pictures, labels = [], []
    places = [(c, level) for c in CONDITIONS if c.region is Region.FORAMINAL for level in LEVELS]
    for n, (condition, level) in enumerate(places):
        rank = int(rng.integers(3))
        stack = rng.integers(0, 40, (2, side, side)).astype(np.uint8)
        stack[:, :, side // 2 - 10 + 4 * rank : side // 2 + 10 - 4 * rank] += 180
        pictures.append(stack)
        labels.append(BagLabel(study, condition, level, rank, 2 * n, 2 * n + 2, (-1.0, 3.0), 1.5 - rank))
    return BagSet(SPEC, np.concatenate(pictures), tuple(labels))
