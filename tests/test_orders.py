"""Commands over MQTT: what is obeyed, what is refused, and how it is answered."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.core.commands import VERBS
from appliance.core.messages import Received
from appliance.errors import Code, ModelError
from tests.fakes import FakeLink, SmallBox


class Desk:
    """Somebody who sends commands to a small box."""

    def __init__(self, folder: Path, allowed: tuple[str, ...] = tuple(VERBS)) -> None:
        self.box, self.link, self.rescans = SmallBox(folder), FakeLink(), 0
        self.publisher = self.box.publisher(self.link, commands=allowed, rescan=self._rescan)
        self.publisher.step(self.box.clock())

    def _rescan(self) -> None:
        self.rescans += 1

    def send(self, verb: str, payload: object = None, *, retained: bool = False, **more: Any) -> dict[str, Any]:
        """The answer, or nothing when there is none yet."""
        if payload is None:
            payload = {"id": "q1", "expires_at": (self.box.clock() + timedelta(minutes=1)).isoformat()} | more
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.link.inbound.append(Received(f"lumbarbox/box/cmd/{verb}", data, retained))
        self.publisher.step(self.box.clock.tick())
        return self.answer(verb)

    def answer(self, verb: str) -> dict[str, Any]:
        return (self.link.on(f"rsp/{verb}") or [{}])[-1]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


LATER = "2027-03-02T07:00:00+00:00"


@pytest.mark.parametrize(
    ("verb", "body", "words"),
    [
        ("ping", {"id": "1", "expires_at": "2026-03-02T07:00:00+00:00"}, "expired"),
        ("ping", {"id": "1", "expires_at": "2027-03-02T07:00:00"}, "time zone"),
        ("ping", {"id": "1", "expires_at": "tomorrow"}, "malformed"),
        ("ping", {"id": "1"}, "malformed"),
        ("ping", {"expires_at": LATER}, "malformed"),
        ("ping", {"id": {"a": 1}, "expires_at": LATER}, "malformed"),
        ("ping", {"id": "x" * 65, "expires_at": LATER}, "malformed"),
        ("ping", b"", "malformed"),
        ("ping", b"\xff{", "malformed"),
        ("ping", b"[1, 2]", "malformed"),
        ("ping", b"[" * 100_000, "malformed"),
        ("ping", b'{"id": "1", "expires_at": "' + LATER.encode() + b'", "pad": "' + b"x" * 5000 + b'"}', "malformed"),
        ("format_disk", {"id": "1", "expires_at": LATER}, "not allowed"),
        ("retry", {"id": "1", "expires_at": LATER}, "rid"),
        ("read_now", {"id": "1", "expires_at": LATER, "rid": 7}, "rid"),
        ("retry", {"id": "1", "expires_at": LATER, "rid": "nobody"}, "no such study"),
    ],
)
def test_commands_that_are_refused_with_a_reason(desk: Desk, verb: str, body: object, words: str) -> None:
    answer = desk.send(verb, body)
    assert not answer["ok"] and words in answer["reason"] and answer["at"]
    if isinstance(body, dict) and body.get("id") == "1":
        assert answer["id"] == "1", "even a refusal can be matched with its request"


def test_a_retained_command_is_refused_and_never_obeyed(desk: Desk) -> None:
    answer = desk.send("pause", retained=True)
    assert not answer["ok"] and "retained" in answer["reason"] and not desk.box.ledger.fact("paused")


def test_only_what_the_configuration_allows_is_obeyed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ("ping",))
    assert desk.send("ping")["ok"]
    refused = desk.send("pause")
    assert not refused["ok"] and "allowed: ping" in refused["reason"] and not desk.box.ledger.fact("paused")


def test_a_strangers_word_does_not_become_a_topic(desk: Desk) -> None:
    for verb in ("PING/..", "x" * 300, "é", ""):
        desk.send(verb.split("/", maxsplit=1)[0])
    topics = {m.topic for m in desk.link.sent if "/rsp/" in m.topic}
    assert topics == {"lumbarbox/box/rsp/unknown"}


def test_ping_status_and_rescan(desk: Desk) -> None:
    assert desk.send("ping")["ok"] and desk.send("ping")["id"] == "q1"
    assert desk.send("status")["health"]["queue"] == 0
    assert desk.send("rescan")["ok"] and desk.rescans == 1


def test_a_request_that_comes_twice_is_carried_out_once_and_answered_twice(desk: Desk) -> None:
    request = {"id": "1", "expires_at": LATER}
    desk.send("rescan", request)
    desk.send("rescan", request)
    assert desk.rescans == 1 and len(desk.link.on("rsp/rescan")) == 2
    desk.send("rescan", request | {"id": "2"})
    assert desk.rescans == 2


def test_paused_nothing_is_read_until_resumed_not_even_after_a_restart(desk: Desk) -> None:
    assert desk.send("pause")["ok"]
    desk.box.drop("patient", a="fine")
    desk.box.turn()
    assert desk.box.states() == {"patient": "queued"}
    health = desk.send("status")["health"]
    assert health["paused"] and health["status"] == "degraded" and "paused" in health["reasons"][0]
    desk.box.restart()
    desk.box.turn()
    assert desk.box.states() == {"patient": "queued"}
    desk = _again(desk)
    assert desk.send("resume")["ok"]
    desk.box.turn()
    assert desk.box.states() == {"patient": "done"}


def _again(desk: Desk) -> Desk:
    desk.publisher = desk.box.publisher(desk.link)
    return desk


def test_read_now_lets_one_study_go_first(desk: Desk) -> None:
    desk.send("pause")
    for name in ("first", "second", "third"):
        desk.box.drop(name, a=f"fine {name}")
    desk.box.turn()
    waiting = {job.name: job.id for job in desk.box.ledger.newest(9)}
    answer = desk.send("read_now", rid=waiting["third"])
    assert answer["ok"] and answer["rid"] == waiting["third"]
    desk.send("resume")
    desk.box.turn()
    assert desk.box.reader.seen == ["fine third", "fine first", "fine second"]
    refused = desk.send("read_now", rid=waiting["third"])
    assert not refused["ok"] and "it is done" in refused["reason"]


def test_read_now_waits_for_no_further_series(desk: Desk) -> None:
    desk.box.drop("patient", a="fine")
    desk.box.turn(1)
    (job,) = desk.box.ledger.newest(1)
    answer = desk.send("read_now", rid=job.id)
    assert answer["ok"] and answer["state"] in ("received", "settling")
    desk.box.turn()
    assert desk.box.states() == {"patient": "done"}


def test_retry_tries_a_failed_study_again(desk: Desk) -> None:
    desk.box.drop("Doe^Jane", a="corrupt")
    desk.box.turn()
    (job,) = desk.box.ledger.newest(1)
    answer = desk.send("retry", rid=job.id)
    assert answer["ok"] and answer["state"] == "received"
    desk.box.turn()
    assert len(desk.box.reader.seen) == 2
    assert "Doe" not in "".join(m.payload for m in desk.link.sent)


def test_a_selftest_is_answered_when_it_is_done(desk: Desk) -> None:
    assert desk.send("selftest") == {}
    desk.publisher.step(desk.box.clock.tick())
    assert desk.answer("selftest") == {}, "the reader has not come round yet"
    desk.box.worker.step(desk.box.clock.tick())
    desk.publisher.step(desk.box.clock.tick())
    assert desk.answer("selftest")["ok"] and desk.answer("selftest")["id"] == "q1"


def test_a_selftest_that_fails_says_so_and_the_box_is_not_ready(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def garbage() -> None:
        raise ModelError(Code.MODEL_WRONG, "The built-in study reads differently.", "")

    monkeypatch.setattr(desk.box.reader, "prepare", garbage)
    desk.send("selftest")
    desk.box.worker.step(desk.box.clock.tick())
    desk.publisher.step(desk.box.clock.tick())
    answer = desk.answer("selftest")
    assert not answer["ok"] and "not read as it should" in answer["reason"]
    assert desk.send("status")["health"]["status"] == "stopped"


def test_a_selftest_nobody_does_is_answered_when_it_expires(desk: Desk) -> None:
    desk.send("selftest")
    desk.publisher.step(desk.box.clock.tick(120))
    answer = desk.answer("selftest")
    assert not answer["ok"] and "not done in time" in answer["reason"]
