"""MobileNetV3-Large's feature trunk (Howard et al. 2019), with torchvision's names in its state dict.

Written here because torchvision from PyPI does not import beside a CPU torch; weights of either fit the other. The
one difference: the first convolution takes one grey channel, its weights the sum over red, green and blue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

CHANNELS = 960
"""Of the last feature map."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the paper's table 1: kernel, channels inside and out, squeeze-excitation, hard swish, stride."""

    kernel: int
    inside: int
    out: int
    squeeze: bool
    hard_swish: bool
    stride: int


_TABLE = (
    _Row(3, 16, 16, False, False, 1),
    _Row(3, 64, 24, False, False, 2),
    _Row(3, 72, 24, False, False, 1),
    _Row(5, 72, 40, True, False, 2),
    _Row(5, 120, 40, True, False, 1),
    _Row(5, 120, 40, True, False, 1),
    _Row(3, 240, 80, False, True, 2),
    _Row(3, 200, 80, False, True, 1),
    _Row(3, 184, 80, False, True, 1),
    _Row(3, 184, 80, False, True, 1),
    _Row(3, 480, 112, True, True, 1),
    _Row(3, 672, 112, True, True, 1),
    _Row(5, 672, 160, True, True, 2),
    _Row(5, 960, 160, True, True, 1),
    _Row(5, 960, 160, True, True, 1),
)


def features() -> nn.Sequential:
    """Grey (n, 1, s, s) to (n, 960, s/32, s/32)."""
    layers: list[nn.Module] = [_conv(1, 16, 3, stride=2, hard_swish=True)]
    width = 16
    for row in _TABLE:
        layers.append(_Block(width, row))
        width = row.out
    layers.append(_conv(width, CHANNELS, 1, hard_swish=True))
    return nn.Sequential(*layers)


def load_features(trunk: nn.Module, state: Mapping[str, Any]) -> None:
    """Fill `trunk` from a MobileNetV3-Large state dict; a three-channel first convolution is summed to grey."""
    prefix = "features."
    own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    own = own or dict(state)
    first = own["0.0.weight"]
    if first.shape[1] == 3:
        own["0.0.weight"] = first.sum(1, keepdim=True)
    trunk.load_state_dict(own)


class _Block(nn.Module):
    """Inverted residual: expand, depthwise, squeeze-excitation, project."""

    def __init__(self, width: int, row: _Row) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if row.inside != width:
            layers.append(_conv(width, row.inside, 1, hard_swish=row.hard_swish))
        layers.append(_conv(row.inside, row.inside, row.kernel, row.stride, row.inside, row.hard_swish))
        if row.squeeze:
            layers.append(_Squeeze(row.inside))
        layers.append(_conv(row.inside, row.out, 1, hard_swish=None))
        self.block = nn.Sequential(*layers)
        self.residual = row.stride == 1 and width == row.out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class _Squeeze(nn.Module):
    """Squeeze-excitation with a quarter of the channels, rounded to eights but never by more than a tenth down."""

    def __init__(self, width: int) -> None:
        super().__init__()
        quarter = width // 4
        inner = max(8, (quarter + 4) // 8 * 8)
        inner += 8 if inner < 0.9 * quarter else 0
        self.fc1 = nn.Conv2d(width, inner, 1)
        self.fc2 = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        scale = nn.functional.hardsigmoid(self.fc2(nn.functional.relu(self.fc1(squeezed))))
        return x * scale


def _conv(
    width: int, out: int, kernel: int, stride: int = 1, groups: int = 1, hard_swish: bool | None = True
) -> nn.Sequential:
    """Convolution, batch norm, activation: hard swish, ReLU (False) or none (None)."""
    padding = (kernel - 1) // 2
    layers: list[nn.Module] = [
        nn.Conv2d(width, out, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(out, eps=1e-3, momentum=0.01),
    ]
    if hard_swish is not None:
        layers.append(nn.Hardswish() if hard_swish else nn.ReLU())
    return nn.Sequential(*layers)
