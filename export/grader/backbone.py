"""The trunks a grader may have, and what changes with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from appliance.core.spine import Region
from export.grader import efficientnet, trunk


@dataclass(frozen=True, slots=True)
class Backbone:
    """One trunk. `name` is the beginning of the shipped model's name, before the region."""

    name: str
    title: str
    build: Callable[[], nn.Sequential]
    channels: int
    early: int
    """Stages down to a quarter of the picture's size."""
    role: str
    """`first` grades every study; `second` only where `reader.second_opinion` is on."""

    def run(self, region: Region) -> str:
        """The folder of one training, under `runs/grader`."""
        return region.value if self.role == "first" else f"{self.name}-{region}"


MOBILENETV3 = Backbone("mobilenetv3", "MobileNetV3-Large", trunk.features, trunk.CHANNELS, early=4, role="first")
EFFICIENTNET_B0 = Backbone(
    "efficientnet-b0", "EfficientNet-B0", efficientnet.features, efficientnet.CHANNELS, early=3, role="second"
)
BACKBONES = {b.name: b for b in (MOBILENETV3, EFFICIENTNET_B0)}
