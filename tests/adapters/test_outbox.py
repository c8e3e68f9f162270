"""The outbox on a real disk: order, refusal, several processes, and a process killed while it writes."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.adapters.outbox import Outbox
from appliance.database import fault_of
from appliance.errors import SystemicError
from tests.fakes import MORNING

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    made = Outbox(tmp_path / "o.db")
    yield made
    made.close()


def put(outbox: Outbox, *names: str, study: str = "", minutes: float = 0) -> None:
    for name in names:
        outbox.put(name, study or name, {"id": name}, MORNING + timedelta(minutes=minutes))


def ids(outbox: Outbox, limit: int = 9, sending: tuple[int, ...] = (), since: float | None = None) -> list[str]:
    """What may be sent at 08:30; `since` that many minutes ago."""
    now = MORNING + timedelta(minutes=30)
    live = None if since is None else now - timedelta(minutes=since)
    return [item.id for item in outbox.sendable(limit, sending, live, now)]


def test_what_is_put_twice_waits_once_and_the_first_stays(outbox: Outbox) -> None:
    put(outbox, "a", "b", "a")
    assert ids(outbox) == ["a", "b"] and outbox.count() == 2


def test_of_one_study_only_the_oldest_may_go(outbox: Outbox) -> None:
    put(outbox, "s1", "s2", study="s")
    put(outbox, "other")
    assert ids(outbox) == ["s1", "other"]
    first = outbox.oldest(1)[0].number
    assert ids(outbox, sending=(first,)) == ["other"], "the second waits until the first has arrived"
    outbox.acknowledged([first])
    assert ids(outbox) == ["s2", "other"]


def test_what_was_put_lately_can_be_asked_for_alone(outbox: Outbox) -> None:
    put(outbox, "old")
    put(outbox, "new", minutes=29)
    put(outbox, "from a clock that ran ahead", minutes=90)
    assert ids(outbox, since=5) == ["new"]


def test_what_was_refused_steps_back_for_a_while_and_is_counted(outbox: Outbox) -> None:
    put(outbox, "poison", "fine")
    number = outbox.oldest(1)[0].number
    outbox.put_off(number, MORNING + timedelta(hours=1))
    assert ids(outbox) == ["fine"] and outbox.oldest(1)[0].tries == 1 and outbox.count() == 2
    outbox.put_off_ended()
    assert ids(outbox) == ["poison", "fine"]


def test_it_knows_since_when_the_oldest_waits(outbox: Outbox) -> None:
    assert outbox.since() is None
    put(outbox, "a", "b", minutes=7)
    assert outbox.since() == MORNING + timedelta(minutes=7)


def test_two_processes_share_it(outbox: Outbox, tmp_path: Path) -> None:
    other = Outbox(tmp_path / "o.db")
    put(outbox, "mine")
    put(other, "theirs")
    assert ids(outbox) == ids(other) == ["mine", "theirs"]
    outbox.acknowledged([w.number for w in other.oldest(9)])
    assert other.count() == 0
    other.close()


def test_a_number_is_never_used_again(outbox: Outbox) -> None:
    """An acknowledgement that comes late must not take away another result."""
    put(outbox, "a")
    first = outbox.oldest(1)[0].number
    outbox.acknowledged([first])
    put(outbox, "b")
    assert outbox.oldest(1)[0].number != first


WRITER = """
import sys
from datetime import datetime, UTC
from pathlib import Path
from appliance.adapters.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]))
for number in range(10**6):
    outbox.put(f"{sys.argv[2]}-{number}", f"{number}", {"pad": "x" * 4000}, datetime.now(UTC))
    print(number, flush=True)
"""


def test_killed_while_it_writes_it_has_everything_that_was_promised(tmp_path: Path) -> None:
    """Each number printed was put: after SIGKILL it is there, and the file is whole."""
    path, promised = tmp_path / "o.db", 0
    for life in range(5):
        words = [sys.executable, "-c", WRITER, str(path), str(life)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
            assert writer.stdout
            writer.stdout.readline()
            time.sleep(0.05 * (life + 1))
            writer.send_signal(signal.SIGKILL)
            promised += 1 + len(writer.stdout.read().splitlines())
        outbox = Outbox(path)
        assert fault_of(path) == ""
        there = outbox.count()
        assert promised <= there <= promised + life + 1, "one more may be on disk than was said"
        outbox.close()


def test_an_outbox_of_the_first_boxes_keeps_what_waits(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "o.db") as old:
        old.execute(
            "CREATE TABLE results (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
            "body TEXT NOT NULL, put_at TEXT NOT NULL)"
        )
        old.execute("INSERT INTO results (id, body, put_at) VALUES ('a', '{}', ?)", (MORNING.isoformat(),))
    for _ in range(2):
        outbox = Outbox(tmp_path / "o.db")
        (kept,) = outbox.oldest(9)
        assert kept.id == "a" and kept.put_at == MORNING
        outbox.close()


def test_a_disk_that_cannot_be_used_is_the_boxs_trouble_not_a_results(tmp_path: Path) -> None:
    (tmp_path / "o.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)
    with pytest.raises(SystemicError):
        Outbox(tmp_path / "o.db")
