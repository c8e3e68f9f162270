"""The box's state in one file, and a box made from it: beside a living box, whole, and never over another."""

from __future__ import annotations

import os
import shutil
import tarfile
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import backup, config
from appliance.adapters.accounts import Accounts
from appliance.adapters.ledger import Ledger
from appliance.adapters.outbox import Outbox
from appliance.adapters.register import Register
from appliance.adapters.tokens import Tokens
from appliance.cli import main
from appliance.config import Config
from appliance.core.jobs import State
from appliance.core.ledger_tables import SCHEMA_VERSION
from appliance.core.study import Patient
from appliance.errors import Code, InputError, SystemicError, UsageError
from tests.fakes import MORNING, SmallBox


def settings(data: Path, **overrides: object) -> Config:
    return config.load(None, {}, box__data=str(data), disk__stop_mb=0, **overrides)


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    """One study read, one uploaded that waits, an account, a token; `box.folder` is the box's own."""
    made = SmallBox(tmp_path / "box")
    Accounts(made.folder / "accounts.db").add_first("Ada", "correct horse battery")
    Tokens(made.folder / "tokens.db").make("wall", "Ada", MORNING)
    made.drop("Anna", IM1="spine fine ID=7")
    made.turn()
    made.uploads.accept("Bo", iter([("IM1", (tmp_path / "upload").open("wb+"))]), 0, MORNING)
    return made


def save(box: SmallBox, target: Path, **options: bool) -> backup.Saved:
    return backup.save(settings(box.folder), target, "1.0", box.clock(), **options)


def restored(saved: backup.Saved, data: Path) -> Path:
    backup.restore(saved.file, settings(data))
    return data


def test_everything_that_cannot_be_made_again_comes_back(box: SmallBox, tmp_path: Path) -> None:
    saved = save(box, tmp_path)
    assert saved.file.name == "lumbarbox-box-20260302-080010.tar.gz" and saved.file.stat().st_mode & 0o077 == 0
    assert (saved.reports, saved.on_their_way) == (1, 1)
    data = restored(saved, tmp_path / "new")
    ledger = Ledger(data / "ledger.db")
    assert {job.name: job.state for job in ledger.newest(9)} == {"Anna": State.DONE, "Bo": State.QUEUED}
    anna, bo = (next(j for j in ledger.newest(9) if j.name == name) for name in ("Anna", "Bo"))
    assert [t.event for t in ledger.history(anna.id)] == [t.event for t in box.ledger.history(anna.id)]
    for name in ("report.json", "report.csv", "slices/index.json", ".job.json"):
        original = box.reports.folder(anna.id) / name
        assert (data / "reports" / anna.id / name).read_bytes() == original.read_bytes()
    assert [f.name for f in (data / "spool" / bo.id).iterdir()] == [f.name for f in box.spool.files(bo.id)]
    assert Outbox(data / "outbox.db").count() == box.outbox.count() == 1
    assert Accounts(data / "accounts.db").login("Ada", "correct horse battery", MORNING) is not None
    assert [t.name for t in Tokens(data / "tokens.db").all()] == ["wall"]
    again = Register(data / "register.db")
    again.note("later", Patient("7", "7"), "20260401")
    assert [job for job, _ in again.others("later")] == [anna.id], "the same patient is known again: the key came along"
    assert not any(p.stat().st_mode & 0o077 for p in data.rglob("*") if p.is_file() and p.name != "ledger.lock")


def test_a_restored_box_goes_on_where_it_was(box: SmallBox, tmp_path: Path) -> None:
    """The study that waited is read, and nothing is published twice under two ids."""
    data = restored(save(box, tmp_path / "b.tar.gz"), tmp_path / "new")
    again = SmallBox(data)
    again.turn(2)
    assert again.states() == {"Anna": "done", "Bo": "done"} and again.outbox.count() == 2


def test_a_copy_is_taken_while_the_box_writes(box: SmallBox, tmp_path: Path) -> None:
    """Whatever moment it is of, it is one moment: the ledger is whole and every study done in it has its report."""
    over = threading.Event()

    def work() -> None:
        number = 0
        while not over.is_set():
            number += 1
            box.drop(f"study {number}", IM1=f"fine {number}")
            box.turn(4)

    busy = threading.Thread(target=work)
    busy.start()
    try:
        saved = [save(box, tmp_path / f"{number}.tar.gz") for number in range(4)]
    finally:
        over.set()
        busy.join()
    for number, one in enumerate(saved):
        data = restored(one, tmp_path / f"new{number}")
        done = [job for job in Ledger(data / "ledger.db").in_state(State.DONE) if not job.duplicate_of]
        assert done and all((data / "reports" / job.id / "report.json").is_file() for job in done)


def test_slices_may_be_left_out(box: SmallBox, tmp_path: Path) -> None:
    data = restored(save(box, tmp_path / "b.tar.gz", slices=False), tmp_path / "new")
    assert list(data.glob("reports/*/report.json")) and not list(data.glob("reports/*/slices"))


def test_no_secret_of_the_configuration_and_no_session_is_in_it(box: SmallBox, tmp_path: Path) -> None:
    (box.folder / "session.key").write_bytes(b"k" * 32)
    password = tmp_path / "mqtt.password"
    password.write_text("open sesame")
    known = settings(box.folder, mqtt__host="broker", mqtt__username="box", mqtt__password_file=str(password))
    saved = backup.save(known, tmp_path / "b.tar.gz", "1.0", MORNING)
    assert not {"session.key", "mqtt.password"} & saved.manifest.files.keys()
    data = restored(saved, tmp_path / "new")
    told = (data / "configuration.toml").read_text()
    assert "mqtt.password" in told and not any(b"open sesame" in p.read_bytes() for p in data.rglob("*") if p.is_file())


