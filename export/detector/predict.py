"""The trained network behind the appliance's `Detector` protocol, in torch: what evaluation compares INT8 with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from appliance.core.geometry import PixelMm
from appliance.core.models import DetectedBox, ModelIdentity
from appliance.core.postprocessing import decode
from appliance.core.preprocessing import letterbox
from export.detector.data import FINEST_MM
from export.detector.model import INPUT_SIZE, load_detector


class TorchDetector:
    """`detect` as the appliance's OpenVINO adapter does it: letterbox, network, decode."""

    def __init__(self, weights: Path, finest_mm: float = FINEST_MM) -> None:
        self._network = load_detector(weights)
        self._finest_mm = finest_mm
        self._sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("lumbarbox-detector", "torch", self._sha256, "FP32")

    def detect(
        self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
    ) -> tuple[DetectedBox, ...]:
        square, fit = letterbox(picture, INPUT_SIZE, pixel_mm, 0.0 if fill else self._finest_mm)
        with torch.inference_mode():
            raw = self._network(torch.from_numpy(square)[None, None].float() / 255)
        return decode(raw.numpy(), fit)
