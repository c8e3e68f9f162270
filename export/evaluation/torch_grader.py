"""A trained grader asked through the box's own question, before it is anything the box could run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from appliance.core.models import Grade, GraderSpec, ModelIdentity
from export.grader.model import ExportedGrader, GraderNet, export_module, load_facts, load_grader


class TorchGrader:
    """One checkpoint as an `appliance.core.models.Grader`. `seen` names the real patients it was trained on."""

    def __init__(self, path: Path) -> None:
        self.net: GraderNet = load_grader(path)
        self.spec: GraderSpec = self.net.spec
        facts = load_facts(path)
        self.seen: frozenset[str] = frozenset(facts.get("real_patients", ()))
        self.identity = ModelIdentity(path.parent.name, "checkpoint", "", "FP32")
        self._module: ExportedGrader = export_module(self.net)

    @torch.no_grad()
    def grade(self, crops: NDArray[np.uint8]) -> Grade:
        """Crops (n, size, size) of 0-255 to a grade."""
        probabilities, attention = self._module(torch.from_numpy(crops.copy()).float())
        normal, moderate, severe = (float(p) for p in probabilities)
        return Grade((normal, moderate, severe), tuple(float(a) for a in attention))
