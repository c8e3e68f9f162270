"""The files under systemd/mosquitto as they are shipped: only paths, ports and addresses are put in. Two real Mosquittos."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.adapters.broker import free_port
from appliance.adapters.mqtt import Address, MqttLink, Tls
from appliance.core.messages import OFFLINE, Message, Topics, availability
from tests.fakes import SmallBox
from tests.mqtt_lab import HOST, Mosquitto, Observer, certificates, needs_mosquitto, until

FILES = Path(__file__).resolve().parents[1] / "systemd" / "mosquitto"
PEOPLE = ("north-1", "north-2", "dashboard", "operator", "homeassistant", "bridge")
pytestmark = needs_mosquitto


class Shipped(Mosquitto):
    """A broker with the shipped configuration; `inside` is its listener in the clear, on this machine only."""

    def __init__(self, folder: Path, papers: dict[str, Path], extra: str = "") -> None:
        super().__init__(folder)
        self.inside, websockets = free_port(HOST), free_port(HOST)
        passwords = folder / "passwords"
        passwords.write_text("".join(f"{name}:secret\n" for name in PEOPLE))
        subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True)
        text = (FILES / "lumbarbox.conf").read_text("utf-8")
        for old, new in (
            ("/etc/mosquitto/lumbarbox.passwords", str(passwords)),
            ("/etc/mosquitto/lumbarbox.acl", str(FILES / "lumbarbox.acl")),
            ("/etc/mosquitto/certs/broker.crt", str(papers["good"])),
            ("/etc/mosquitto/certs/broker.key", str(papers["good"].with_suffix(".key"))),
            ("listener 8883", f"listener {self.port} {HOST}"),
            ("listener 1883 127.0.0.1", f"listener {self.inside} {HOST}"),
            ("listener 9001", f"listener {websockets} {HOST}"),
        ):
            assert old in text, old
            text = text.replace(old, new)
        self.config.write_text(f"user root\npersistence_location {folder}/\n{text}\n{extra}\n")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def clinic(tmp_path: Path, papers: dict[str, Path]) -> Iterator[Shipped]:
    broker = Shipped(tmp_path / "clinic", papers)
    broker.start()
    yield broker
    broker.stop()


def link(broker: Shipped, papers: dict[str, Path], node: str, will: bool = False) -> MqttLink:
    tls = Tls(str(papers["ca"]))
    address = Address(HOST, broker.port, f"lumbarbox-{node}", username=node, password="secret", tls=tls, keepalive=10)
    return MqttLink(address, availability(Topics(node), OFFLINE) if will else None)


def watch(broker: Shipped, name: str = "dashboard", topic: str = "#", session: str = "") -> Observer:
    return Observer(broker.inside, topic, session, username=name, password="secret")


def verdict(line: MqttLink, topic: str) -> str:
    """`taken` or `refused`, by the broker's own word."""
    number, found = line.send(Message(topic, "{}")), ""

    def look() -> None:
        nonlocal found
        line.pump(0.1)
        if number in line.take_acknowledged():
            found = "taken"
        if number in [n for n, _ in line.take_refused()]:
            found = "refused"

    until(lambda: found, look)
    return found


def test_many_boxes_at_one_broker_each_speaks_only_for_itself(
    tmp_path: Path, clinic: Shipped, papers: dict[str, Path]
) -> None:
    observer = watch(clinic, topic="lumbarbox/#")
    boxes = {}
    for node in ("north-1", "north-2"):
        small = SmallBox(tmp_path / node)
        own = link(clinic, papers, node, will=True)
        boxes[node] = small, small.publisher(own, node=node, home_assistant="homeassistant")
        small.drop(f"patient of {node}", a=f"fine {node}")
        small.turn()
    for small, publisher in boxes.values():
        until(lambda: not small.outbox.count(), lambda: publisher.step(small.clock.tick()))  # noqa: B023
        publisher.step(small.clock.tick())
        assert small.ledger.alarms() == (), "nothing it says of itself is refused"
    until(lambda: len(observer.ids) == 2)
    stranger = link(clinic, papers, "north-1")
    boxes["north-1"][1].stop()
    stranger.connect()
    assert verdict(stranger, "lumbarbox/north-1/info") == "taken"
    for topic in ("lumbarbox/north-2/info", "lumbarbox/north-2/cmd/pause", "homeassistant/device/lumbarbox/north-2/config"):
        assert verdict(stranger, topic) == "refused", topic
    stranger.close()
    boxes["north-2"][1].stop()
    observer.close()


def test_a_dashboard_may_not_give_orders_and_an_operator_may(
    tmp_path: Path, clinic: Shipped, papers: dict[str, Path]
) -> None:
    for name, expected in (("dashboard", "refused"), ("operator", "taken")):
        line = link(clinic, papers, name)
        line.connect()
        assert verdict(line, "lumbarbox/north-1/cmd/ping") == expected
        assert verdict(line, "lumbarbox/north-1/availability") == "refused"
        line.close()


