"""The examples, as somebody would use them: the wall in a real browser at a real Mosquitto, the one-liner as printed."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.adapters.broker import free_port
from appliance.adapters.mqtt import Address, MqttLink
from appliance.core.messages import OFFLINE, Topics, availability
from tests.fakes import MORNING, SmallBox
from tests.mqtt_lab import HOST, Mosquitto, needs_mosquitto, result, until
from tests.web.browser import CHROMIUM, Browser

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
pytestmark = needs_mosquitto


class Clinic:
    """A Mosquitto with a WebSocket listener, and boxes at it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.pages = folder, free_port(HOST)
        web = f"allow_anonymous true\nlistener {self.pages} {HOST}\nprotocol websockets"
        self.broker = Mosquitto(folder / "broker", web).start()
        self.boxes: dict[str, tuple[SmallBox, Any]] = {}

    def box(self, node: str) -> SmallBox:
        small = SmallBox(self.folder / node)
        link = MqttLink(Address(HOST, self.broker.port, node), availability(Topics(node), OFFLINE))
        self.boxes[node] = (small, small.publisher(link, node=node))
        return small

    def step(self) -> None:
        for small, publisher in self.boxes.values():
            publisher.step(small.clock.tick())

    def close(self) -> None:
        for _, publisher in self.boxes.values():
            publisher.stop()
        self.broker.stop()


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    made = Clinic(tmp_path)
    yield made
    made.close()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_the_wall_shows_boxes_results_and_alarms_live(tmp_path: Path, clinic: Clinic) -> None:
    north, south = clinic.box("north"), clinic.box("south")
    for small in (north, south):
        small.turn(1)
    clinic.step()
    page = Browser(tmp_path / "profile")
    page.go(f"file://{EXAMPLES}/wall/index.html?broker=ws://{HOST}:{clinic.pages}")
    page.until_text("connected (")
    page.until_text("south")
    north.drop("Doe^Jane", a="fine")
    north.turn()
    body = result(1, "south") | {"rid": "<b>x", "alerts": [{"code": "c", "message": "<img src=x>", "level": None}]}
    south.outbox.put("late", "late", body | {"id": "late"}, MORNING - timedelta(days=3))
    south.ledger.raise_alarm("intake", "share_gone", "gone", "mount", south.clock())
    until(lambda: not (north.outbox.count() or south.outbox.count()), clinic.step)
    clinic.step()
    page.until("document.querySelectorAll('.result').length === 2")
    said = page.text()
    assert "severe" in said and "delivered late" in said and "The share is gone." in said and "not a diagnosis" in said
    assert "<img src=x>" in said and page.run("document.images.length") == 0, "what is received stays text"
    assert "Doe" not in said
    clinic.boxes["south"][1]._link.drop()
    page.until("document.querySelector('.box[data-node=south]').className.includes('offline')")
    picture = tmp_path / "wall.png"
    page.picture(picture)
    assert picture.stat().st_size > 10_000
    assert not page.errors(), page.errors()
    asked = [url for url in page.requested() if not url.startswith(("file://", "data:", "chrome"))]
    assert not asked
    clinic.broker.stop()
    page.until_text("trying again")
    clinic.broker.start()
    page.until_text("connected (")
    page.close()


def test_the_one_liner_prints_a_result(clinic: Clinic) -> None:
    small = clinic.box("north")
    clinic.step()
    line = re.search(r"^mosquitto_sub .*-v$", (EXAMPLES / "README.md").read_text("utf-8"), re.MULTILINE)
    assert line
    words = shlex.split(line[0])
    for flag in ("-h", "-p", "-u", "-P", "--capath"):
        del words[words.index(flag) : words.index(flag) + 2]
    words += ["-h", HOST, "-p", str(clinic.broker.port), "-C", "1", "-W", "20"]
    listening = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    numbers = itertools.count()

    def read_another() -> None:
        small.drop(f"patient {next(numbers)}", a=f"fine {next(numbers)}")
        small.turn()
        clinic.step()

    until(lambda: listening.poll() is not None, read_another)
    assert listening.stdout and re.match(r"lumbarbox/north/study/job\d+/result \{", listening.stdout.read())
