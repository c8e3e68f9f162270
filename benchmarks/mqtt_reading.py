"""What publishing costs the reader: `python -m benchmarks.mqtt_reading`.

The built-in study is read by the real models, its result put into the outbox, with no publisher, with a broker that is
well, one that is not there, one that is frozen, and an address that swallows everything. All in turn, in one run, so that
the machine's moods fall on all alike; only the ratios mean something.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median

from appliance import config, selftest
from appliance.adapters.broker import free_port
from appliance.box import Box, clock
from appliance.core.jobs import Job, Source, State
from appliance.ports import Reader, ToRead
from appliance.publishing import Publishing
from benchmarks.results import Table, save
from tests.mqtt_lab import HOST, Mosquitto, result

NOBODY, AGAIN, WELL, GONE, FROZEN, SILENT = (
    "no publisher", "no publisher, again (the noise)", "broker well", "broker gone (refused)", "broker frozen",
    "network swallows all",
)  # fmt: skip
WAITING = 1_000


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of one reading and handing over, by the state of the broker, round by round."""
    broker, frozen = Mosquitto(folder / "well").start(), Mosquitto(folder / "frozen").start()
    frozen.freeze()
    hole = socket.create_server((HOST, 0), backlog=128)  # accepts, and never says a word
    ports = {WELL: broker.port, GONE: free_port(HOST), FROZEN: frozen.port, SILENT: hole.getsockname()[1]}
    boxes = {name: _box(folder / str(i), ports.get(name, 1)) for i, name in enumerate((NOBODY, AGAIN, *ports))}
    reader = boxes[NOBODY].reader
    reader.prepare()
    found: dict[str, list[float]] = {name: [] for name in boxes}
    numbers = iter(range(10**6))
    for turn in range(rounds + 1):
        order = list(boxes.items())
        for name, box in order[turn % len(order) :] + order[: turn % len(order)]:
            with _publishing(box, name):
                time.sleep(0.5)
                seconds = _read(box, reader, next(numbers))
            if turn:  # the first warms up
                found[name].append(seconds)
    frozen.thaw()
    for one in (broker, frozen):
        one.stop()
    hole.close()
    return found


def _box(folder: Path, port: int) -> Box:
    """With results of an outage in its outbox."""
    box = Box(config.load(None, {}, box__data=str(folder), mqtt__host=HOST, mqtt__port=port))
    for number in range(WAITING):
        body = result(number)
        box.outbox.put(body["id"], body["rid"], body, clock())
    return box


@contextmanager
def _publishing(box: Box, name: str) -> Iterator[None]:
    if name in (NOBODY, AGAIN):
        yield
        return
    publishing = Publishing(box.publisher, clock)
    try:
        yield
    finally:
        publishing.stop(20)


def _read(box: Box, reader: Reader, number: int) -> float:
    started = time.perf_counter()
    reading = reader.read(ToRead((selftest.STUDY,)), datetime.now().astimezone(), lambda *_: None)
    report = {**reading.report, "report_id": f"benchmark{number}"}
    job = Job(f"job{number}", "study", Source.SHARE, State.DONE, clock(), clock())
    box._hand_over()(report, job, clock())
    return time.perf_counter() - started


def table(found: dict[str, list[float]]) -> Table:
    rows = []
    for name, seconds in found.items():
        ratios = [mine / alone for mine, alone in zip(seconds, found[NOBODY], strict=True)]
        middle = sorted(ratios)[len(ratios) // 4 : -(len(ratios) // 4) or None]
        rows.append((name, f"{median(seconds):.2f}", f"{median(ratios):.3f}", f"{middle[0]:.3f} – {middle[-1]:.3f}"))
    where = f"the built-in synthetic study, {len(found[NOBODY])} rounds in turn, {WAITING} results waiting"
    columns = ("broker", "seconds, median", "ratio to no publisher, median", "middle half")
    return Table("Reading with and without a dead broker", where, "python -m benchmarks.mqtt_reading", columns, tuple(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = table(measure(Path(folder), args.rounds))
    for row in made.rows:
        print("  ".join(f"{cell:24}" for cell in row))
    save("mqtt_reading", [made])


if __name__ == "__main__":
    main()
