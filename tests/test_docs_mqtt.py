"""The payloads in docs/mqtt.md beside those a running box really sends."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance import config
from appliance.adapters.mqtt import Address, MqttLink
from appliance.box import Box
from appliance.core.messages import Message, Topics
from appliance.running import Running
from appliance.serve import ALL
from tests.fakes import FakeReader

DOCUMENT = (Path(__file__).resolve().parents[1] / "docs" / "mqtt.md").read_text("utf-8")
PATIENCE_SECONDS = 60
WANTED = {"info", "health", "state", "result", "alarm", "response"}


def shown() -> dict[str, dict[str, Any]]:
    """Every payload in the document, by the kind its schema names."""
    bodies = [json.loads(block) for block in re.findall(r"^```json\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)]
    return {kind(body): body for body in bodies}


def kind(body: dict[str, Any]) -> str:
    return str(body["schema"]).removeprefix("lumbarbox.").removesuffix("/1")


@pytest.fixture(scope="module")
def sent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """One message of each kind, from a box that reads a study, answers a ping, and loses its share."""
    data = tmp_path_factory.mktemp("box")
    quick = {"web__port": 0, "broker__enabled": True, "broker__port": 0}
    quick |= {"inbox__poll_seconds": 0.1, "inbox__quiet_seconds": 0.2}
    running = Running(Box(config.load(None, {}, box__data=str(data), **quick), FakeReader()), ALL)
    host, port = running.broker_address.split(":")
    dashboard = MqttLink(Address(host, int(port), "dashboard", "3.1.1"))
    dashboard.connect("lumbarbox/box/#")
    inbox, heard = running.box.settings.inbox_path, dict[str, dict[str, Any]]()
    try:
        (inbox / "study").write_text("fine")
        request = {"id": "a1", "expires_at": (datetime.now(UTC) + timedelta(minutes=5)).isoformat()}
        dashboard.send(Message(Topics("box").of("cmd", "ping"), json.dumps(request)))
        _listen(dashboard, heard, WANTED - {"alarm"})
        (inbox / ".lumbarbox-inbox").unlink()
        _listen(dashboard, heard, WANTED)
        yield heard
    finally:
        dashboard.close()
        running.stop()


def _listen(dashboard: MqttLink, heard: dict[str, dict[str, Any]], until: set[str]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not until <= heard.keys():
        assert time.monotonic() < end, f"never heard: {until - heard.keys()}"
        dashboard.pump(0.1)
        for message in dashboard.take_received():
            if b'"schema"' in message.payload:
                body = json.loads(message.payload)
                heard[kind(body)] = body


def test_every_kind_of_payload_is_shown() -> None:
    assert set(shown()) == WANTED


@pytest.mark.parametrize("name", sorted(WANTED))
def test_the_example_has_the_fields_that_are_really_sent(name: str, sent: dict[str, dict[str, Any]]) -> None:
    assert sorted(shown()[name]) == sorted(sent[name])


@pytest.mark.parametrize("part", ["findings", "alerts", "models"])
def test_the_parts_of_a_result_are_as_shown(part: str, sent: dict[str, dict[str, Any]]) -> None:
    real = sent["result"][part]
    assert not real or sorted(shown()["result"][part][0]) == sorted(real[0])
