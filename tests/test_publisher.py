"""What the box says over MQTT, and when, told with a broker in memory."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance import publisher
from appliance.core.health import ALARM_CODES, HostFacts
from appliance.errors import Code, DeliveryError
from appliance.publisher import TAKEN_RETRY
from tests.fakes import FakeLink, SmallBox


class Station:
    """A small box with a publisher."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.box, self.link, self.options = SmallBox(folder), FakeLink(), options
        self.start()

    def start(self, **options: Any) -> None:
        self.options |= options
        self.publisher = self.box.publisher(self.link, **self.options)

    def step(self, seconds: float = 1.0, times: int = 1) -> None:
        for _ in range(times):
            self.publisher.step(self.box.clock.tick(seconds))

    def read_one(self, name: str = "patient", text: str = "fine") -> None:
        self.box.drop(name, a=text)
        self.box.turn()

    def topics(self) -> list[str]:
        return [m.topic.removeprefix("lumbarbox/box/") for m in self.link.sent]

    def last(self, ending: str) -> Any:
        """The last payload on a topic, as it is."""
        return [m for m in self.link.sent if m.topic.endswith(ending)][-1]


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
    assert sent["worst"] == "severe" and sent["runtime"]["device"] == "CPU" and sent["clock_synced"] is True
    assert station.link.on("last_result") == [sent]


def test_the_clock_is_judged_when_the_study_was_read_not_when_it_was_sent(station: Station) -> None:
    station.box.host.value = HostFacts(50_000, 100_000, 900, 8_000, 0.4, None, False)
    station.read_one()
    station.box.host.value = HostFacts(50_000, 100_000, 900, 8_000, 0.4, None, True)
    station.step(times=3)
    assert station.link.on("/result")[0]["clock_synced"] is False


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


def test_a_result_put_while_the_publisher_turns_is_new(station: Station) -> None:
    station.read_one()
    put_at = station.box.outbox.oldest(1)[0].put_at
    station.step((put_at - station.box.clock()).total_seconds() - 0.4)
    station.step(0)
    assert [p["is_historical"] for p in station.link.on("/result")] == [False]
    assert len(station.link.on("last_result")) == 1


def test_a_result_from_before_the_clock_went_back_is_not_shown_as_new(station: Station) -> None:
    station.read_one()
    station.step(-7 * 86_400)
    station.step()
    assert [p["is_historical"] for p in station.link.on("/result")] == [True]


def test_a_clock_put_right_by_years_stops_neither_retries_nor_health(station: Station) -> None:
    station.link.up = False
    station.step(times=10)
    station.link.up = True
    station.step(-20 * 365 * 86_400)
    assert station.topics()[-1] == "availability"
    told = len(station.link.on("/health"))
    station.step(-3 * 86_400)
    assert len(station.link.on("/health")) == told + 1


def test_what_was_read_just_now_goes_before_what_is_old(station: Station) -> None:
    station.link.up = False
    for number in range(30):
        station.box.outbox.put(f"old{number}", f"s{number}", {"id": f"old{number}", "rid": "x"}, station.box.clock())
    station.step(3600)
    station.read_one("new", "fine and new")
    newest = station.box.outbox.oldest(99)[-1].id
    station.link.up = True
    station.step(times=10)
    sent = [p["id"] for p in station.link.on("/result")]
    assert sent[0] == newest and len(sent) == 31


def test_the_order_of_one_study_is_kept_one_at_a_time(station: Station) -> None:
    station.link.acknowledging = False
    now = station.box.clock()
    for number in range(3):
        station.box.outbox.put(f"r{number}", "one study", {"id": f"r{number}", "rid": "x"}, now)
    station.step(times=3)
    assert [p["id"] for p in station.link.on("/result")] == ["r0"]
    station.link.up = False
    station.step(times=3)
    station.link.up = station.link.acknowledging = True
    station.step(times=9)
    assert [p["id"] for p in station.link.on("/result")] == ["r0", "r0", "r1", "r2"]


def test_few_are_on_the_way_at_once_and_late_ones_no_faster_than_wished(station: Station) -> None:
    station.start(replay_per_second=5)
    station.link.acknowledging = False
    for number in range(50):
        station.box.outbox.put(f"r{number}", f"s{number}", {"id": f"r{number}", "rid": "x"}, station.box.clock())
    station.step(3600)
    assert len(station.link.on("/result")) == 5
    station.step(times=20)
    assert len(station.link.on("/result")) == 20, "twenty unacknowledged are the most"


def test_a_result_the_broker_refuses_stays_and_lets_the_others_go(station: Station) -> None:
    station.read_one("first", "fine 1")
    station.read_one("second", "fine 2")
    first, second = (job.id for job in reversed(station.box.ledger.newest(2)))
    station.link.refusing = f"{first}/result"
    station.step(times=4)
    assert [w.body["rid"] for w in station.box.outbox.oldest(9)] == [first]
    assert [p["rid"] for p in station.link.on("/result")].count(second) == 1
    assert [a.code for a in station.box.ledger.alarms()] == [Code.BROKER]
    station.link.refusing = "nothing"
    station.step(60, times=12)
    assert station.box.outbox.count() == 0 and station.box.ledger.alarms() == ()


def test_a_restart_forgets_no_result_and_says_the_last_one_again(station: Station) -> None:
    station.read_one("one", "fine 1")
    station.step(times=3)
    (live,) = station.link.on("last_result")
    station.link.up = False
    station.read_one("two", "fine 2")
    station.step()
    station.box.restart()
    station.link = FakeLink()
    station.box.clock.tick(3600)
    station.start()
    station.step(times=3)
    assert [p["is_historical"] for p in station.link.on("/result")] == [True]
    assert station.link.on("last_result") == [live], "a broker that lost its memory is told again"


