"""The built-in study, read by the models at hand and compared with what it must read as.

A model file can be whole and still answer garbage: a cached compilation, a driver, a CPU. This notices.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.core.report_json import to_json
from appliance.errors import Code, ModelError
from appliance.pipeline import Models, read_study
from appliance.reading import read_path

GOLDEN = Path(__file__).resolve().parent / "golden"
STUDY = GOLDEN / "study.zip"
EXPECTED = GOLDEN / "expected.json"

TOLERATED_PROBABILITY = 0.15
"""Between CPUs with and without VNNI the INT8 models differ by a few hundredths."""
TOLERATED_MM = 3.0
SECOND_AGREES = 0.5
"""Of the places: what a second opinion, for which no expected reading is shipped, must grade as expected. Garbage
reaches a third."""


def run(models: Models, now: datetime) -> tuple[str, ...]:
    """What differs, in words; empty when all is as expected."""
    try:
        expected = json.loads(EXPECTED.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise ModelError(Code.MODEL_MISSING, "The built-in study is missing.", "Install the box again.") from exc
    return compare(to_json(read_study(read_path(STUDY), models, now)), expected)


def check(models: Models, now: datetime) -> None:
    """Raises ModelError when anything differs: the box then refuses to be ready."""
    differences = run(models, now)
    if differences:
        message = f"The built-in study reads differently: {differences[0]}"
        raise ModelError(Code.MODEL_WRONG, message, "Empty the folder ovcache, or set reader.device to cpu.")


def compare(found: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[str, ...]:
    """Levels within a few millimetres, findings with the same status and nearly the same probabilities.

    Where two models voted, the one that is expected is held to its own vote.
    """
    levels = {level["level"]: level for level in found["levels"]}
    moved = [
        f"{want['level']}: {'not found' if want['level'] not in levels else 'moved'}"
        for want in expected["levels"]
        if _distance(levels.get(want["level"]), want) > TOLERATED_MM
    ]
    pairs = zip(found["findings"], expected["findings"], strict=True)
    own = {model["name"] for model in expected["models"]}
    held = [(_vote(f, own), w) for f, w in pairs]
    changed = [f"{w['condition']} {w['level']}: {_told(f)}, expected {_told(w)}" for f, w in held if _differs(f, w)]
    return (*moved, *changed, *_second(found, expected, own))


def _distance(found: Mapping[str, Any] | None, want: Mapping[str, Any]) -> float:
    if found is None or found["position_mm"] is None:
        return float("inf")
    return float(sum((a - b) ** 2 for a, b in zip(found["position_mm"], want["position_mm"], strict=True)) ** 0.5)


def _differs(found: Mapping[str, Any], want: Mapping[str, Any]) -> bool:
    if found["probabilities"] is None or want["probabilities"] is None:
        return bool(found["reason"] != want["reason"])
    both = zip(found["probabilities"].values(), want["probabilities"].values(), strict=True)
    return any(abs(a - b) > TOLERATED_PROBABILITY for a, b in both)


def _vote(finding: Mapping[str, Any], own: Container[str]) -> Mapping[str, Any]:
    """What the expected model said by itself; the finding as it is where only one was asked."""
    vote = next((v for v in finding.get("votes", ()) if v["model"] in own), None)
    return {**finding, **vote} if vote else finding


def _second(found: Mapping[str, Any], expected: Mapping[str, Any], own: Container[str]) -> Iterator[str]:
    pairs = zip(found["findings"], expected["findings"], strict=True)
    asked = [(v["severity"], w["severity"]) for f, w in pairs for v in f.get("votes", ()) if v["model"] not in own]
    agreed = sum(said == want for said, want in asked)
    if asked and agreed < SECOND_AGREES * len(asked):
        yield f"the second opinion grades {agreed} of {len(asked)} places as expected"


def _told(finding: Mapping[str, Any]) -> str:
    return str(finding["severity"] or finding["reason"])
