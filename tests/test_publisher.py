"""What the box says over MQTT, and when, told with a broker in memory."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.adapters.mqtt import Received
from appliance.core.messages import Topics
from appliance.errors import Code
from appliance.publisher import Manners, Publisher
from tests.fakes import FakeLink, SmallBox


class Station:
    """A small box with a publisher."""

    def __init__(self, folder: Path) -> None:
        self.box, self.link = SmallBox(folder), FakeLink()
        self.rescans = 0
        self.start()

    def start(self) -> None:
        manners = Manners(timedelta(seconds=60), timedelta(seconds=60), ("ping", "status", "rescan"))
        self.publisher = Publisher(
            self.box.ledger, self.box.outbox, self.box.vitals, self.link, Topics("box"), manners,
            lambda: {"version": "1"}, self._rescan,
        )  # fmt: skip

    def _rescan(self) -> None:
        self.rescans += 1

    def step(self, seconds: float = 1.0, times: int = 1) -> None:
        for _ in range(times):
            self.publisher.step(self.box.clock.tick(seconds))

    def read_one(self, name: str = "patient", text: str = "fine") -> None:
        self.box.drop(name, a=text)
        self.box.turn()

    def topics(self) -> list[str]:
        return [m.topic.removeprefix("lumbarbox/box/") for m in self.link.sent]

    def command(self, verb: str, payload: object, retained: bool = False) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.link.inbound.append(Received(f"lumbarbox/box/cmd/{verb}", data, retained))
        self.step()


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def test_after_a_connect_availability_is_said_last(station: Station) -> None:
    station.publisher.step(station.box.clock())
    said = station.topics()
    assert said[:2] == ["info", "health"] and said[-1] == "availability"
    assert station.link.sent[-1].payload == "online" and station.link.sent[-1].retain


def test_a_result_leaves_the_outbox_only_when_acknowledged(station: Station) -> None:
    station.link.acknowledging = False
    station.read_one()
    station.step(times=3)
    assert station.box.outbox.count() == 1
    station.link.up = False
    station.step(times=3)
    station.link.up, station.link.acknowledging = True, True
    station.step(times=8)
    assert station.box.outbox.count() == 0
    ids = [p["id"] for p in station.link.on("/result")]
    assert len(ids) == 2 and len(set(ids)) == 1, "sent twice, and recognisably the same"


def test_a_result_says_what_was_found_and_what_was_not_assessed(station: Station) -> None:
    station.read_one(text="partly")
    station.step(times=3)
    (sent,) = station.link.on("/result")
    assert sent["schema"] == "lumbarbox.result/1" and sent["outcome"] == "partly_read" and not sent["is_historical"]
    status = {(f["condition"], f["level"]): (f["status"], f["severity"], f["reason"]) for f in sent["findings"]}
    assert status["spinal_canal_stenosis", "l4_l5"] == ("graded", "severe", None)
    assert status["left_subarticular_stenosis", "l4_l5"] == ("not_assessed", None, "no_axial_t2")
    assert "not a diagnosis" in sent["notice"] and sent["models"][0]["sha256"]
    assert station.link.on("last_result") == [sent]


def test_a_result_delivered_late_is_marked_and_is_not_the_latest(station: Station) -> None:
    station.link.up = False
    station.read_one()
    station.step(times=5)
    assert [a.code for a in station.box.ledger.alarms()] == [Code.BROKER]
    station.box.clock.tick(3600)
    station.link.up = True
    station.step(times=3)
    assert [p["is_historical"] for p in station.link.on("/result")] == [True]
    assert station.link.on("last_result") == [] and station.box.ledger.alarms() == ()


def test_a_restart_forgets_no_result(station: Station) -> None:
    station.link.up = False
    station.read_one()
    station.step()
    station.box.restart()
    station.link = FakeLink()
    station.start()
    station.step(times=3)
    assert len(station.link.on("/result")) == 1


def test_the_states_of_a_study_are_told_in_order(station: Station) -> None:
    station.step()
    station.read_one()
    station.step()
    told = [p["state"] for p in station.link.on("/state")]
    assert told == ["received", "settling", "queued", "reading", "done"]


def test_alarms_are_raised_and_cleared(station: Station) -> None:
    station.box.ledger.raise_alarm("intake", "share_gone", "The share is gone.", "Mount it.", station.box.clock())
    station.step()
    (raised,) = station.link.on("alarm/share_gone")
    assert raised["action"] == "Mount it."
    station.box.ledger.clear_alarms("intake")
    station.step()
    last = [m for m in station.link.sent if m.topic.endswith("alarm/share_gone")][-1]
    assert last.payload == "" and last.retain


def test_an_alarm_left_at_the_broker_by_an_earlier_life_is_cleared_at_connect(station: Station) -> None:
    station.step()
    cleared = {m.topic.rsplit("/", 1)[-1] for m in station.link.sent if "/alarm/" in m.topic and m.payload == ""}
    assert {"share_gone", "no_space", "model_wrong", "fault", "broker"} <= cleared


def test_health_is_told_on_change_and_every_minute(station: Station) -> None:
    station.step(1, times=3)
    assert [p["status"] for p in station.link.on("/health")] == ["stopped"], "the models are not loaded yet"
    station.box.turn(1)
    station.step()
    assert [p["status"] for p in station.link.on("/health")] == ["stopped", "well"]
    station.step(61)
    assert len(station.link.on("/health")) == 3


@pytest.mark.parametrize(
    ("verb", "body", "words"),
    [
        ("ping", {"id": "1", "expires_at": "2026-03-02T07:00:00+00:00"}, "expired"),
        ("ping", {"id": "1", "expires_at": "2027-03-02T07:00:00"}, "time zone"),
        ("ping", b"\xff{", "malformed"),
        ("ping", b"[1, 2]", "malformed"),
        ("ping", b"[" * 100_000, "malformed"),
        ("format_disk", {"id": "1", "expires_at": "2027-03-02T07:00:00+00:00"}, "not allowed"),
    ],
)
def test_commands_that_are_refused_with_a_reason(station: Station, verb: str, body: object, words: str) -> None:
    station.step()
    station.command(verb, body)
    (answer,) = station.link.on(f"rsp/{verb}")
    assert not answer["ok"] and words in answer["reason"]


def test_commands_that_are_obeyed(station: Station) -> None:
    station.step()
    good = {"id": "q1", "expires_at": "2027-03-02T07:00:00+00:00"}
    for verb in ("ping", "status", "rescan"):
        station.command(verb, good)
        (answer,) = station.link.on(f"rsp/{verb}")
        assert answer["ok"] and answer["id"] == "q1"
    assert station.rescans == 1
    assert station.link.on("rsp/status")[0]["health"]["queue"] == 0


def test_a_retained_command_is_not_obeyed_again_and_again(station: Station) -> None:
    station.step()
    station.command("ping", {"id": "1", "expires_at": "2027-03-02T07:00:00+00:00"}, retained=True)
    assert station.link.on("rsp/ping") == []


def test_stopping_says_stopped(station: Station) -> None:
    station.step()
    station.publisher.stop()
    assert station.link.sent[-1].payload == "stopped"


def test_retries_grow_slower_and_end_never(station: Station) -> None:
    station.link.up = False
    tries = 0

    def connect(subscribe: str = "") -> None:
        nonlocal tries
        tries += 1
        FakeLink.connect(station.link, subscribe)

    station.link.connect = connect  # type: ignore[method-assign]
    station.step(1, times=600)
    assert 10 <= tries <= 20
