"""A small box at a real Mosquitto: what dashboards see when the broker, the network or the box goes and comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance import config
from appliance.adapters.mqtt import Address, MqttLink
from appliance.box import Box
from appliance.core.messages import OFFLINE, Topics, availability
from appliance.errors import Code
from appliance.publisher import Publisher
from tests.fakes import SmallBox
from tests.mqtt_lab import HOST, Mosquitto, Observer, Wire, needs_mosquitto, until

pytestmark = needs_mosquitto


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker").start()
    yield broker
    broker.stop()


class Station:
    """A small box with a real link; its clock is moved by each step, the network's is real."""

    def __init__(self, folder: Path, port: int, **options: Any) -> None:
        self.box, node = SmallBox(folder), options.get("node", "box")
        address = Address(HOST, port, f"lumbarbox-{node}", **{"keepalive": 5} | options.pop("address", {}))
        self.link = MqttLink(address, availability(Topics(node), OFFLINE))
        self.publisher: Publisher = self.box.publisher(self.link, **options)

    def read_one(self, name: str) -> None:
        self.box.drop(name, a=f"fine {name}")
        self.box.turn()

    def step(self, seconds: float = 1.0) -> None:
        self.publisher.step(self.box.clock.tick(seconds))

    def drained(self) -> None:
        until(lambda: not self.box.outbox.count(), self.step)

    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.box.ledger.alarms()]


@pytest.fixture
def station(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Station]:
    made = Station(tmp_path / "box", mosquitto.port)
    yield made
    made.publisher.stop()


def test_a_dashboard_sees_availability_last_and_the_result(station: Station, mosquitto: Mosquitto) -> None:
    observer = Observer(mosquitto.port)
    station.step()
    station.read_one("patient")
    station.drained()
    until(lambda: observer.ids and observer.said("last_result"), station.step)
    order = [m.topic.split("/", 2)[2] for m in observer.messages]
    assert order.index("availability") > max(order.index("info"), order.index("health"))
    (sent,) = observer.said("/result")
    assert len(json.loads(sent)["findings"]) == 25
    assert [json.loads(s)["state"] for s in observer.said("/state")] == ["received", "settling", "queued", "reading", "done"]
    observer.close()


def test_what_is_kept_is_there_for_whoever_comes_later_and_again_after_the_broker_lost_it(
    station: Station, mosquitto: Mosquitto
) -> None:
    station.read_one("patient")
    station.drained()
    station.step()
    kept = mosquitto.kept()
    assert kept.keys() == {f"lumbarbox/box/{t}" for t in ("availability", "info", "health", "last_result")}
    mosquitto.empty()
    until(station.alarms, station.step)
    mosquitto.start()
    assert mosquitto.kept(seconds=0.3) == {}
    until(lambda: not station.alarms(), station.step)
    station.step()
    again = mosquitto.kept()
    assert again.keys() == kept.keys()
    assert again["lumbarbox/box/last_result"] == kept["lumbarbox/box/last_result"]


@pytest.mark.parametrize("how", ["stop", "kill", "empty"])
def test_the_broker_goes_and_comes_back_and_no_result_is_lost(station: Station, mosquitto: Mosquitto, how: str) -> None:
    station.step()
    getattr(mosquitto, how)()
    station.read_one("one")
    station.read_one("two")
    until(station.alarms, station.step)
    assert station.box.outbox.count() == 2 and station.alarms() == [Code.BROKER]
    mosquitto.start()
    observer = Observer(mosquitto.port)
    until(lambda: len(observer.ids) == 2, lambda: station.step(5))
    assert set(observer.ids.values()) == {1} and station.alarms() == []
    observer.close()


def test_a_frozen_broker_is_noticed_within_the_keepalive_and_served_again_when_it_thaws(
    station: Station, mosquitto: Mosquitto
) -> None:
    observer = Observer(mosquitto.port)
    station.step()
    mosquitto.freeze()
    station.read_one("patient")
    frozen_at = time.monotonic()
    until(station.alarms, station.step, 15)
    assert time.monotonic() - frozen_at < 2 * 5
    mosquitto.thaw()
    until(lambda: observer.ids and not station.alarms(), lambda: station.step(5))
    until(lambda: observer.said("availability")[-1] == "online", station.step)
    observer.close()


