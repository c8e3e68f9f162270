"""The ledger: what it allows, what it keeps, what it survives."""

from __future__ import annotations

import sqlite3
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.adapters.ledger import Ledger
from appliance.core.jobs import TABLE, Event, Manifest, Reason, Source, State, WrongTransitionError, after
from appliance.core.ledger_tables import SCHEMA_VERSION
from appliance.errors import SystemicError
from tests.fakes import MORNING


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.db")


def queue(ledger: Ledger, job_id: str) -> None:
    ledger.receive(job_id, f"study {job_id}", job_id, Source.SHARE, MORNING)
    ledger.claimed(job_id, job_id, Manifest(f"content {job_id}", 3, 99), (), (), MORNING)
    ledger.completed(job_id, "names no study", MORNING)


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_only_the_lines_of_the_table_are_possible(state: State, event: Event) -> None:
    if (state, event) in TABLE:
        assert after(state, event) is TABLE[state, event]
    else:
        with pytest.raises(WrongTransitionError):
            after(state, event)


def test_a_wrong_step_changes_nothing(ledger: Ledger) -> None:
    queue(ledger, "a")
    with pytest.raises(WrongTransitionError):
        ledger.refuse("a", Reason("corrupt", "x"), MORNING)
    assert ledger.job("a").state is State.QUEUED and len(ledger.history("a")) == 3


def test_the_attempt_is_counted_before_the_work(ledger: Ledger, tmp_path: Path) -> None:
    queue(ledger, "a")
    ledger.take(MORNING)
    ledger.close()
    reopened = Ledger(tmp_path / "ledger.db").job("a")
    assert reopened.state is State.READING and reopened.attempts == 1


def test_who_waits_longest_is_read_first_and_nobody_twice(ledger: Ledger) -> None:
    for name in "abcdefgh":
        queue(ledger, name)
    taken: list[str] = []

    def take() -> None:
        while (job := ledger.take(MORNING)) is not None:
            taken.append(job.id)

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list("abcdefgh") and taken[0] == "a"


def test_every_step_has_its_time_and_its_reason(ledger: Ledger) -> None:
    queue(ledger, "a")
    ledger.take(MORNING + timedelta(seconds=5))
    ledger.refuse("a", Reason("corrupt", "Damaged.", "Send again."), MORNING + timedelta(seconds=9))
    steps = [(t.event.value, (t.at - MORNING).seconds, t.note) for t in ledger.history("a")]
    assert steps[0] == ("seen", 0, "") and steps[1] == ("claimed", 0, "3 files")
    assert steps[2:] == [("completed", 0, "names no study"), ("taken", 5, ""), ("refused", 9, "corrupt")]
    assert ledger.job("a").reason == Reason("corrupt", "Damaged.", "Send again.")


def test_two_processes_share_it(ledger: Ledger, tmp_path: Path) -> None:
    other = Ledger(tmp_path / "ledger.db")
    queue(ledger, "a")
    assert other.take(MORNING) is not None
    assert ledger.take(MORNING) is None


def test_an_alarm_is_one_however_many_parts_raise_it(ledger: Ledger) -> None:
    ledger.raise_alarm("intake", "share_gone", "Gone.", "Mount it.", MORNING)
    ledger.raise_alarm("filing", "share_gone", "Gone.", "Mount it.", MORNING + timedelta(hours=1))
    assert [(a.code, a.since) for a in ledger.alarms()] == [("share_gone", MORNING)]
    ledger.clear_alarms("intake")
    assert len(ledger.alarms()) == 1
    ledger.clear_alarms("filing")
    assert ledger.alarms() == ()


def test_a_newer_or_a_broken_file_is_refused_in_words(tmp_path: Path) -> None:
    Ledger(tmp_path / "new.db").close()
    with sqlite3.connect(tmp_path / "new.db") as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(SystemicError, match="newer version"):
        Ledger(tmp_path / "new.db")
    (tmp_path / "broken.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(SystemicError, match="cannot be used"):
        Ledger(tmp_path / "broken.db")


def test_it_is_written_through_to_the_disk(ledger: Ledger) -> None:
    assert ledger.rows("PRAGMA journal_mode")[0][0] == "wal"
    queue(ledger, "a")
    ledger.progress("a", "canal", 0.5)
    assert ledger.rows("PRAGMA synchronous")[0][0] == 2, "FULL, also after progress was noted"
