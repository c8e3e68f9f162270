"""The link against real brokers: Debian's Mosquitto, and the embedded one. Loopback only."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.adapters.broker import EmbeddedBroker, free_port
from appliance.adapters.mqtt import Address, MqttLink
from appliance.core.messages import Message, Topics, availability
from appliance.errors import DeliveryError, SystemicError
from appliance.publisher import Manners, Publisher
from tests.fakes import SmallBox

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
SUBSCRIBER = shutil.which("mosquitto_sub")
needs_mosquitto = pytest.mark.skipif(not (MOSQUITTO and SUBSCRIBER), reason="mosquitto is not installed")


class Mosquitto:
    """A real broker in a folder, which may be stopped and started."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.port = free_port("127.0.0.1")
        self.config = folder / "mosquitto.conf"
        user = "user root\n"
        self.config.write_text(f"listener {self.port} 127.0.0.1\n{user}{extra or 'allow_anonymous true'}\n")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO
        self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.config)], stderr=subprocess.DEVNULL)
        link = MqttLink(Address("127.0.0.1", self.port, "probe", username="box", password_file=""))
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                link.connect()
            except DeliveryError as exc:
                if "authori" in str(exc).lower():
                    return
                time.sleep(0.05)
            else:
                link.close()
                return
        pytest.fail("mosquitto did not start")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def subscribe(self, topic: str, count: int) -> subprocess.Popen[str]:
        assert SUBSCRIBER
        command = [SUBSCRIBER, "-h", "127.0.0.1", "-p", str(self.port), "-t", topic, "-C", str(count), "-W", "20", "-v"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker("127.0.0.1", 0)
    broker.start()
    yield broker
    broker.stop()


def until(reached: Callable[[], object], act: Callable[[], object], seconds: float = 15) -> None:
    """Act again and again, for a bounded time."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it took too long"
        act()


def station(folder: Path, port: int) -> tuple[SmallBox, Publisher]:
    box, topics = SmallBox(folder / "box"), Topics("box")
    link = MqttLink(Address("127.0.0.1", port, "lumbarbox-box"), availability(topics, "offline"))
    manners = Manners(timedelta(seconds=60), timedelta(hours=9), ("ping",))
    publisher = Publisher(box.ledger, box.outbox, box.vitals, link, topics, manners, lambda: {}, lambda: None)
    return box, publisher


def read_one(box: SmallBox, name: str) -> None:
    box.drop(name, a=name)
    box.turn()


@needs_mosquitto
def test_mosquitto_sub_receives_the_result(tmp_path: Path, mosquitto: Mosquitto) -> None:
    box, publisher = station(tmp_path, mosquitto.port)
    subscriber = mosquitto.subscribe("lumbarbox/box/study/+/result", 1)
    until(lambda: box.ledger.last_transition() == 0 and publisher.step(box.clock()) is False, lambda: None)
    time.sleep(0.3)
    read_one(box, "patient")
    until(lambda: box.outbox.count() == 0, lambda: publisher.step(box.clock.tick()))
    line, _ = subscriber.communicate(timeout=20)
    topic, payload = line.split(" ", 1)
    assert topic == f"lumbarbox/box/study/{box.ledger.newest(1)[0].id}/result"
    assert len(json.loads(payload)["findings"]) == 25
    publisher.stop()


@needs_mosquitto
def test_what_is_retained_is_there_for_whoever_comes_later(tmp_path: Path, mosquitto: Mosquitto) -> None:
    box, publisher = station(tmp_path, mosquitto.port)
    read_one(box, "patient")
    until(lambda: box.outbox.count() == 0, lambda: publisher.step(box.clock.tick()))
    publisher.step(box.clock())
    output, _ = mosquitto.subscribe("lumbarbox/box/#", 4).communicate(timeout=30)
    kept = dict(line.split(" ", 1) for line in output.splitlines())
    assert kept["lumbarbox/box/availability"] == "online"
    assert set(kept) == {f"lumbarbox/box/{t}" for t in ("availability", "info", "health", "last_result")}
    publisher.stop()


@needs_mosquitto
def test_the_broker_dies_and_comes_back_and_no_result_is_lost(tmp_path: Path, mosquitto: Mosquitto) -> None:
    box, publisher = station(tmp_path, mosquitto.port)
    publisher.step(box.clock())
    mosquitto.stop()
    read_one(box, "one")
    read_one(box, "two")
    until(box.ledger.alarms, lambda: publisher.step(box.clock.tick()))
    assert box.outbox.count() == 2
    mosquitto.start()
    subscriber = mosquitto.subscribe("lumbarbox/box/study/+/result", 2)
    time.sleep(0.3)
    until(lambda: box.outbox.count() == 0, lambda: publisher.step(box.clock.tick(5)))
    output, _ = subscriber.communicate(timeout=20)
    assert len({json.loads(line.split(" ", 1)[1])["id"] for line in output.splitlines()}) == 2
    publisher.stop()


@needs_mosquitto
def test_a_box_that_vanishes_is_offline_and_one_that_stops_is_stopped(tmp_path: Path, mosquitto: Mosquitto) -> None:
    topics = Topics("box")

    def link() -> MqttLink:
        made = MqttLink(Address("127.0.0.1", mosquitto.port, "lumbarbox-box"), availability(topics, "offline"))
        made.connect()
        made.send(availability(topics, "online"))
        made.pump(0.2)
        return made

    def kept() -> str:
        output, _ = mosquitto.subscribe("lumbarbox/box/availability", 1).communicate(timeout=30)
        return output.split()[-1]

    vanishing = link()
    assert kept() == "online"
    vanishing._drop()
    assert kept() == "offline"
    link().close(availability(topics, "stopped"))
    assert kept() == "stopped"


@needs_mosquitto
def test_wrong_password_is_a_delivery_error_with_the_brokers_word(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("")
    broker = Mosquitto(tmp_path, f"allow_anonymous false\npassword_file {tmp_path / 'passwords'}")
    broker.start()
    (tmp_path / "secret").write_text("wrong\n")
    address = Address("127.0.0.1", broker.port, "x", username="box", password_file=str(tmp_path / "secret"))
    try:
        with pytest.raises(DeliveryError, match=r"(?i)authori"):
            MqttLink(address).connect()
    finally:
        broker.stop()


def test_nobody_there_is_a_delivery_error() -> None:
    with pytest.raises(DeliveryError, match="cannot be reached"):
        MqttLink(Address("127.0.0.1", free_port("127.0.0.1"), "x")).connect()


def test_the_embedded_broker_carries_a_result_from_box_to_dashboard(tmp_path: Path, embedded: EmbeddedBroker) -> None:
    box, publisher = station(tmp_path, embedded.port)
    dashboard = MqttLink(Address("127.0.0.1", embedded.port, "dashboard", version="3.1.1"))
    dashboard.connect("lumbarbox/+/study/+/result")
    read_one(box, "patient")
    until(lambda: box.outbox.count() == 0, lambda: publisher.step(box.clock.tick(5)))
    received: list[object] = []
    until(lambda: received, lambda: (dashboard.pump(0.2), received.extend(dashboard.take_received())))
    publisher.stop()
    dashboard.close()


def test_a_command_travels_through_the_embedded_broker(tmp_path: Path, embedded: EmbeddedBroker) -> None:
    box, publisher = station(tmp_path, embedded.port)
    asking = MqttLink(Address("127.0.0.1", embedded.port, "asking"))
    asking.connect("lumbarbox/box/rsp/ping")
    publisher.step(box.clock())
    request = {"id": "7", "expires_at": "2027-01-01T00:00:00+00:00"}
    asking.send(Message("lumbarbox/box/cmd/ping", json.dumps(request)))
    answers: list[object] = []

    def turn() -> None:
        asking.pump(0.1)
        publisher.step(box.clock.tick())
        answers.extend(asking.take_received())

    until(lambda: answers, turn)
    publisher.stop()
    asking.close()


def test_an_address_that_is_taken_is_said_in_words(embedded: EmbeddedBroker) -> None:
    with pytest.raises(SystemicError, match="cannot listen"):
        EmbeddedBroker("127.0.0.1", embedded.port).start()
