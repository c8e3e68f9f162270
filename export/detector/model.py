"""The detector's network: YOLOv8n with our five classes, for training, and with one grey input channel, for export."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

import export.torchvision_shim  # noqa: F401  (must come before ultralytics)
from appliance.core.spine import STRUCTURES

os.environ.setdefault("YOLO_OFFLINE", "1")
os.environ.setdefault("YOLO_AUTOINSTALL", "0")

INPUT_SIZE = 640
"""Side of the letterboxed square the shipped model takes."""
_GAINS = {"box": 7.5, "cls": 0.5, "dfl": 1.5}
"""ultralytics' own loss weights."""


def new_model(pretrained: Path | None) -> nn.Module:
    """YOLOv8n for `STRUCTURES`; with COCO's weights wherever shapes agree (all but the class outputs)."""
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    model: Any = DetectionModel("yolov8n.yaml", ch=3, nc=len(STRUCTURES), verbose=False)  # type: ignore[no-untyped-call]
    model.args = get_cfg(overrides=dict(_GAINS))
    model.names = dict(enumerate(STRUCTURES))
    if pretrained is not None:
        _load_matching(model, _state_of(pretrained))
    return model  # type: ignore[no-any-return]


def load_detector(path: Path) -> nn.Module:
    """A trained checkpoint, ready for export: eval mode, one grey channel in 0-1, raw (1, 4 + classes, anchors) out.

    The first 4 rows are x, y, width, height in the square's pixels; the others are class scores after the sigmoid.
    """
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    model = new_model(pretrained=None)
    model.load_state_dict(checkpoint["ema"])
    return Raw(to_one_channel(model)).eval()


def to_one_channel(model: nn.Module) -> nn.Module:
    """Sum the first convolution over its three equal inputs: the same numbers from one grey channel."""
    first: Any = model.model[0]  # type: ignore[index]
    old = first.conv
    new = nn.Conv2d(1, old.out_channels, old.kernel_size, old.stride, old.padding, bias=old.bias is not None)
    with torch.no_grad():
        new.weight.copy_(old.weight.sum(dim=1, keepdim=True))
        if old.bias is not None and new.bias is not None:
            new.bias.copy_(old.bias)
    first.conv = new
    return model


class Raw(nn.Module):
    """The network without its training outputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval()

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out = self.network(image)
        return out[0] if isinstance(out, (tuple, list)) else out  # type: ignore[no-any-return]


def _state_of(path: Path) -> dict[str, torch.Tensor]:
    """Weights of one of our checkpoints or of an ultralytics file (trusted: it unpickles a network)."""
    checkpoint: Any = torch.load(path, map_location="cpu", weights_only=False)
    if "model" in checkpoint and isinstance(checkpoint["model"], nn.Module):
        return checkpoint["model"].float().state_dict()
    return checkpoint["ema"]  # type: ignore[no-any-return]


def _load_matching(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    own = model.state_dict()
    model.load_state_dict({**own, **{k: v for k, v in state.items() if k in own and own[k].shape == v.shape}})
