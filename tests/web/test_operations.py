"""For machines: alive, ready only when a study would really be read, figures for Prometheus."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from appliance.errors import Code, ModelError, SystemicError
from tests.fakes import SmallBox

DOC = Path(__file__).resolve().parents[2] / "docs/api.md"


def figures(visitor: FlaskClient) -> dict[str, float]:
    """`name{labels}` to value, as Prometheus itself parses them."""
    return {
        s.name + "".join(f"{{{v}}}" for v in s.labels.values()): s.value
        for family in text_string_to_metric_families(visitor.get("/metrics").text)
        for s in family.samples
    }


def test_ready_only_when_the_golden_study_was_read_rightly(visitor: FlaskClient, box: SmallBox) -> None:
    box.reader.prepare = lambda: (_ for _ in ()).throw(  # type: ignore[method-assign]
        ModelError(Code.MODEL_WRONG, "The built-in study reads differently.", "Install again.")
    )
    box.worker.step(box.clock())
    answer = visitor.get("/readyz")
    assert answer.status_code == 503 and "model_wrong" in answer.json["alarms"]
    assert figures(visitor)["lumbarbox_reader_ready"] == 0


def test_not_ready_while_a_box_that_was_ready_starts_anew(visitor: FlaskClient, box: SmallBox) -> None:
    """What an earlier life proved says nothing about the models that lie there now."""
    box.worker.step(box.clock())
    assert visitor.get("/readyz").status_code == 200
    box.worker.recover(box.clock())
    assert visitor.get("/readyz").status_code == 503
    box.worker.step(box.clock())


def test_not_ready_when_the_process_that_reads_is_gone(visitor: FlaskClient, box: SmallBox) -> None:
    """It was ready and died without a word: the page, in a process of its own, misses its pulse."""
    box.worker.step(box.clock())
    box.clock.tick(60)
    box.pulse.step(box.clock())
    box.clock.tick(60)
    assert visitor.get("/readyz").status_code == 200
    box.clock.tick(60)
    answer = visitor.get("/readyz")
    assert answer.status_code == 503 and "does not answer" in str(answer.json["reasons"])
    assert figures(visitor)["lumbarbox_reader_ready"] == 0 and figures(visitor)["lumbarbox_ready"] == 0
    box.pulse.step(box.clock())
    assert visitor.get("/readyz").status_code == 200


def test_not_ready_when_the_ledger_cannot_be_written(
    visitor: FlaskClient, box: SmallBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    box.worker.step(box.clock())

    def readonly(*args: object) -> None:
        raise SystemicError(Code.LEDGER, "The ledger cannot be used.", "Check the disk.")

    monkeypatch.setattr(box.ledger, "set_fact", readonly)
    answer = visitor.get("/readyz")
    assert answer.status_code == 503 and answer.json["alarms"] == ["ledger"]


def test_the_figures_are_prometheus_and_name_no_study(visitor: FlaskClient, box: SmallBox) -> None:
    box.drop("Doe^Jane", a="fine")
    box.turn()
    box.ledger.raise_alarm("intake", Code.SHARE_GONE, "The share is gone.", "Mount it.", box.clock())
    found = figures(visitor)
    assert found["lumbarbox_up"] == 1 and found["lumbarbox_studies{done}"] == 1 and found["lumbarbox_ready"] == 0
    assert found["lumbarbox_alarm{share_gone}"] == 1 and found["lumbarbox_alarm{no_space}"] == 0
    assert "Doe" not in visitor.get("/metrics").text


def test_a_ledger_that_cannot_be_read_is_up_zero_and_no_lie(
    visitor: FlaskClient, box: SmallBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> int:
        raise SystemicError(Code.LEDGER, "The ledger cannot be used.", "Check the disk.")

    monkeypatch.setattr(box.ledger, "count", broken)
    assert figures(visitor) == {"lumbarbox_up": 0}
    assert visitor.get("/healthz").text == "ok\n"


def test_every_metric_is_documented(visitor: FlaskClient) -> None:
    text = DOC.read_text("utf-8")
    names = {re.match(r"\w+", name)[0] for name in figures(visitor)}  # type: ignore[index]
    assert names and all(f"`{name}" in text for name in names)
