"""Let `import torchvision` work on a CPU build of torch. Import this before torchvision, timm or ultralytics.

torchvision's wheel on PyPI is built for CUDA; beside a CPU torch its compiled operators do not load, and its import
fails with `operator torchvision::nms does not exist`. This declares the missing operators and gives `nms` a kernel in
NumPy. Where torchvision imports by itself, it does nothing.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

import numpy as np
import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_libraries: list[Any] = []
"""torch.library registrations live as long as their Library object."""


def install() -> bool:
    """Make torchvision importable; True when the stand-in was needed."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as exc:
        if "torchvision::nms" not in str(exc):
            raise
    else:
        return False
    _declare_operators()
    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]
    importlib.import_module("torchvision")
    extension = importlib.import_module("torchvision.extension")
    boxes = importlib.import_module("torchvision.ops.boxes")
    for module in (extension, boxes):
        module._assert_has_ops = lambda: None  # type: ignore[attr-defined]
    return True


def nms(boxes: torch.Tensor, scores: torch.Tensor, iou_threshold: float) -> torch.Tensor:
    """Indices kept by greedy suppression, by falling score: torchvision's `nms` in NumPy."""
    b = boxes.detach().float().cpu().numpy()
    area = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    order = np.argsort(-scores.detach().float().cpu().numpy(), kind="stable")
    kept: list[int] = []
    while order.size:
        first, rest = order[0], order[1:]
        kept.append(int(first))
        width = np.minimum(b[first, 2], b[rest, 2]) - np.maximum(b[first, 0], b[rest, 0])
        height = np.minimum(b[first, 3], b[rest, 3]) - np.maximum(b[first, 1], b[rest, 1])
        inter = width.clip(0) * height.clip(0)
        order = rest[inter <= iou_threshold * (area[first] + area[rest] - inter)]
    return torch.tensor(kept, dtype=torch.int64, device=boxes.device)


def _declare_operators() -> None:
    if _libraries:
        return
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)
    library.impl("nms", nms, "CPU")
    _libraries.append(library)


install()
