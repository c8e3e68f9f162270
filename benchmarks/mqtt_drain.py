"""How fast results that waited out an outage leave the box, and what memory that takes: `python -m benchmarks.mqtt_drain`.

The outbox of a box process is filled, then a real Mosquitto is started. Counted from the first result that arrives at an
observer to the last, over TLS with a password and without; memory is the box process's own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from appliance.adapters.outbox import Outbox
from benchmarks.results import Table, save
from tests.fakes import SmallBox
from tests.mqtt_lab import HOST, Mosquitto, Observer, certificates, result, until

ROOT = Path(__file__).resolve().parents[1]
MIB = 1 << 20


class Counting(Observer):
    """Notes only when the first and the newest came."""

    first = last = 0.0

    def _note(self, client: object, userdata: object, message: object) -> None:
        if str(getattr(message, "topic", "")).endswith("/result"):
            self.last = time.monotonic()
            self.first = self.first or self.last
            self.ids[json.loads(message.payload)["id"]] += 1  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Drained:
    results: int
    seconds: float
    repeated: int
    before_mb: float
    peak_mb: float

    @property
    def rate(self) -> float:
        return self.results / self.seconds


def drain(folder: Path, count: int, tls: bool) -> Drained:
    """One outage of `count` results, and what came after it."""
    box = folder / "box"
    SmallBox(box)
    _fill(box / "outbox.db", count)
    broker = _broker(folder, tls)
    address = {"host": HOST, "port": broker.port, "client_id": "lumbarbox-box", "username": "box", "password": "secret"}
    if tls:
        address |= {"tls": {"ca_file": str(folder / "ca.crt")}}
    with (folder / "box.log").open("wb") as log:
        words = [str(box), "0", "1", json.dumps(address)]
        process = subprocess.Popen([sys.executable, "-m", "tests.mqtt_box", *words], cwd=ROOT, stderr=log)
    try:
        time.sleep(3)
        memory = Memory(process.pid)
        observer = _observe(broker)
        until(lambda: len(observer.ids) >= count, lambda: time.sleep(0.1), 300)
        time.sleep(1)
        memory.stop()
    finally:
        process.terminate()
        process.wait(10)
    observer.close()
    broker.stop()
    repeated = sum(observer.ids.values()) - count
    return Drained(count, observer.last - observer.first, repeated, memory.first / MIB, memory.peak / MIB)


class Memory:
    """The resident memory of a process, looked at all the time."""

    def __init__(self, pid: int) -> None:
        self._process, self._ending = psutil.Process(pid), threading.Event()
        self.first = self.peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ending.wait(0.05):
            self.peak = max(self.peak, self._process.memory_info().rss)


def _fill(path: Path, count: int) -> None:
    outbox = Outbox(path)
    then = datetime.now(UTC) - timedelta(days=2)
    for number in range(count):
        body = result(number)
        outbox.put(body["id"], body["rid"], body, then + timedelta(seconds=number))
    outbox.close()


def _broker(folder: Path, tls: bool) -> Mosquitto:
    passwords = folder / "passwords"
    passwords.write_text("box:secret\nobserver:secret\n")
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True)
    settings = f"allow_anonymous false\npassword_file {passwords}"
    if tls:
        own = certificates(folder)["good"]
        settings += f"\ncertfile {own}\nkeyfile {own.with_suffix('.key')}"
    inside = "max_inflight_messages 0\nmax_queued_messages 0"
    return Mosquitto(folder / "broker", settings, inside)


def _observe(broker: Mosquitto) -> Counting:
    """There before the box is: on a plain listener when the box's is encrypted."""
    from appliance.adapters.broker import free_port

    port = free_port(HOST)
    broker.config.write_text(
        "per_listener_settings true\n" + broker.config.read_text() + f"listener {port} {HOST}\nallow_anonymous true\n"
    )
    broker.start()
    return Counting(port, "lumbarbox/+/study/+/result")


def table(runs: dict[str, Drained]) -> Table:
    rows = tuple(
        (what.split(",")[0], f"{d.results}", f"{d.rate:.0f}", f"{d.before_mb:.0f}", f"{d.peak_mb:.0f}", f"{d.repeated}")
        for what, d in runs.items()
    )
    where = "synthetic results of 25 findings, about 5 kB each; Mosquitto of Debian on the loopback"
    columns = ("connection", "results waiting", "results a second", "memory before, MB", "memory peak, MB", "sent twice")
    return Table("Draining the outbox after an outage", where, "python -m benchmarks.mqtt_drain", columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=int, nargs="+", default=[2_000, 10_000, 40_000])
    args = parser.parse_args()
    runs: dict[str, Drained] = {}
    for count in args.results:
        for name, tls in (("plain", False), ("TLS and password", True)):
            with tempfile.TemporaryDirectory() as folder:
                runs[f"{name}, {count}"] = drain(Path(folder), count, tls)
                print(name, runs[f"{name}, {count}"], f"{runs[f'{name}, {count}'].rate:.0f}/s", flush=True)
    save("mqtt_drain", [table(runs)])


if __name__ == "__main__":
    main()
