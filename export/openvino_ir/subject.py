"""One network to quantise: what it is, what it is calibrated on, how it is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from export.openvino_ir.convert import ov
from export.openvino_ir.int8 import Scope


@dataclass(frozen=True, slots=True)
class Subject:
    """`measure` takes the folder of a saved model and gives metrics; `gate.LOWER_IS_BETTER` names those to keep low.

    The FP32 model is measured first: what is measured against it may remember it.
    """

    name: str
    ir: ov.Model
    facts: Mapping[str, str]
    """For `rt_info`, without `name` and `precision`."""
    calibration: Sequence[NDArray[np.uint8]]
    """Model inputs, u8."""
    calibration_set: str
    scopes: Sequence[Scope]
    measure: Callable[[Path], Mapping[str, float]]
    measured_on: str
    origin: str
    told: Mapping[str, str] = field(default_factory=dict)
    """`trained_on`, `split`, `proves`, `does_not_prove` of the model card, where the usual words would be untrue."""
