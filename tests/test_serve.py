"""The whole box in one process: share, reader, broker, page, and how it stops. Free ports, loopback only."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from appliance import config, selftest
from appliance.adapters.mqtt import Address, MqttLink
from appliance.box import Box, clock
from appliance.demo import Demo
from appliance.errors import Code, LumbarboxError, SystemicError
from appliance.pulse import is_silent
from appliance.running import Running, answer
from appliance.serve import ALL
from appliance.wiring import models_folder
from tests.fakes import FakeReader

ROOT = Path(__file__).resolve().parents[1]
QUICK = {"web__port": 0, "broker__enabled": True, "broker__port": 0, "inbox__poll_seconds": 0.1, "inbox__quiet_seconds": 0.2}
needs_models = pytest.mark.skipif(
    not (models_folder(config.load(None, {})) / "MANIFEST.json").exists() or not selftest.EXPECTED.exists(),
    reason="the INT8 models or the golden study are not in this checkout",
)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    settings = config.load(None, {}, box__data=str(tmp_path / "data"), **QUICK)
    made = Running(Box(settings, FakeReader()), ALL)
    yield made
    made.stop()


def until(reached: Callable[[], object], act: Callable[[], object] = lambda: time.sleep(0.05)) -> None:
    end = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < end, "it took too long"
        act()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def test_dropped_read_published_and_shown(running: Running, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    host, port = running.broker_address.split(":")
    dashboard = MqttLink(Address(host, int(port), "dashboard", "3.1.1"))
    dashboard.connect("lumbarbox/box/#")
    study = tmp_path / "Anna"
    study.mkdir()
    (study / "IM1").write_text("fine")
    assert Demo(running.box, running.url, study).run() == 0
    said = capsys.readouterr().out
    assert "gravest finding: severe" in said and f"{running.url}/study/" in said
    heard: dict[str, str] = {}

    def listen() -> None:
        dashboard.pump(0.1)
        heard.update({m.topic.split("/", 2)[2]: m.payload.decode() for m in dashboard.take_received()})

    until(lambda: any(topic.endswith("/result") for topic in heard), listen)
    assert heard["availability"] == "online" and "Anna" not in "".join(heard.values())
    assert json.loads(get(f"{running.url}/readyz"))["status"] == "well"
    dashboard.close()


def test_a_study_that_is_refused_is_no_success(running: Running, tmp_path: Path) -> None:
    study = tmp_path / "Anna"
    study.mkdir()
    (study / "IM1").write_text("corrupt")
    assert Demo(running.box, running.url, study).run() == 1


def test_the_parts_may_run_apart_on_one_ledger(tmp_path: Path) -> None:
    settings = config.load(None, {}, box__data=str(tmp_path / "data"), **QUICK)
    intake, reader = (Running(Box(settings, FakeReader()), (part,)) for part in ("intake", "reader"))
    try:
        (settings.inbox_path / "study").write_text("fine")
        until(lambda: [j.state.value for j in reader.box.ledger.newest(1)] == ["done"])
        assert not is_silent(intake.box.ledger, clock()), "the other part's pulse is seen"
    finally:
        intake.stop()
        reader.stop()


def test_a_port_that_is_taken_is_said_in_words_and_nothing_is_left_running(running: Running, tmp_path: Path) -> None:
    port = int(running.url.rsplit(":", 1)[1])
    settings = config.load(None, {}, box__data=str(tmp_path / "other"), **{**QUICK, "web__port": port})
    with pytest.raises(SystemicError, match="cannot listen"):
        Running(Box(settings, FakeReader()), ALL)


def test_nothing_is_published_when_no_broker_is_named(tmp_path: Path) -> None:
    settings = config.load(None, {}, box__data=str(tmp_path), **QUICK | {"broker__enabled": False})
    made = Running(Box(settings, FakeReader()), ("publisher",))
    assert made.broker_address == "" and made.broker is None
    made.stop()


def test_the_secrets_of_the_box_are_its_own(running: Running) -> None:
    data = running.box.settings.data
    for name in ("session.key", "accounts.db", "ledger.db", "outbox.db", "spool", "reports"):
        assert (data / name).stat().st_mode & 0o077 == 0, name


def serve(folder: Path, *options: str) -> subprocess.Popen[str]:
    (folder.parent / "empty.toml").write_text("")  # whatever /etc/lumbarbox says on this machine
    config = ["--config", str(folder.parent / "empty.toml")]
    command = [sys.executable, "-m", "appliance", "serve", *config, "--data", str(folder), *options]
    free = {"LUMBARBOX_WEB_PORT": "0", "LUMBARBOX_BROKER_PORT": "0"}
    return subprocess.Popen(
        command, env=os.environ | free, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_a_signal_stops_it_in_order(tmp_path: Path) -> None:
    process = serve(tmp_path / "data")
    assert process.stdout is not None
    until(lambda: "Stop with Ctrl-C" in process.stdout.readline(), lambda: None)  # type: ignore[union-attr]
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in output


@pytest.mark.parametrize("ending", [True, False])
def test_closing_the_page_under_its_own_thread_is_a_fault_only_while_it_should_answer(ending: bool) -> None:
    """select() wakes on a socket that is closed by then: seen once in some hundred stops."""
    asked = threading.Event()
    if ending:
        asked.set()

    def run() -> None:
        number = socket.create_server(("127.0.0.1", 0)).detach()
        os.close(number)
        select.select([number], [], [], 0)

    with nullcontext() if ending else pytest.raises(OSError, match="descriptor"):
        answer(run, asked)


BUSY = """
import sys, threading, time
from appliance import running, study_reader
running.STOP_SECONDS = 0.1
def prepare(self):
    while True:
        self._load()
study_reader.StudyReader.prepare = prepare
from appliance.cli import main
sys.exit(main(sys.argv[1:]))
"""


@needs_models
def test_a_signal_while_the_models_are_compiled_ends_it_as_well(tmp_path: Path) -> None:
    """It ended with -6: Python tore down what the compiling thread stood on."""
    (tmp_path / "empty.toml").write_text("")
    words = ["--config", str(tmp_path / "empty.toml"), "serve", "--data", str(tmp_path / "data")]
    free = {"LUMBARBOX_WEB_PORT": "0", "LUMBARBOX_BROKER_PORT": "0", "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY, *words], env=os.environ | free, stdout=pipe, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    until(lambda: "Stop with Ctrl-C" in process.stdout.readline(), lambda: None)  # type: ignore[union-attr]
    time.sleep(0.5)  # well inside the compiler
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "Stopping" in output, output


@needs_models
def test_make_runs_sample_study_is_read_by_the_real_models(tmp_path: Path) -> None:
    output, _ = serve(tmp_path / "data", "--demo", "--once").communicate(timeout=110)
    assert "L4/L5" in output and re.search(r"http://127\.0\.0\.1:\d+/study/\w{12}", output), output
    assert "Traceback" not in output


def test_what_went_wrong_at_start_has_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LumbarboxError) as caught:
        Box(config.load(None, {}, box__data=str(tmp_path / "file")))
    assert caught.value.code in (Code.FAULT, Code.NOT_WRITABLE)