def test_the_states_of_a_study_are_told_in_order(station: Station) -> None:
    station.step()
    station.read_one()
    station.step()
    told = [p["state"] for p in station.link.on("/state")]
    assert told == ["received", "settling", "queued", "reading", "done"]


def test_after_an_outage_only_the_newest_states_are_told_but_every_result(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "MOST_STATES", 6)
    station.link.up = False
    station.step()
    for number in range(3):
        station.read_one(f"s{number}", f"fine {number}")
    station.link.up = True
    station.step(120, times=10)
    assert len(station.link.on("/state")) == 6 and len(station.link.on("/result")) == 3


def test_alarms_are_raised_and_cleared(station: Station) -> None:
    station.box.ledger.raise_alarm("intake", "share_gone", "The share is gone.", "Mount it.", station.box.clock())
    station.step()
    (raised,) = station.link.on("alarm/share_gone")
    assert raised["code"] == "share_gone" and "mount" in raised["action"]
    station.box.ledger.clear_alarms("intake")
    station.step()
    last = station.last("alarm/share_gone")
    assert last.payload == "" and last.retain


def test_an_alarm_left_at_the_broker_by_an_earlier_life_is_cleared_at_connect(station: Station) -> None:
    station.step()
    cleared = {m.topic.rsplit("/", 1)[-1] for m in station.link.sent if "/alarm/" in m.topic and m.payload == ""}
    assert cleared == ALARM_CODES


def test_health_is_told_on_change_and_every_minute(station: Station) -> None:
    station.step(1, times=3)
    assert [p["status"] for p in station.link.on("/health")] == ["stopped"], "the models are not loaded yet"
    station.box.turn(1)
    station.step()
    assert [p["status"] for p in station.link.on("/health")] == ["stopped", "well"]
    station.step(61)
    assert len(station.link.on("/health")) == 3
    station.box.host.value = HostFacts(50_000, 100_000, 900, 8_000, 0.4, None, False)
    station.step()
    assert station.link.on("/health")[-1]["clock_synced"] is False


def test_health_says_since_when_results_wait(station: Station) -> None:
    station.link.acknowledging = False
    station.read_one()
    station.step(times=2)
    told = station.link.on("/health")[-1]
    assert told["outbox"] == 1 and told["outbox_oldest_at"].startswith("2026-03-02")


def test_stopping_says_stopped(station: Station) -> None:
    station.step()
    station.publisher.stop()
    assert station.link.sent[-1].payload == "stopped"


def test_stopping_notes_what_the_broker_has_just_acknowledged(station: Station) -> None:
    station.read_one()
    station.step()
    assert station.link.on("/result") and station.box.outbox.count() == 1
    station.publisher.stop()
    assert station.box.outbox.count() == 0
    assert [m.topic.rsplit("/", 1)[-1] for m in station.link.sent[-2:]] == ["last_result", "availability"]


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


def test_two_boxes_of_one_name_raise_an_alarm_and_do_not_fight(station: Station) -> None:
    station.step()
    taken = DeliveryError(Code.CLIENT_ID_TAKEN, "Another client connects as lumbarbox-box.", "Name it differently.")
    pump, connects = station.link.pump, 0

    def thrown_out(seconds: float) -> None:
        station.link.connected = False
        raise taken

    def connect(subscribe: str = "") -> None:
        nonlocal connects
        connects += 1
        FakeLink.connect(station.link, subscribe)

    station.link.pump, station.link.connect = thrown_out, connect  # type: ignore[method-assign]
    station.step(times=int(TAKEN_RETRY.total_seconds()) - 5)
    assert connects == 0 and [a.code for a in station.box.ledger.alarms()] == [Code.CLIENT_ID_TAKEN]
    station.link.pump = pump  # type: ignore[method-assign]
    station.step(times=20)
    assert connects == 1 and station.box.ledger.alarms(), "the alarm stays until the connection has held for a while"
    assert station.link.on("alarm/client_id_taken")
    station.step(times=60)
    assert station.box.ledger.alarms() == ()


def test_a_mistake_in_the_publisher_drops_the_connection_so_that_the_will_speaks(station: Station) -> None:
    station.step()
    station.publisher.fault(ZeroDivisionError(), station.box.clock())
    assert not station.link.connected and station.link.sent[-1].payload != "stopped"
    assert [a.code for a in station.box.ledger.alarms()] == [Code.FAULT]
    station.step(5)
    assert station.link.sent[-1].payload == "online" and station.box.ledger.alarms() == ()


def test_home_assistant_knows_the_box_as_one_device_until_it_is_switched_off(station: Station) -> None:
    topic = "homeassistant/device/lumbarbox/box/config"
    station.step()
    assert not [m for m in station.link.sent if m.topic == topic]
    station.start(home_assistant="homeassistant")
    station.link.drop()
    station.step(5, times=3)
    announced = json.loads(station.last(topic).payload)
    parts = announced["components"]
    assert {"severity", "queue", "status", "alarms", "problem"} <= parts.keys() and announced["origin"]["name"]
    assert len({part["unique_id"] for part in parts.values()}) == len(parts)
    station.start(home_assistant="")
    station.link.drop()
    station.step(5, times=3)
    assert station.last(topic).payload == "" and station.last(topic).retain
    removals = len([m for m in station.link.sent if m.topic == topic])
    station.link.drop()
    station.step(5, times=3)
    assert len([m for m in station.link.sent if m.topic == topic]) == removals, "removed once"


def test_waiting_is_not_measured_in_threads(station: Station) -> None:
    """A step with nothing to say sends nothing, however often it comes."""
    station.step(times=3)
    before = len(station.link.sent)
    for _ in range(50):
        station.publisher.step(station.box.clock() + timedelta(milliseconds=1))
    assert len(station.link.sent) == before