def test_what_a_killed_broker_had_acknowledged_is_still_there(clinic: Shipped, papers: dict[str, Path]) -> None:
    """Written at every change, within a tenth of a second: what is retained, what waits for a dashboard with a session."""
    watch(clinic, topic="lumbarbox/#", session="wall").close()
    box = link(clinic, papers, "north-1")
    box.connect()
    assert verdict(box, "lumbarbox/north-1/study/x/result") == "taken"
    time.sleep(0.3)
    clinic.kill()
    clinic.start()
    observer = watch(clinic, topic="lumbarbox/#", session="wall")
    until(lambda: [m for m in observer.messages if m.topic.endswith("x/result")])
    observer.close()


def bridged(folder: Path, papers: dict[str, Path], district: Shipped) -> Shipped:
    text = (FILES / "lumbarbox-bridge.conf").read_text("utf-8")
    for old, new in (
        ("district.example.org:8883", f"{HOST}:{district.port}"),
        ("CHANGE-ME", "secret"),
        ("/etc/ssl/certs/ca-certificates.crt", str(papers["ca"])),
        ("restart_timeout 5 60", "restart_timeout 1 1"),
        ("#topic lumbarbox/+/cmd/+ in 1", "topic lumbarbox/+/cmd/+ in 1"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    return Shipped(folder, papers, text)


@pytest.fixture
def bridge(tmp_path: Path, papers: dict[str, Path]) -> Iterator[tuple[Shipped, Shipped]]:
    """A clinic's broker and the district's it is bridged to."""
    district = Shipped(tmp_path / "district", papers)
    district.start()
    clinic = bridged(tmp_path / "clinic", papers, district)
    clinic.start()
    yield clinic, district
    clinic.stop()
    district.stop()


def test_a_clinics_broker_bridged_to_a_districts_through_an_outage(
    tmp_path: Path, bridge: tuple[Shipped, Shipped], papers: dict[str, Path]
) -> None:
    clinic, district = bridge
    office = watch(district, "bridge")
    small = SmallBox(tmp_path / "box")
    publisher = small.publisher(link(clinic, papers, "north-1", will=True), node="north-1")

    def step() -> None:
        publisher.step(small.clock.tick())

    until(lambda: office.said("north/connected")[-1:] == ["1"], step)
    until(lambda: office.said("north-1/availability")[-1:] == ["online"], step)
    small.drop("one", a="fine 1")
    small.turn()
    until(lambda: len(office.ids) == 1, step)
    office.close()
    district.kill()
    for name in ("two", "three"):
        small.drop(name, a=f"fine {name}")
    small.turn()
    until(lambda: not small.outbox.count(), step)
    assert small.ledger.alarms() == (), "the clinic's broker is well; the district's is not the box's to worry about"
    clinic.kill()
    until(small.ledger.alarms, step)
    clinic.start()
    district.start()
    office = watch(district, "bridge")
    until(lambda: len(office.ids) == 2, step, 40)
    assert office.said("north-1/info"), "what is retained came too"
    publisher.stop()
    until(lambda: office.said("north-1/availability")[-1:] == ["stopped"])
    office.close()


def test_certificates_made_by_the_script_are_believed_and_renewed(tmp_path: Path) -> None:
    made = tmp_path / "certs"
    made.mkdir()
    for _ in range(2):
        subprocess.run([FILES / "make-certificates", made, "broker.lan", HOST], check=True, capture_output=True)
        papers = {"good": made / "broker.crt", "ca": made / "ca.crt"}
        broker = Shipped(tmp_path / "broker", papers)
        broker.start()
        authority = (made / "ca.crt").read_bytes()
        line = link(broker, papers, "north-1")
        line.connect()
        line.close()
        broker.stop()
    assert (made / "ca.crt").read_bytes() == authority
    assert (made / "broker.key").stat().st_mode & 0o077 == 0
    assert subprocess.run([FILES / "make-certificates"], check=False, capture_output=True).returncode == 2


def test_commands_pass_the_bridge_only_when_the_line_is_taken_in(
    tmp_path: Path, bridge: tuple[Shipped, Shipped], papers: dict[str, Path]
) -> None:
    shipped = (FILES / "lumbarbox-bridge.conf").read_text("utf-8")
    assert not re.search(r"^topic .*cmd", shipped, re.MULTILINE)
    clinic, district = bridge
    office = watch(district, "bridge")
    small = SmallBox(tmp_path / "box")
    publisher = small.publisher(link(clinic, papers, "north-1"), node="north-1")

    def step() -> None:
        publisher.step(small.clock.tick())

    until(lambda: office.said("north-1/availability")[-1:] == ["online"], step)
    operator = watch(district, "operator")
    operator.publish("lumbarbox/north-1/cmd/ping", {"id": "far", "expires_at": "2027-01-01T00:00:00+00:00"})
    until(lambda: office.said("rsp/ping"), step)
    assert json.loads(office.said("rsp/ping")[0])["id"] == "far"
    for one in (operator, office):
        one.close()
    publisher.stop()
