"""The doctor: what it finds at a box that is well, and at one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.adapters.broker import free_port
from appliance.adapters.inbox import MARKER
from appliance.cli import main
from tests.mqtt_lab import HOST, Mosquitto, needs_mosquitto


def examined(folder: Path, capsys: pytest.CaptureFixture[str], **mqtt: object) -> tuple[int, dict[str, str]]:
    """The exit code, and what it says by name."""
    lines = "".join(f"{key} = {value!r}\n" for key, value in mqtt.items())
    config = folder / "box.toml"
    config.write_text(f"[box]\ndata = '{folder}/box'\n[inbox]\npath = '{folder}/share'\n[mqtt]\n{lines}", "utf-8")
    code = main(["--config", str(config), "doctor"])
    found = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    return code, {name: f"{word} {text}" for word, name, text in found}


def test_a_box_that_was_never_started_is_well_and_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = examined(tmp_path, capsys)
    assert code in (0, 4)  # 4: the test machine has torch, or little memory
    assert set(said) >= {"python", "torch", "decoders", "models", "devices", "memory", "data", "share", "broker"}
    assert "first start" in said["data"] and "first start" in said["share"]
    assert not (tmp_path / "box").exists() and not (tmp_path / "share").exists()


def test_a_share_without_its_marker_is_a_fault_with_the_command_that_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "share").mkdir()
    code, said = examined(tmp_path, capsys)
    assert code == 1 and said["share"].startswith("FAULT") and "touch '" in said["share"]
    (tmp_path / "share" / MARKER).touch()
    assert examined(tmp_path, capsys)[1]["share"].startswith("well")


@needs_mosquitto
def test_a_broker_that_lets_the_box_in_and_one_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broker = Mosquitto(tmp_path / "broker").start()
    assert "lets this box in" in examined(tmp_path, capsys, host=HOST, port=broker.port)[1]["broker"]
    broker.stop()
    code, said = examined(tmp_path, capsys, host=HOST, port=free_port(HOST))
    assert code == 1 and "cannot be reached" in said["broker"]
