"""A ledger that is damaged: set aside, made anew from what lies beside it, and said loudly."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from appliance.adapters.inbox import Inbox
from appliance.adapters.ledger import DamagedLedgerError, Ledger
from appliance.core.jobs import Manifest, Source, State
from appliance.core.ledger_tables import SCHEMA_VERSION, VERSION_1
from appliance.gathering import Gathering
from appliance.recovery import Recovery
from tests.fakes import MORNING, WAITS, FakeInspector, SmallBox
from tests.test_gathering import AXIAL, OTHER, T1, T2


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def damage(path: Path) -> None:
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    whole = bytearray(path.read_bytes())
    whole[4096:] = b"\xa5" * (len(whole) - 4096)
    path.write_bytes(bytes(whole))


def reopen(box: SmallBox, before: Callable[[Path], None] = damage) -> None:
    """As a power cut that tore the ledger, and the start after it."""
    box.ledger.close()
    path = box.folder / "ledger.db"
    before(path)
    recovery = Recovery(
        box.spool, box.reports, FakeInspector(), lambda ledger: Gathering(ledger, WAITS, iter("xyz").__next__),
        Inbox(box.share).has,
    )  # fmt: skip
    recovery.open(path, box.clock()).close()
    box.restart()


def test_a_damaged_ledger_is_set_aside_and_said_loudly(box: SmallBox) -> None:
    reopen(box)
    (alarm,) = box.ledger.alarms()
    assert alarm.code == "ledger_rebuilt" and "damaged" in alarm.message and "Look through" in alarm.action
    assert list(box.folder.glob("ledger.damaged-*.db"))
    box.turn(2)
    assert box.ledger.alarms(), "no part takes it back by itself"
    reopen(box, lambda path: None)
    assert box.ledger.alarms(), "nor does another part that starts with the one that rebuilt it, or a command"
    box.clock.tick(120)
    reopen(box, lambda path: None)
    assert box.ledger.alarms() == (), "a later start does: somebody has restarted the box"


@pytest.mark.parametrize("noise", [b"sharedo\xffe", b"sharedoxe"])
def test_noise_in_what_is_written_counts_as_damage_too(box: SmallBox, noise: bytes) -> None:
    """SQLite finds such a file whole; every question to it would fail."""
    box.drop("Anna", a=T1)
    box.turn(40)

    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        whole = path.read_bytes()
        assert b"sharedone" in whole
        path.write_bytes(whole.replace(b"sharedone", noise))

    reopen(box, spoil)
    assert [a.code for a in box.ledger.alarms()] == ["ledger_rebuilt"] and box.states() == {"Anna": "done"}


def test_reports_that_a_ledger_has_forgotten_are_put_back(box: SmallBox) -> None:
    """As when its `-wal` is lost: the file is whole, and older than what lies beside it."""
    box.ledger.close()
    old = (box.folder / "ledger.db").read_bytes()
    box.start()
    box.drop("Anna", a=T1, b=T2)
    box.turn(40)
    (anna,) = box.ledger.newest(5)

    def lose(path: Path) -> None:
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        path.write_bytes(old)

    reopen(box, lose)
    assert box.states() == {"Anna": "done"} and box.ledger.job(anna.id).result == anna.result
    assert [a.code for a in box.ledger.alarms()] == ["ledger_rebuilt"]
    box.drop("Anna", c=AXIAL)
    box.turn(40)
    assert box.ledger.newest(1)[0].result.revision == 2, "what comes late still finds its study"


def test_what_was_read_is_known_again(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2)
    box.turn(40)
    (before,) = box.ledger.newest(10)
    reopen(box)
    (after,) = box.ledger.newest(10)
    assert (after.id, after.name, after.state, after.result) == (before.id, "Anna", State.DONE, before.result)
    box.drop("Anna again", x=T2, y=T1)
    box.turn(40)
    assert box.ledger.newest(1)[0].duplicate_of == before.id and len(box.reader.seen) == 1
    box.drop("late", x=AXIAL)
    box.turn(40)
    late = box.ledger.newest(1)[0]
    assert late.revises == before.id and late.result and late.result.revision == 2


def test_what_waited_is_read_once_and_filed(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2, c=AXIAL)
    box.turn(4)
    upload = box.uploads.accept("From the page", [("x", io.BytesIO(OTHER.encode()))], 9, box.clock())
    reopen(box)
    assert {job.id for job in box.ledger.newest(10)} >= {upload.id}
    box.turn(40)
    assert set(box.states().values()) == {"done"} and len(box.reader.seen) == 2
    assert (box.share / "_done" / "2026-03-02" / "Anna" / "originals" / "c").exists()
    assert [p.name for p in box.share.iterdir() if not p.name.startswith((".", "_"))] == []


def test_a_study_that_was_read_but_not_filed_is_filed(box: SmallBox, monkeypatch: pytest.MonkeyPatch) -> None:
    box.drop("Anna", a=T1, b=T2, c=AXIAL)
    with monkeypatch.context() as patch:
        patch.setattr(box.worker._filing, "settle", lambda now: None)
        box.turn(10)
    assert box.states() == {"Anna": "done"} and (box.share / "Anna").exists()
    reopen(box)
    box.turn(4)
    assert not (box.share / "Anna").exists() and len(box.reader.seen) == 1
    assert (box.share / "_done" / "2026-03-02" / "Anna" / "originals" / "a").exists()
    assert box.outbox.count() == 1, "handed over again: nobody knows whether it was"


def test_damage_that_shows_while_the_box_runs_is_noticed(box: SmallBox) -> None:
    path = box.folder / "ledger.db"
    assert box.ledger.is_sound
    path.rename(path.with_name("elsewhere"))
    assert not box.ledger.is_sound
    path.with_name("elsewhere").rename(path)


def test_a_ledger_of_the_first_version_is_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_1 + "PRAGMA user_version = 1;")
        db.execute(
            "INSERT INTO jobs (id, name, entry, source, state, created_at, updated_at, content, files, bytes) "
            "VALUES ('a', 'Anna', 'Anna', 'share', 'queued', ?, ?, 'c', 3, 9)",
            (MORNING.isoformat(), MORNING.isoformat()),
        )
    db.close()
    ledger = Ledger(path)
    assert ledger.rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION
    assert ledger.take(MORNING) is not None and ledger.parts("a") == ("a",)
    with sqlite3.connect(tmp_path / "ledger.db.schema-1") as kept:
        assert kept.execute("SELECT name FROM jobs").fetchall() == [("Anna",)], "the old one stays beside it"
    kept.close()


def test_a_file_that_is_no_database_counts_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(DamagedLedgerError):
        Ledger(tmp_path / "ledger.db")


def test_two_parts_may_bring_it_up_at_once(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path / "ledger.db"), Ledger(tmp_path / "ledger.db")
    first.receive("a", "Anna", "Anna", Source.SHARE, MORNING)
    second.claimed("a", "Anna", Manifest("c", 1, 1), (), (), MORNING)
    assert first.job("a").is_claimed