def test_nothing_is_restored_over_a_box_or_into_a_folder_of_something_else(box: SmallBox, tmp_path: Path) -> None:
    saved = save(box, tmp_path / "b.tar.gz")
    with pytest.raises(UsageError, match="There is a box"):
        restored(saved, box.folder)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letters").write_text("")
    with pytest.raises(UsageError, match="not empty: letters"):
        restored(saved, tmp_path / "other")
    with pytest.raises(UsageError, match="there already"):
        save(box, tmp_path / "b.tar.gz")
    with pytest.raises(UsageError, match="no box"):
        backup.save(settings(tmp_path / "nowhere"), tmp_path, "1.0", MORNING)


@pytest.mark.parametrize("harm", ["cut", "flipped", "text", "other tar", "missing"])
def test_a_file_that_is_not_whole_restores_nothing(box: SmallBox, tmp_path: Path, harm: str) -> None:
    saved = save(box, tmp_path / "b.tar.gz")
    data = saved.file.read_bytes()
    middle = len(data) // 2
    if harm == "cut":
        saved.file.write_bytes(data[:middle])
    elif harm == "flipped":
        saved.file.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    elif harm == "text":
        saved.file.write_text("a letter")
    elif harm == "missing":
        saved.file.unlink()
    else:
        with tarfile.open(saved.file, "w:gz") as other:
            other.add(box.folder / "ledger.db", "ledger.db")
    with pytest.raises((InputError, SystemicError)) as caught:
        restored(saved, tmp_path / "new")
    assert caught.value.action and not (tmp_path / "new").exists()


def test_an_entry_that_leads_outside_is_refused(box: SmallBox, tmp_path: Path) -> None:
    from appliance.adapters import backup_file

    (tmp_path / "stage").mkdir()
    (tmp_path / "stage" / "ledger.db").write_bytes(b"x")
    for name in ("../evil", "/tmp/evil", "a/../../evil"):
        file = tmp_path / "evil.tar.gz"
        with tarfile.open(file, "w:gz") as archive:
            files = {name: backup_file._add(archive, name, tmp_path / "stage" / "ledger.db")}
            backup_file._add_manifest(archive, backup_file.Manifest({"schema": backup.SCHEMA}, files))
        with pytest.raises(InputError):
            backup.check(file)
    link = tarfile.TarInfo("ledger.db")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open(tmp_path / "link.tar.gz", "w:gz") as archive:
        archive.addfile(link)
    with pytest.raises(InputError):
        backup.check(tmp_path / "link.tar.gz")


def test_a_backup_of_a_newer_box_asks_for_that_version(
    box: SmallBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    saved = save(box, tmp_path / "b.tar.gz")
    monkeypatch.undo()
    with pytest.raises(InputError, match="newer") as caught:
        restored(saved, tmp_path / "new")
    assert "Install that version" in caught.value.action


def test_no_room_is_said_before_anything_is_written(
    box: SmallBox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = save(box, tmp_path / "b.tar.gz")
    free = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free._replace(free=1000))
    for act in (lambda: restored(saved, tmp_path / "new"), lambda: save(box, tmp_path / "c.tar.gz")):
        with pytest.raises(SystemicError) as caught:
            act()
        assert caught.value.code is Code.NO_SPACE
    assert not (tmp_path / "c.tar.gz").exists() and not list((tmp_path / "new").glob("*.db"))


def test_a_restore_that_was_cut_off_is_run_again(box: SmallBox, tmp_path: Path) -> None:
    saved = save(box, tmp_path / "b.tar.gz")
    data = restored(saved, tmp_path / "new")
    (data / "restoring").mkdir()
    (data / "ledger.db").rename(data / "restoring" / "ledger.db")
    for ending in ("-wal", "-shm"):
        (data / f"ledger.db{ending}").unlink(missing_ok=True)
    restored(saved, data)
    assert not (data / "restoring").exists() and len(Ledger(data / "ledger.db").newest(9)) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder another user's")
def test_root_does_not_unpack_into_another_users_folder(box: SmallBox, tmp_path: Path) -> None:
    saved = save(box, tmp_path / "b.tar.gz")
    (tmp_path / "new").mkdir()
    os.chown(tmp_path / "new", 1234, 1234)
    with pytest.raises(UsageError, match="another user"):
        restored(saved, tmp_path / "new")


def test_from_the_terminal(box: SmallBox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, new = str(tmp_path / "b.tar.gz"), str(tmp_path / "new")
    (tmp_path / "empty.toml").write_text("")
    quiet = ["--config", str(tmp_path / "empty.toml")]
    assert main([*quiet, "backup", file, "--data", str(box.folder)]) == 0
    assert main([*quiet, "restore", file, "--check"]) == 0
    assert main([*quiet, "restore", file, "--data", new]) == 0
    said = capsys.readouterr().out
    assert said.count("1 reports, 1 drops on their way") == 3 and "Everybody logs in again" in said
    assert main([*quiet, "restore", file, "--data", new]) == 2
    assert "There is a box in" in capsys.readouterr().err


def test_the_default_drop_area_is_made_anew(tmp_path: Path) -> None:
    """It lies inside the box's folder and is not in the backup: a restored box must not call it gone."""
    from appliance.box import Box

    old = settings(tmp_path / "old")
    first = Box(old)
    first.intake()
    first.close()
    saved = backup.save(old, tmp_path / "b.tar.gz", "1.0", MORNING)
    new = replace(old, box=replace(old.box, data=str(tmp_path / "new")))
    backup.restore(saved.file, new)
    second = Box(new)
    second.intake()
    assert (tmp_path / "new" / "inbox" / ".lumbarbox-inbox").is_file()
    second.close()
