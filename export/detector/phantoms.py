"""Synthetic studies for the detector, rendered once and kept as u8 pictures under `runs/`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.datasets.phantom import labelled_rendering
from export.datasets.sample import LabelledStudy
from export.detector.data import Picture, pictures_of

TRAINING_SEED = 770_001
"""No other part of the project renders this row of studies."""
CACHE = Path("runs/detector/phantoms")
_PER_STUDY = 16
"""Pictures kept of one study: enough to see every series, few enough that many patients fit in memory."""


def render(seed: int, index: int, quirks: bool = False) -> LabelledStudy:
    """One study in memory; every second one with the classes balanced, so that narrow canals are seen too."""
    from export.phantom.options import Balance, PhantomOptions
    from export.phantom.study import render_study

    balance = Balance.TRAINING if index % 2 else Balance.NATURAL
    return labelled_rendering(render_study(seed, index, PhantomOptions(balance=balance, quirks=quirks)))


def training_pictures(count: int, cache: Path = CACHE) -> list[Picture]:
    """Pictures of the first `count` studies of the training row."""
    return pictures(TRAINING_SEED, count, cache)


def pictures(seed: int, count: int, cache: Path = CACHE) -> list[Picture]:
    """Some pictures, sagittal and axial, of the first `count` studies of a row; renders what is not kept yet."""
    cache.mkdir(parents=True, exist_ok=True)
    return [p for index in range(count) for p in _of_study(seed, index, cache / f"{seed}-{index}.npz")]


def _of_study(seed: int, index: int, path: Path) -> list[Picture]:
    if not path.exists():
        _save(_spread(list(pictures_of(render(seed, index))), seed, index), path)
    return _load(path)


def _spread(found: Sequence[Picture], seed: int, index: int) -> list[Picture]:
    """A seeded choice, half sagittal and half axial."""
    rng = np.random.default_rng([seed, index])
    chosen: list[Picture] = []
    for sagittal in (True, False):
        kind = [p for p in found if p.sagittal is sagittal]
        some = rng.permutation(len(kind))[: _PER_STUDY // 2]
        chosen += [kind[i] for i in some]
    return chosen


def _save(found: Sequence[Picture], path: Path) -> None:
    beside = path.with_suffix(".tmp.npz")
    arrays: dict[str, Any] = {}
    for i, p in enumerate(found):
        arrays |= {f"{i}.pixels": p.pixels, f"{i}.classes": p.classes, f"{i}.outlines": p.outlines}
        arrays[f"{i}.facts"] = np.array([*p.pixel_mm, float(p.sagittal)])
    names = np.array([p.name for p in found])
    np.savez_compressed(beside, names=names, patient=np.array(found[0].patient), **arrays)
    os.replace(beside, path)


def _load(path: Path) -> list[Picture]:
    with np.load(path) as kept:
        return [
            Picture(
                str(name), str(kept["patient"]), kept[f"{i}.pixels"], kept[f"{i}.classes"], kept[f"{i}.outlines"],
                pixel_mm=(float(kept[f"{i}.facts"][0]), float(kept[f"{i}.facts"][1])), sagittal=bool(kept[f"{i}.facts"][2]),
            )
            for i, name in enumerate(kept["names"])
        ]
