"""Results through a storm: `python -m benchmarks.mqtt_storm [--results N]`.

A box process and a real Mosquitto, TLS and password between them, a wire that can be cut, and an observer at the broker.
While the box produces and publishes, the broker is stopped, killed, frozen, started empty, started with an expired
certificate and with other passwords, the wire is cut in mid-packet and goes silent, and the box is killed. Counted: what
arrived, what did not, what arrived twice.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appliance.adapters.broker import free_port
from benchmarks.results import Table, save
from tests.mqtt_lab import HOST, Mosquitto, Observer, Wire, certificates, until

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Storm:
    """One box, one broker, one observer. `events` are called by name."""

    folder: Path
    count: int
    pace: float
    """Results per second the box produces."""
    seed: int = 1
    keepalive: int = 5
    """Seconds; frozen and silent last one and a half of it."""
    passed: Counter[str] = field(default_factory=Counter)
    """Events by name."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.papers = certificates(_made(self.folder / "certificates"))
        for name, password in (("right", "box:secret"), ("other", "box:changed")):
            (self.folder / name).write_text(f"{password}\n")
            subprocess.run(["mosquitto_passwd", "-U", str(self.folder / name)], check=True, capture_output=True)
        self.inside = free_port(HOST)
        self.broker = Mosquitto(
            self.folder / "broker",
            self._settings(),
            "per_listener_settings true\nmax_inflight_messages 0\nmax_queued_messages 0\npersistence true\n"
            f"persistence_location {self.folder / 'broker'}/\nautosave_interval 1\nautosave_on_changes true",
        ).start()
        self.wire = Wire(self.broker.port)
        self.observer = Observer(self.inside, "lumbarbox/#", "observer")
        self.box: subprocess.Popen[bytes] | None = None
        self.start_box()

    def _settings(self, certificate: str = "good", passwords: str = "right") -> str:
        own = self.papers[certificate]
        return (
            f"allow_anonymous false\npassword_file {self.folder / passwords}\n"
            f"certfile {own}\nkeyfile {own.with_suffix('.key')}\n"
            f"listener {self.inside} {HOST}\nallow_anonymous true\n"
        )

    def start_box(self) -> None:
        address = {
            "host": HOST, "port": self.wire.port, "client_id": "lumbarbox-box", "username": "box",
            "password": "secret", "keepalive": self.keepalive, "tls": {"ca_file": str(self.papers["ca"])},
        }  # fmt: skip
        words = [str(self.folder / "box"), str(self.count), str(self.pace), json.dumps(address)]
        with (self.folder / "box.log").open("ab") as log:
            self.box = subprocess.Popen([sys.executable, "-m", "tests.mqtt_box", *words], cwd=ROOT, stderr=log)

    @property
    def events(self) -> dict[str, Callable[[], None]]:
        return {
            "broker stopped": lambda: self._restart(self.broker.stop),
            "broker killed": lambda: self._restart(self.broker.kill),
            "broker emptied": lambda: self._restart(self.broker.empty),
            "broker frozen": self._freeze,
            "certificate expired": lambda: self._misconfigured("expired", "right"),
            "password wrong": lambda: self._misconfigured("good", "other"),
            "wire cut in mid-packet": self._cut,
            "wire silent": self._silence,
            "box killed": self._kill_box,
        }

    def happen(self, name: str) -> None:
        self.events[name]()
        self.passed[name] += 1

    def run(self, pause: float) -> None:
        """Every event once, then any, until all is produced; then calm until all has arrived."""
        noted = self.folder / "box" / "noted"
        order = itertools.chain(self.random.sample(sorted(self.events), len(self.events)), self._any())
        for name in order:
            if len(self.passed) == len(self.events) and noted.exists() and int(noted.read_text()) >= self.count:
                break
            self.happen(name)
            time.sleep(pause * self.random.uniform(0.5, 1.5))
        until(lambda: len(self.observer.ids) >= self.count, lambda: time.sleep(0.1), 120)
        until(lambda: (self.observer.said("availability") or [""])[-1] == "online", seconds=30)

    def close(self) -> None:
        if self.box is not None:
            self.box.terminate()
            self.box.wait(10)
        self.observer.close()
        self.wire.close()
        self.broker.stop()

    def _any(self) -> Iterator[str]:
        while True:
            yield self.random.choice(sorted(self.events))

    def _restart(self, end: Callable[[], None]) -> None:
        """The observer is back before the box: what the broker acknowledged with nobody there would be nobody's.

        And it has all that was acknowledged before the broker ends: what that has not yet passed on dies with it.
        """
        self.wire.open = False
        self.wire.cut()
        self._observer_has_all()
        end()
        time.sleep(self.random.uniform(0.2, 1.0))
        self.observer.subscribed.clear()
        self.broker.start()
        assert self.observer.subscribed.wait(15)
        self.wire.open = True

    def _observer_has_all(self) -> None:
        """Nothing new for a third of a second, the box being cut off."""
        seen = -1
        while seen < len(self.observer.messages):
            seen = len(self.observer.messages)
            time.sleep(0.3)

    def _misconfigured(self, certificate: str, passwords: str) -> None:
        self.broker.configure(self._settings(certificate, passwords))
        self._restart(self.broker.stop)
        time.sleep(self.keepalive / 2)
        self.broker.configure(self._settings())
        self._restart(self.broker.stop)

    def _freeze(self) -> None:
        self.broker.freeze()
        time.sleep(self.keepalive * 1.5)
        self.broker.thaw()

    def _cut(self) -> None:
        """Somewhere in the next results, most probably inside one."""
        cuts = self.wire.cuts
        self.wire.cut_after = self.random.randrange(1, 20_000)
        end = time.monotonic() + 5
        while self.wire.cuts == cuts and time.monotonic() < end:
            time.sleep(0.01)
        self.wire.cut_after = None

    def _silence(self) -> None:
        """Connections stay open and nothing passes: a router that forgot them."""
        self.wire.silent = True
        time.sleep(self.keepalive * 1.5)
        self.wire.silent = False
        self.wire.cut()

    def _kill_box(self) -> None:
        assert self.box is not None
        self.box.send_signal(signal.SIGKILL)
        self.box.wait(10)
        self.start_box()


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def table(storm: Storm, seconds: float) -> Table:
    ids, expected = storm.observer.ids, {f"r{n:06d}.1" for n in range(storm.count)}
    events = ", ".join(f"{count} × {name}" for name, count in sorted(storm.passed.items()))
    rows = (
        ("results produced", f"{storm.count}"),
        ("results that arrived", f"{len(expected & ids.keys())}"),
        ("results missing", f"{len(expected - ids.keys())}"),
        ("ids that nobody produced", f"{len(ids.keys() - expected)}"),
        ("messages that came twice or more, with the same id", f"{sum(ids.values()) - len(ids)}"),
        ("seconds", f"{seconds:.0f}"),
        ("what happened meanwhile", events),
    )
    where = "synthetic results of 25 findings; Mosquitto of Debian on the loopback, TLS and password"
    return Table("Results through a storm", where, "python -m benchmarks.mqtt_storm", ("what", "measured"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, default=10_000)
    parser.add_argument("--pace", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        storm = Storm(Path(folder), args.results, args.pace, args.seed)
        started = time.monotonic()
        try:
            storm.run(3.0)
        finally:
            storm.close()
        made = table(storm, time.monotonic() - started)
    for what, measured in made.rows:
        print(f"{what:52} {measured}")
    save("mqtt_storm", [made])


if __name__ == "__main__":
    main()
