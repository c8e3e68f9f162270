"""The same numbers as pictures: PNG files beside the tables. matplotlib without a screen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES, Region
from export import metrics
from export.evaluation.tally import Tally
from export.metrics import Graded

COLOURS = ("#4c78a8", "#f2a93b", "#c8443c")
"""Of normal/mild, moderate, severe."""


def draw_all(cases: Mapping[str, Sequence[Graded]], folder: Path, name: str) -> list[Path]:
    """Confusion and calibration of each model, and what there was to grade."""
    folder.mkdir(parents=True, exist_ok=True)
    first = next(iter(cases.values()))
    return [
        _confusion(cases, folder / f"{name}-confusion.png"),
        _calibration(cases, folder / f"{name}-calibration.png"),
        _classes(first, folder / f"{name}-classes.png"),
    ]


def draw_series_counts(counts: Mapping[str, Counter[int]], path: Path) -> Path:
    """How many series of each role a study has."""
    figure, axes = plt.subplots(1, max(len(counts), 1), figsize=(3 * max(len(counts), 1), 2.6), squeeze=False)
    for axis, (role, found) in zip(axes[0], sorted(counts.items()), strict=False):
        numbers = sorted(found)
        axis.bar([str(n) for n in numbers], [found[n] for n in numbers], color=COLOURS[0])
        axis.set(title=role.replace("_", " "), xlabel="series in a study", ylabel="studies")
    return _saved(figure, path)


def draw_depth(measured: Mapping[str, Sequence[Any]], path: Path) -> Path:
    """Mean grade over the sac's depth, a panel for each model; `measured` as `depth.Measured`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, len(measured), figsize=(4 * len(measured), 3), squeeze=False, sharey=True)
    for axis, (model, own) in zip(axes[0], measured.items(), strict=True):
        axis.scatter([m.depth_mm for m in own], [m.grade for m in own], s=12, color=COLOURS[0])
        for limit in (10, 13):
            axis.axvline(limit, color="#bbbbbb", linewidth=1)
        axis.set(title=model, xlabel="depth of the dural sac, mm", ylabel="mean grade")
    return _saved(figure, path)


def draw_reliability(tallies: Mapping[tuple[str, str], Mapping[str, Tally]], path: Path) -> Path:
    """Share right over confidence, before and after calibration; `tallies` by region and model, then by way."""
    path.parent.mkdir(parents=True, exist_ok=True)
    models = list(dict.fromkeys(model for _, model in tallies))
    figure, axes = plt.subplots(len(models), len(Region), figsize=(8.4, 3 * len(models)), sharey=True, squeeze=False)
    for row, model in zip(axes, models, strict=True):
        for axis, region in zip(row, Region, strict=True):
            for way, tally in tallies.get((region.value, model), {}).items():
                _reliability(axis, tally.bins.sum(axis=0), way)
            _finish_reliability(axis, f"{region}, {model}")
        row[0].set_ylabel("share right")
    return _saved(figure, path)


def _reliability(axis: Any, sums: NDArray[np.floating], name: str) -> None:
    """One line; `sums` as `metrics.calibration_bins`."""
    seen = sums[:, 2] > 0
    confidence, right = (sums[seen, n] / sums[seen, 2] for n in (0, 1))
    axis.plot(confidence, right, marker="o", markersize=4, label=f"{name} ({metrics.error_of_bins(sums):.3f})")


def _finish_reliability(axis: Any, title: str) -> None:
    axis.plot((0.3, 1), (0.3, 1), color="#bbbbbb", linewidth=1)
    axis.set(title=title, xlabel="confidence")
    axis.legend(fontsize=7, title="calibration error", title_fontsize=7, loc="lower right")


def _confusion(cases: Mapping[str, Sequence[Graded]], path: Path) -> Path:
    figure, axes = plt.subplots(len(cases), len(Region), figsize=(8.4, 2.8 * len(cases)), squeeze=False)
    for row, (model, each) in zip(axes, cases.items(), strict=True):
        for axis, region in zip(row, Region, strict=True):
            own = [c for c in each if c.condition.region is region]
            truth, p = metrics.arrays(own) if own else (np.zeros(0, int), np.zeros((0, 3)))
            counts = metrics.confusion(truth, p.argmax(axis=1))
            axis.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), vmin=0, vmax=1, cmap="Blues")
            for (i, j), n in np.ndenumerate(counts):
                axis.text(j, i, str(n), ha="center", va="center")
            words = [s.label for s in SEVERITIES]
            axis.set(title=f"{region}, {model}", xticks=range(3), yticks=range(3), xlabel="said", ylabel="truth")
            axis.set_xticklabels(words, fontsize=7)
            axis.set_yticklabels(words, fontsize=7)
    return _saved(figure, path)


def _calibration(cases: Mapping[str, Sequence[Graded]], path: Path) -> Path:
    figure, axes = plt.subplots(1, len(Region), figsize=(8.4, 3), sharey=True)
    for axis, region in zip(axes, Region, strict=True):
        for model, each in cases.items():
            own = [c for c in each if c.condition.region is region]
            if own:
                _reliability(axis, metrics.calibration_bins(*metrics.arrays(own)), model)
        _finish_reliability(axis, region.value)
    axes[0].set_ylabel("share right")
    return _saved(figure, path)


def _classes(cases: Sequence[Graded], path: Path) -> Path:
    figure, axes = plt.subplots(1, len(CONDITIONS), figsize=(13, 2.8), sharey=True)
    for axis, condition in zip(axes, CONDITIONS, strict=True):
        counts = np.array([
            [sum(c.condition is condition and c.level is level and c.truth is s for c in cases) for s in SEVERITIES]
            for level in LEVELS
        ])  # fmt: skip
        bottom = np.zeros(len(LEVELS))
        for s, colour in zip(SEVERITIES, COLOURS, strict=True):
            axis.bar([k.label for k in LEVELS], counts[:, s.rank], bottom=bottom, color=colour, label=s.label)
            bottom += counts[:, s.rank]
        axis.set_title(condition.label, fontsize=8)
        axis.tick_params(axis="x", labelsize=7)
    axes[0].legend(fontsize=7)
    return _saved(figure, path)


def _saved(figure: plt.Figure, path: Path) -> Path:
    figure.tight_layout()
    figure.savefig(path, dpi=90, metadata={"Software": ""})
    plt.close(figure)
    return path
