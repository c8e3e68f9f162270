"""The supervisor: a publisher whose thread died or hangs is replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.loops import Loop
from appliance.publishing import LOOKS, STUCK, Publishing
from tests.fakes import Clock, FakeLink, SmallBox
from tests.mqtt_lab import until


class Network:
    """Links made one after another; `made` are all of them."""

    def __init__(self, folder: Path) -> None:
        self.box, self.made, self.clock = SmallBox(folder), [], Clock()
        self.publishing = Publishing(self._publisher, self.clock)

    def _publisher(self) -> Any:
        self.made: list[FakeLink] = [*self.made, FakeLink()]
        return self.box.publisher(self.made[-1])


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made = Network(tmp_path)
    until(lambda: made.made[-1].sent and made.made[-1].sent[-1].payload == "online")
    yield made
    made.publishing.stop(5)


def test_a_thread_that_died_is_started_again(network: Network) -> None:
    (link,) = network.made

    def die(seconds: float) -> None:
        del link.pump  # type: ignore[method-assign]
        raise SystemExit

    link.pump = die  # type: ignore[method-assign]
    until(lambda: "pump" not in vars(link))
    until(lambda: not network.publishing.loop.is_well())
    network.publishing.supervise()
    assert network.publishing.loop.is_well()
    network.box.ledger.raise_alarm("intake", "share_gone", "", "", network.clock())
    network.clock.tick(5)
    until(lambda: link.on("alarm/share_gone"))


def test_one_that_hangs_is_left_behind_and_never_speaks_again(network: Network) -> None:
    (link,), hanging, loose = network.made, threading.Event(), threading.Event()
    link.pump = lambda seconds: (hanging.set(), loose.wait(20))  # type: ignore[method-assign,assignment]
    assert hanging.wait(5)
    before = len(link.sent)
    network.clock.tick(STUCK.total_seconds() + 1)
    for _ in range(LOOKS):
        assert len(network.made) == 1
        network.publishing.supervise()
    until(lambda: len(network.made) == 2 and network.made[1].connected)
    loose.set()
    network.box.drop("patient", a="fine")
    network.box.turn()
    until(lambda: network.made[1].on("/result"))
    assert len(link.sent) == before and not link.connected


def test_a_clock_that_was_put_right_is_not_taken_for_a_hang(network: Network) -> None:
    network.clock.tick(365 * 86_400)
    network.publishing.supervise()
    until(lambda: network.publishing.loop.silent_for() == timedelta(0))
    network.publishing.supervise()
    assert len(network.made) == 1


def test_stopping_says_stopped_and_starts_nothing_again(network: Network) -> None:
    network.publishing.stop(5)
    assert network.made[0].sent[-1].payload == "stopped"
    network.publishing.supervise()
    assert not network.publishing.loop.revive()


def test_any_loop_comes_back_when_its_thread_died() -> None:
    class Mortal:
        name, rounds = "mortal", 0

        def step(self, now: datetime) -> bool:
            self.rounds += 1
            if self.rounds == 1:
                raise SystemExit
            return False

        def fault(self, exc: Exception, now: datetime) -> None: ...

    part = Mortal()
    loop = Loop(part, Clock(), 0.01)
    loop.start()
    until(loop.revive)
    until(lambda: part.rounds > 1)
    assert loop.stop(5)
