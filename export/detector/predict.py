"""The trained network behind the appliance's `Detector` protocol, in torch: what evaluation compares INT8 with."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from appliance.core.models import DetectedBox, ModelIdentity
from appliance.core.postprocessing import Thresholds, decode
from appliance.core.preprocessing import letterbox
from export.detector.model import INPUT_SIZE, load_detector


class TorchDetector:
    """`detect` as the appliance's OpenVINO adapter does it: letterbox, network, decode."""

    def __init__(self, weights: Path, size: int = INPUT_SIZE, thresholds: Thresholds | None = None) -> None:
        self._network = load_detector(weights)
        self._size = size
        self._thresholds = thresholds or Thresholds()
        self._sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("lumbarbox-detector", "torch", self._sha256, "FP32")

    def detect(self, picture: NDArray[np.uint8], aspect: float = 1.0) -> tuple[DetectedBox, ...]:
        square, fit = letterbox(picture, self._size, aspect)
        with torch.inference_mode():
            raw = self._network(torch.from_numpy(square)[None, None].float() / 255)
        return decode(raw.numpy(), fit, self._thresholds)
