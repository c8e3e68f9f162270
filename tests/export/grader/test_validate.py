"""What a grader answers to bags it did not learn from, and how sure it says it is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")

from export.grader.model import new_grader
from export.grader.validate import fit_temperature, logits_of, softmax
from tests.export.grader.make_bags import SPEC, bags


def test_logits_do_not_depend_on_the_batch():
    net = new_grader(SPEC)
    some = bags("1", 1)
    assert np.allclose(logits_of(net, some, batch=16), logits_of(net, some, batch=3), atol=1e-4)


def test_the_temperature_cools_boasting():
    rng = np.random.default_rng(0)
    ranks = rng.integers(0, 3, 400)
    logits = np.eye(3)[np.where(rng.random(400) < 0.7, ranks, (ranks + 1) % 3)] * 9.0
    temperature = fit_temperature(logits, ranks)
    assert temperature > 2
    assert softmax(logits / temperature).max(axis=1).mean() == pytest.approx(0.7, abs=0.06)
