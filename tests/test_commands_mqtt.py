"""`lumbarbox mqtt test`, `outbox list|flush`, `jobs pause|resume`, and how the configuration becomes an address."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance import config
from appliance.adapters.broker import free_port
from appliance.adapters.outbox import Outbox
from appliance.box import Box, clock
from appliance.cli import main
from appliance.core.jobs import PAUSED, Job, Source, State
from appliance.errors import ConfigError, DeliveryError
from tests.mqtt_lab import HOST, Mosquitto, Observer, needs_mosquitto, result, until


def configured(folder: Path, port: int, **keys: Any) -> list[str]:
    """The command line's beginning."""
    table = {"host": HOST, "port": port, **keys}
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
    (folder / "box.toml").write_text(f'[box]\ndata = "{folder}/data"\n[mqtt]\n{lines}\n')
    return ["--config", str(folder / "box.toml")]


def waiting(folder: Path, count: int) -> None:
    (folder / "data").mkdir(exist_ok=True)
    outbox = Outbox(folder / "data" / "outbox.db")
    for number in range(count):
        body = result(number)
        outbox.put(body["id"], body["rid"], body, clock() - timedelta(days=1))
    outbox.close()


@needs_mosquitto
def test_what_waits_is_listed_and_sent_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broker = Mosquitto(tmp_path / "broker").start()
    line = configured(tmp_path, broker.port)
    waiting(tmp_path, 30)
    assert main([*line, "outbox", "list", "--limit", "2"]) == 0
    said = capsys.readouterr().out
    assert "r000000.1" in said and "study job000001: severe" in said and "30 results wait" in said
    observer = Observer(broker.port)
    assert main([*line, "outbox", "flush"]) == 0
    assert "30 sent, 0 wait." in capsys.readouterr().out
    until(lambda: len(observer.ids) == 30)
    assert all(json.loads(text)["is_historical"] for text in observer.said("/result"))
    observer.close()
    broker.stop()


@needs_mosquitto
def test_what_the_broker_refuses_is_said_and_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "acl").write_text("topic read #\n")
    broker = Mosquitto(tmp_path / "broker", f"allow_anonymous true\nacl_file {tmp_path / 'acl'}").start()
    waiting(tmp_path, 3)
    assert main([*configured(tmp_path, broker.port), "outbox", "flush"]) == 4
    said = capsys.readouterr().out
    assert "The broker refuses: Not authorized." in said and "0 sent, 3 wait." in said
    assert main([*configured(tmp_path, broker.port), "outbox", "list"]) == 0
    assert "refused 1 times" in capsys.readouterr().out
    broker.stop()


def test_flushing_to_nobody_is_a_fault_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    waiting(tmp_path, 1)
    assert main([*configured(tmp_path, free_port(HOST)), "outbox", "flush"]) == 1
    assert "cannot be reached" in capsys.readouterr().err


@needs_mosquitto
def test_the_way_to_the_broker_is_tested_beside_a_running_box(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = Mosquitto(tmp_path / "broker").start()
    assert main([*configured(tmp_path, broker.port), "mqtt", "test"]) == 0
    assert "came back" in capsys.readouterr().out
    broker.stop()


def test_reading_is_paused_and_resumed_from_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = configured(tmp_path, 1)
    assert main([*line, "jobs", "pause"]) == 0 and "lumbarbox jobs resume" in capsys.readouterr().out
    box = Box(config.load(tmp_path / "box.toml", {}))
    assert box.vitals.take().paused
    assert main([*line, "jobs", "resume"]) == 0
    assert not box.ledger.fact(PAUSED)
    box.close()


def made(folder: Path, **mqtt: Any) -> Box:
    return Box(config.from_table({"box": {"data": str(folder / "data")}, "mqtt": {"host": "b", "username": "u", **mqtt}}))


def test_the_password_comes_from_a_file_from_systemd_or_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert made(tmp_path, password_file="/etc/secret").address().password_file == "/etc/secret"
    with pytest.raises(ConfigError, match="LoadCredential"):
        made(tmp_path, password_credential="broker").address()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/lumbarbox")
    address = made(tmp_path, password_credential="broker").address()
    assert address.password_file == "/run/credentials/lumbarbox/broker"
    with pytest.raises(ConfigError, match="BROKER_PASSWORD"):
        made(tmp_path, password_variable="BROKER_PASSWORD").address()
    monkeypatch.setenv("BROKER_PASSWORD", "s3cret")
    assert made(tmp_path, password_variable="BROKER_PASSWORD").address().password == "s3cret"


def test_info_tells_no_secret_and_no_path_to_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "s3cret")
    box = made(tmp_path, password_variable="BROKER_PASSWORD", tls=True, ca_file="/etc/ca", cert_file="/etc/box.crt")
    told = json.dumps(box.facts())
    for secret in ("s3cret", "BROKER_PASSWORD", "/etc/ca", "/etc/box.crt", '"username"'):
        assert secret not in told, secret
    assert '"tls": true' in told and '"mqtt_identifiers": false' in told


def test_nothing_is_kept_for_a_broker_nobody_named(tmp_path: Path) -> None:
    box = Box(config.from_table({"box": {"data": str(tmp_path)}}))
    job = Job("j", "study", Source.SHARE, State.DONE, clock(), clock())
    box._hand_over()({"report_id": "x"}, job, clock())
    assert box.outbox.count() == 0
    with pytest.raises(DeliveryError, match="No broker is configured"):
        box.address()
