"""One grader: a convolutional trunk on each slice, gated attention over a place's slices (Ilse et al. 2018), 3 grades.

`att` and `fc` are the modules that INT8 quantisation leaves in floating point, so they hold nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from appliance.core.models import GraderSpec
from appliance.core.spine import SEVERITIES, Region
from export.grader.backbone import BACKBONES, MOBILENETV3, Backbone
from export.grader.trunk import load_features

DEFAULT_SPECS: Mapping[Region, GraderSpec] = {
    Region.CANAL: GraderSpec(Region.CANAL, size_px=128, crop_mm=56.0, slices=5),
    Region.FORAMINAL: GraderSpec(Region.FORAMINAL, size_px=128, crop_mm=48.0, slices=5),
    Region.SUBARTICULAR: GraderSpec(Region.SUBARTICULAR, size_px=128, crop_mm=44.0, slices=5),
}
"""Crops are 40-64 mm of a 0.4-0.7 mm picture [lumbar-mri.md]: 128 px keep all of it."""

DEVIATION_FLOOR = 2.0
"""Grey levels; keeps an empty slice from being divided by nothing."""


def standardise(pictures: Tensor) -> Tensor:
    """(n, 1, s, s) of 0-255 to mean 0 and deviation 1 in each slice.

    The surface coil makes one place 2-6 times darker than another, and the grey window is the whole series'.
    """
    centred = pictures - pictures.mean((2, 3), keepdim=True)
    return centred / (centred.square().mean((2, 3), keepdim=True).sqrt() + DEVIATION_FLOOR)


class GatedAttention(nn.Module):
    """Scores of slices: w(tanh(V h) * sigmoid(U h)), before the softmax over the slices of one place."""

    def __init__(self, width: int, hidden: int = 128) -> None:
        super().__init__()
        self.V, self.U, self.w = nn.Linear(width, hidden), nn.Linear(width, hidden), nn.Linear(hidden, 1)

    def forward(self, h: Tensor) -> Tensor:
        scores: Tensor = self.w(torch.tanh(self.V(h)) * torch.sigmoid(self.U(h)))
        return scores.squeeze(-1)


class GraderNet(nn.Module):
    """Bags of slices to grades. Pictures hold 0-255; scaling and normalisation are inside."""

    temperature: Tensor
    """Divides the logits of the exported module; fitted on the validation studies."""

    def __init__(self, spec: GraderSpec, dropout: float = 0.2, backbone: Backbone = MOBILENETV3) -> None:
        super().__init__()
        self.spec, self.backbone = spec, backbone
        self.features = backbone.build()
        self.dropout = nn.Dropout(dropout)
        self.att = GatedAttention(backbone.channels)
        self.fc = nn.Linear(backbone.channels, len(SEVERITIES))
        self.measure = nn.Linear(backbone.channels, 1)
        """Trained to tell the measured length or area where a data set knows it; not exported."""
        self.register_buffer("temperature", torch.ones(()))
        self.early_frozen = False
        """The trunk's first stages take no gradient: half of the cost lies there, and edges are edges."""

    def embed(self, pictures: Tensor) -> Tensor:
        """(n, 1, s, s) of 0-255 to (n, channels of the backbone)."""
        stages = self.backbone.early
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.early_frozen):
            early: Tensor = self.features[:stages](standardise(pictures))
        out: Tensor = self.features[stages:](early).mean((2, 3))
        return out

    def forward(self, pictures: Tensor, bag_of: Tensor, bags: int) -> tuple[Tensor, Tensor, Tensor]:
        """Slices of many bags at once, without padding: `bag_of` (n,) names each slice's bag.

        Logits (bags, 3), measure (bags,) and attention (n,), which sums to 1 in each bag.
        """
        h = self.dropout(self.embed(pictures))
        attention = softmax_by_bag(self.att(h), bag_of, bags)
        pooled = h.new_zeros(bags, h.shape[1]).index_add(0, bag_of, attention[:, None] * h)
        return self.fc(pooled), self.measure(pooled).squeeze(-1), attention


def softmax_by_bag(scores: Tensor, bag_of: Tensor, bags: int) -> Tensor:
    """Softmax of `scores` (n,) within each bag."""
    e = torch.exp(scores - scores.detach().max())
    return e / scores.new_zeros(bags).index_add(0, bag_of, e).clamp_min(1e-20)[bag_of]


class ExportedGrader(nn.Module):
    """What the appliance runs: one bag (n, s, s) of 0-255 to probabilities (3,) and attention (n,)."""

    temperature: Tensor

    def __init__(self, net: GraderNet) -> None:
        super().__init__()
        self.features, self.att, self.fc = net.features, net.att, net.fc
        self.register_buffer("temperature", net.temperature.detach().clone())

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor]:
        h = self.features(standardise(crops.unsqueeze(1))).mean((2, 3))
        attention = torch.softmax(self.att(h), 0)
        pooled = (attention.unsqueeze(1) * h).sum(0)
        return torch.softmax(self.fc(pooled) / self.temperature, 0), attention


def new_grader(spec: GraderSpec, trunk: Path | None = None, backbone: Backbone = MOBILENETV3) -> GraderNet:
    """A fresh grader; `trunk` is a state dict of the backbone, as torchvision's, to start from."""
    net = GraderNet(spec, backbone=backbone)
    if trunk is not None:
        load_features(net.features, torch.load(trunk, map_location="cpu", weights_only=True))
    return net


def export_module(net: GraderNet) -> ExportedGrader:
    """The module that is traced to OpenVINO, in evaluation mode."""
    return ExportedGrader(net).eval()


def save_grader(path: Path, net: GraderNet, **facts: Any) -> None:
    """Weights and what belongs to them, written beside and renamed: a reader never meets half a file."""
    spec = {**asdict(net.spec), "region": net.spec.region.value}
    temporary = path.with_suffix(".tmp")
    saved = {"state": net.state_dict(), "spec": spec, "backbone": net.backbone.name, "facts": facts}
    torch.save(saved, temporary)
    os.replace(temporary, path)


def load_grader(path: Path) -> GraderNet:
    """A trained grader in evaluation mode; `net.spec` and `net.temperature` came with the weights."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    backbone = BACKBONES[saved.get("backbone", MOBILENETV3.name)]  # weights of before there was a choice
    net = GraderNet(spec_from(saved["spec"]), backbone=backbone)
    net.load_state_dict(saved["state"])
    return net.eval()


def load_facts(path: Path) -> dict[str, Any]:
    """What was noted beside the weights: data, epoch, validation figures."""
    return dict(torch.load(path, map_location="cpu", weights_only=True)["facts"])


def spec_from(saved: Mapping[str, Any]) -> GraderSpec:
    """The saved form of a spec back to the value."""
    return GraderSpec(Region(saved["region"]), int(saved["size_px"]), float(saved["crop_mm"]), int(saved["slices"]))