def test_availability_is_true_within_the_configured_keepalive_when_the_line_goes_silent(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """15 s is the shortest that can be configured."""
    wire = Wire(mosquitto.port)
    settings = Box(config.load(None, {}, box__data=str(tmp_path / "data"), mqtt__host=HOST, mqtt__keepalive_seconds=15))
    station = Station(tmp_path / "box", wire.port, address={"keepalive": settings.address().keepalive})
    observer = Observer(mosquitto.port)
    until(lambda: observer.said("availability") == ["online"], station.step)
    wire.silent, went = True, time.monotonic()
    until(lambda: observer.said("availability")[-1] == "offline", station.step, 25)
    assert time.monotonic() - went < 15
    wire.silent = False
    wire.cut()
    until(lambda: observer.said("availability")[-1] == "online", lambda: station.step(5))
    station.publisher.stop()
    until(lambda: observer.said("availability")[-1] == "stopped")
    observer.close()
    wire.close()


def test_a_command_travels_to_the_box_and_its_answer_back(station: Station, mosquitto: Mosquitto) -> None:
    observer = Observer(mosquitto.port)
    station.step()
    request = {"id": "q7", "expires_at": (station.box.clock() + timedelta(hours=1)).isoformat()}
    observer.publish("lumbarbox/box/cmd/status", request)
    until(lambda: observer.said("rsp/status"), station.step)
    answer = json.loads(observer.said("rsp/status")[0])
    assert answer["ok"] and answer["id"] == "q7" and answer["health"]["outbox"] == 0
    observer.publish("lumbarbox/box/cmd/status", request | {"id": "kept"}, retain=True)
    until(lambda: len(observer.said("rsp/status")) == 2, station.step)
    station.link.drop()
    until(lambda: len(observer.said("rsp/status")) == 3, lambda: station.step(2))
    assert "retained" in json.loads(observer.said("rsp/status")[2])["reason"]
    observer.close()


def test_access_rules_that_forbid_results_raise_an_alarm_and_lose_nothing(tmp_path: Path) -> None:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite lumbarbox/#\ntopic deny lumbarbox/box/study/#\n")
    broker = Mosquitto(tmp_path / "b", f"allow_anonymous true\nacl_file {rules}").start()
    station = Station(tmp_path / "box", broker.port)
    station.read_one("patient")
    until(station.alarms, station.step)
    assert station.box.outbox.count() == 1
    rules.write_text("topic readwrite lumbarbox/#\n")
    broker.stop()
    broker.start()
    until(lambda: not station.box.outbox.count(), lambda: station.step(5))
    until(lambda: not station.alarms(), lambda: station.step(60))
    station.publisher.stop()
    broker.stop()


def test_many_boxes_at_one_broker_do_not_disturb_each_other(tmp_path: Path, mosquitto: Mosquitto) -> None:
    observer = Observer(mosquitto.port)
    stations = {node: Station(tmp_path / node, mosquitto.port, node=node) for node in ("north", "south", "west")}
    for node, station in stations.items():
        station.read_one(f"patient of {node}")
        station.drained()
    until(lambda: len(observer.ids) >= 3)
    assert {m.topic.split("/")[1] for m in observer.messages} == stations.keys()
    stations["south"].link.drop()
    until(lambda: "offline" in observer.said("south/availability"))
    assert observer.said("north/availability") == ["online"]
    for station in stations.values():
        station.publisher.stop()
    observer.close()


def test_two_boxes_of_one_name_stop_fighting_raise_an_alarm_and_lose_nothing(tmp_path: Path, mosquitto: Mosquitto) -> None:
    observer = Observer(mosquitto.port)
    twins = [Station(tmp_path / name, mosquitto.port) for name in ("one", "other")]

    def thrown_out() -> list[Station]:
        return [twin for twin in twins if Code.CLIENT_ID_TAKEN in twin.alarms()]

    until(thrown_out, lambda: [twin.step(2) for twin in twins if twin not in thrown_out()], 40)
    (loser,) = thrown_out()
    (winner,) = [twin for twin in twins if twin is not loser]
    loser.read_one("hers")
    winner.read_one("his")
    fought = len(observer.said("availability"))
    for _ in range(15):
        loser.step()
        winner.step()
    until(lambda: observer.ids, winner.step)
    assert loser.box.outbox.count() == 1 and len(observer.said("availability")) <= fought + 2
    winner.publisher.stop()
    loser.step(300)
    until(lambda: len(observer.ids) == 2, loser.step)
    loser.publisher.stop()
    observer.close()


def test_the_time_said_is_the_boxs_own(station: Station, mosquitto: Mosquitto) -> None:
    observer = Observer(mosquitto.port)
    station.step()
    until(lambda: observer.said("health"))
    assert datetime.fromisoformat(json.loads(observer.said("health")[0])["at"]) == station.box.clock()
    observer.close()
