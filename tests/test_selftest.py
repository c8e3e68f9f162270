"""The built-in study, and what is noticed when it reads differently."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance import selftest
from appliance.adapters.openvino_model import load_models
from appliance.core.report_json import to_json
from appliance.errors import Code, ModelError
from appliance.pipeline import Models
from tests.core.make_values import report
from tests.make_models import write_models

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def as_written() -> dict[str, Any]:
    return json.loads(json.dumps(to_json(report())))


def test_the_same_reading_differs_in_nothing() -> None:
    assert selftest.compare(as_written(), as_written()) == ()


def test_a_few_hundredths_and_a_millimetre_are_another_processor_not_a_fault() -> None:
    found = as_written()
    found["findings"][0]["probabilities"] = {"normal_mild": 0.85, "moderate": 0.12, "severe": 0.03}
    found["levels"][0]["position_mm"][2] += 1.0
    assert selftest.compare(found, as_written()) == ()


@pytest.mark.parametrize("fault", ["probability", "reason", "moved", "lost"])
def test_what_is_really_different_is_named(fault: str) -> None:
    found = copy.deepcopy(as_written())
    if fault == "probability":
        found["findings"][0]["probabilities"] = {"normal_mild": 0.1, "moderate": 0.1, "severe": 0.8}
    elif fault == "reason":
        found["findings"][0].update(probabilities=None, severity=None, reason="level_not_found")
    elif fault == "moved":
        found["levels"][0]["position_mm"][2] += 9.0
    else:
        del found["levels"][0]
    assert len(selftest.compare(found, as_written())) == 1


def test_models_that_read_it_differently_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "expected.json").write_text(json.dumps(as_written()))
    monkeypatch.setattr(selftest, "EXPECTED", tmp_path / "expected.json")
    loaded = load_models(write_models(tmp_path), threads=1)
    with pytest.raises(ModelError) as caught:
        selftest.check(Models(loaded.detector, loaded.graders), NOW)
    assert caught.value.code is Code.MODEL_WRONG


def voted(other: str) -> dict[str, Any]:
    """As written, read by two models; the second says `other` everywhere."""
    found = as_written()
    for finding in (f for f in found["findings"] if f["status"] == "graded"):
        own = {"model": "yolov8n-spine", "severity": finding["severity"], "probabilities": finding["probabilities"]}
        triple = dict.fromkeys(("normal_mild", "moderate", "severe"), 0.0) | {other: 1.0}
        finding["votes"] = [own, {"model": "second", "severity": other, "probabilities": triple}]
        finding["probabilities"] = {k: (v + triple[k]) / 2 for k, v in finding["probabilities"].items()}
    return found


def test_with_a_second_opinion_the_first_is_held_to_its_own_vote() -> None:
    assert selftest.compare(voted("normal_mild"), as_written()) == ()


def test_a_second_opinion_that_is_garbage_is_noticed() -> None:
    (line,) = selftest.compare(voted("severe"), as_written())
    assert line == "the second opinion grades 1 of 20 places as expected"


def test_the_shipped_models_read_it_as_expected() -> None:
    folder = Path(__file__).resolve().parents[1] / "models_int8"
    if not (folder / "MANIFEST.json").is_file():
        pytest.skip("no trained models are here yet")
    assert selftest.EXPECTED.is_file(), "run: python -m export.golden --expected-only"
    loaded = load_models(folder)
    assert selftest.run(Models(loaded.detector, loaded.graders), NOW) == ()
