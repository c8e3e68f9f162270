"""The share's adapters one by one: spool, shelf, host, systemd, outbox."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from appliance.adapters.host import Host
from appliance.adapters.inbox import MARKER, Inbox
from appliance.adapters.outbox import Outbox
from appliance.adapters.sd_notify import Systemd
from appliance.adapters.shelf import Shelf
from appliance.adapters.spool import Spool
from appliance.core.drops import SeenFile, plain_name
from appliance.core.jobs import Job, Source, State
from appliance.errors import Code, SystemicError
from tests.fakes import MORNING


def seen(path: Path) -> tuple[Path, SeenFile]:
    found = path.stat()
    return path, SeenFile(path.name, found.st_size, found.st_mtime_ns)


def job(name: str = "study", entry: str = "study") -> Job:
    return Job("j1", name, Source.SHARE, State.DONE, MORNING, MORNING, entry=entry)


def test_the_same_files_have_the_same_content_whatever_they_are_called(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1 << 20)
    for folder, names in (("x", "ab"), ("y", "ba")):
        (tmp_path / folder).mkdir()
        for name, text in zip(names, ("one", "two"), strict=True):
            (tmp_path / folder / name).write_text(text)
    first = spool.claim("j1", [seen(p) for p in sorted((tmp_path / "x").iterdir())], {})
    second = spool.claim("j2", [seen(p) for p in sorted((tmp_path / "y").iterdir())], {})
    assert first == second and first is not None and (first.files, first.bytes) == (2, 6)


def test_a_link_put_in_place_of_a_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1")
    wanted = seen(file)
    file.unlink()
    file.symlink_to("/etc/hostname")
    assert Spool(tmp_path / "spool", 1 << 20).claim("j1", [wanted], {}) is None
    assert not (tmp_path / "spool" / "j1").exists()


def test_a_device_is_not_read(tmp_path: Path) -> None:
    assert Spool(tmp_path / "spool", 1 << 20).claim("j1", [(Path("/dev/null"), SeenFile("x", 0, 0))], {}) is None


@pytest.mark.parametrize(
    ("said", "kept"),
    [("../../x", "study"), ("", "study"), ("...", "study"), ("_done", "study"), (".x", "x"), ("a\0b\n", "a_b_"),
     ("Müller, Éva (2)", "Müller, Éva (2)"), ("x" * 200, "x" * 80), ("CON<>:\"|?*", "CON_______")],
)  # fmt: skip
def test_a_persons_words_make_one_harmless_name(said: str, kept: str) -> None:
    assert plain_name(said) == kept


def test_nothing_is_filed_under_an_empty_mount_point(tmp_path: Path) -> None:
    share = tmp_path / "share"
    share.mkdir()
    shelf = Shelf(Inbox(share).opened)
    with pytest.raises(SystemicError) as caught:
        shelf.file_done(job(), "_done/x", None, frozenset(), (), "")
    assert caught.value.code is Code.SHARE_GONE and list(share.iterdir()) == []


def test_originals_that_were_taken_away_come_back_from_the_spool(tmp_path: Path) -> None:
    share, spooled = tmp_path / "share", tmp_path / "spooled"
    Inbox(share).create()
    spooled.mkdir()
    (spooled / "000001_a.dcm").write_text("1")
    shelf, claimed = Shelf(Inbox(share).opened), frozenset({SeenFile("study/a.dcm", 1, 0)})
    for _ in range(2):
        shelf.file_done(job(), "_done/x", None, claimed, tuple(spooled.iterdir()), "")
    assert [p.name for p in (share / "_done/x/originals").iterdir()] == ["a.dcm"]


def test_names_as_long_as_names_can_be_come_back_and_stand_beside_each_other(tmp_path: Path) -> None:
    share, spooled, name = tmp_path / "share", tmp_path / "spooled", "y" * 251 + ".dcm"
    Inbox(share).create()
    spooled.mkdir()
    (spooled / "000001_y.dcm").write_text("1")
    shelf, claimed = Shelf(Inbox(share).opened), frozenset({SeenFile(f"study/{name}", 1, 0)})
    shelf.file_done(job(), "_done/x", None, claimed, tuple(spooled.iterdir()), "")
    (share / "study").mkdir()
    (share / "study" / name).write_text("2")
    os.utime(share / "study" / name, ns=(0, 0))
    shelf.file_done(job(), "_done/x", None, claimed, (), "")
    assert sorted(p.read_text() for p in (share / "_done/x/originals").iterdir()) == ["1", "2"]


def test_an_existing_folder_is_never_marked_by_the_box(tmp_path: Path) -> None:
    (tmp_path / "mount").mkdir()
    assert not Inbox(tmp_path / "mount").create() and not (tmp_path / "mount" / MARKER).exists()


def test_an_outbox_keeps_order_and_knows_what_it_has(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "o.db")
    for name in ("b", "a", "b"):
        outbox.put(name, name, {"name": name}, MORNING)
    assert [w.id for w in outbox.oldest(9)] == ["b", "a"]
    outbox.acknowledged([outbox.oldest(1)[0].number])
    outbox.close()
    assert [w.body for w in Outbox(tmp_path / "o.db").oldest(9)] == [{"name": "a"}]


def test_the_host_knows_its_disk_and_memory(tmp_path: Path) -> None:
    facts = Host(tmp_path).facts()
    assert 0 < facts.disk_free_mb <= facts.disk_total_mb and 0 < facts.memory_used_mb < facts.memory_total_mb
    assert facts.clock_synced in (True, False, None)


def test_systemd_is_told_and_may_be_absent(tmp_path: Path) -> None:
    Systemd({}).ready()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")}).ready()
        assert listening.recv(100) == b"READY=1"
    Systemd({"NOTIFY_SOCKET": str(tmp_path / "notify")}).alive()
