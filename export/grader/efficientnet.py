"""EfficientNet-B0's feature trunk (Tan and Le 2019, table 1), with torchvision's names in its state dict.

As `trunk.py`, it takes one grey channel. No stochastic depth: it pays over hundreds of epochs, not over ten.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

CHANNELS = 1280
"""Of the last feature map."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """One line of the paper's table 1: expansion, kernel, stride, channels out, blocks."""

    expand: int
    kernel: int
    stride: int
    out: int
    blocks: int


_TABLE = (
    _Stage(1, 3, 1, 16, 1),
    _Stage(6, 3, 2, 24, 2),
    _Stage(6, 5, 2, 40, 2),
    _Stage(6, 3, 2, 80, 3),
    _Stage(6, 5, 1, 112, 3),
    _Stage(6, 5, 2, 192, 4),
    _Stage(6, 3, 1, 320, 1),
)


def features() -> nn.Sequential:
    """Grey (n, 1, s, s) to (n, 1280, s/32, s/32)."""
    layers: list[nn.Module] = [_conv(1, 32, 3, stride=2)]
    width = 32
    for stage in _TABLE:
        blocks: list[nn.Module] = []
        for n in range(stage.blocks):
            blocks.append(_Block(width, stage, stage.stride if n == 0 else 1))
            width = stage.out
        layers.append(nn.Sequential(*blocks))
    layers.append(_conv(width, CHANNELS, 1))
    return nn.Sequential(*layers)


class _Block(nn.Module):
    """Inverted residual: expand, depthwise, squeeze-excitation, project."""

    def __init__(self, width: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        inside = width * stage.expand
        layers: list[nn.Module] = [] if stage.expand == 1 else [_conv(width, inside, 1)]
        layers.append(_conv(inside, inside, stage.kernel, stride, inside))
        layers.append(_Squeeze(inside, max(1, width // 4)))
        layers.append(_conv(inside, stage.out, 1, active=False))
        self.block = nn.Sequential(*layers)
        self.residual = stride == 1 and width == stage.out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class _Squeeze(nn.Module):
    """Squeeze-excitation: each channel scaled by what the whole picture says."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(width, inner, 1)
        self.fc2 = nn.Conv2d(inner, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = x.mean((2, 3), keepdim=True)
        return x * self.fc2(nn.functional.silu(self.fc1(squeezed))).sigmoid()


def _conv(width: int, out: int, kernel: int, stride: int = 1, groups: int = 1, active: bool = True) -> nn.Sequential:
    """Convolution, batch norm and, unless not `active`, SiLU."""
    layers: list[nn.Module] = [
        nn.Conv2d(width, out, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out),
    ]
    if active:
        layers.append(nn.SiLU(inplace=True))
    return nn.Sequential(*layers)
