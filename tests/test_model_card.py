"""The model cards: fresh against the shipped weights, and honest about them. Beside the runtime's tests because no
torch is needed and every change to the weights must pass here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from export import model_card

ENTRY: dict[str, Any] = {
    "kind": "grader", "version": "1.2.3", "precision": "INT8", "origin": "MobileNetV3",
    "calibration_set": "300 of the bags of the synthetic training studies", "kept_in_floating_point": "the head: it hurts",
    "measured_on": "300 places of synthetic validation studies", "sha256": "abc",
    "fp32": {"macro_f1": 0.95, "quadratic_kappa": 0.96}, "int8": {"macro_f1": 0.945, "quadratic_kappa": 0.96},
}  # fmt: skip
FACTS = {
    "labels": "normal_mild moderate severe", "input_size": "128", "crop_mm": "56.0", "slices": "5", "region": "canal",
    "low_percentile": "1.0", "high_percentile": "99.5", "temperature": "0.67",
}  # fmt: skip


def test_the_shipped_cards_are_fresh() -> None:
    assert model_card.behind(model_card.MODELS) == [], "run: python -m export.model_card"


def test_a_card_says_what_was_trained_on_and_what_that_does_not_prove() -> None:
    text = model_card.card("net", ENTRY, FACTS)
    assert "synthetic studies only" in text and "anything about patients" in text and "never a diagnosis" in text
    assert "| macro F1 of the three severities | 95.0% | 94.5% | -0.5 |" in text
    assert "the accuracy gate held" in text


def test_a_gate_that_did_not_hold_is_said_so_with_the_worst_metric() -> None:
    text = model_card.card("net", ENTRY | {"int8": {"macro_f1": 0.90, "quadratic_kappa": 0.96}}, FACTS)
    assert "did not hold" in text and "macro F1 of the three severities fell most, by 5.0 points" in text
    assert "gate held" not in text


def test_weights_of_other_data_get_no_untrue_words() -> None:
    real = ENTRY | {"calibration_set": "300 of the bags of RSNA 2024"}
    with pytest.raises(ValueError, match="what it was trained on"):
        model_card.card("net", real, FACTS)
    told = model_card.card("net", real | {"trained_on": "RSNA 2024", "proves": "much", "does_not_prove": "all"}, FACTS)
    assert "RSNA 2024" in told and "synthetic studies only" not in told


def test_a_stale_card_is_found_and_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net").mkdir()
    facts = "".join(f'<{key} value="{value}" />' for key, value in FACTS.items())
    (tmp_path / "net" / "model.xml").write_text(f"<net><rt_info><lumbarbox>{facts}</lumbarbox></rt_info></net>")
    (tmp_path / "MANIFEST.json").write_text(json.dumps({"models": {"net": ENTRY}}))
    ask = ["--models", str(tmp_path)]
    assert model_card.main([*ask, "--check"]) == 1 and not (tmp_path / "net" / "MODEL_CARD.md").exists()
    assert model_card.main(ask) == 0
    assert model_card.main([*ask, "--check"]) == 0
    assert capsys.readouterr().out.count("MODEL_CARD.md") == 2
