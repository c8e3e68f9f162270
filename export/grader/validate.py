"""What a grader answers to bags that it did not learn from, its temperature, and the figures that choose an epoch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from export import metrics
from export.grader.data import BagSet, middle, reading_slices
from export.grader.model import GraderNet


@torch.no_grad()
def logits_of(net: GraderNet, bags: BagSet, batch: int = 16) -> NDArray[np.float32]:
    """Logits (n, 3) of every bag, cut as the reading would."""
    net.eval()
    found = []
    for start in range(0, len(bags), batch):
        labels = bags.labels[start : start + batch]
        shown = [reading_slices(b, bags.spec) for b in labels]
        bag_of = torch.tensor([n for n, slices in enumerate(shown) for _ in slices])
        crops = middle(bags.pictures[[i for slices in shown for i in slices]], bags.spec.size_px)
        pictures = torch.from_numpy(np.ascontiguousarray(crops))[:, None].float()
        shown_to = pictures.to(net.temperature.device, memory_format=torch.channels_last)
        logits, _, _ = net(shown_to, bag_of.to(net.temperature.device), len(labels))
        found.append(logits.cpu().numpy())
    return np.concatenate(found)


def validate(net: GraderNet, bags: BagSet) -> dict[str, float]:
    """Figures on unseen bags, the temperature fitted on them first."""
    logits = logits_of(net, bags)
    temperature = fit_temperature(logits, bags.ranks)
    net.temperature.fill_(temperature)
    probabilities = softmax(logits / temperature)
    counts = metrics.confusion(bags.ranks, probabilities.argmax(1))
    return {
        "macro_f1": metrics.macro_f1(counts),
        "accuracy": metrics.accuracy(counts),
        "kappa": metrics.quadratic_kappa(counts),
        "log_loss": metrics.weighted_log_loss(bags.ranks, probabilities),
        "temperature": temperature,
    }


def fit_temperature(logits: NDArray[np.floating], ranks: NDArray[np.integer]) -> float:
    """The one number that makes the probabilities honest: least log loss over a fine grid from 0.3 to 5."""
    grid = np.exp(np.linspace(np.log(0.3), np.log(5.0), 113))
    losses = [-np.log(softmax(logits / t)[np.arange(len(ranks)), ranks].clip(1e-12)).mean() for t in grid]
    return float(grid[int(np.argmin(losses))])


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True), dtype=np.float64)
