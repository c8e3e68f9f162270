"""A share that is ill: the queue pauses, an alarm is raised, nothing fails, all goes on by itself."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.adapters import inbox as inbox_module
from appliance.adapters.inbox import Inbox, Pace
from appliance.core.drops import Settling
from appliance.core.jobs import State
from appliance.errors import Code, SystemicError
from tests.fakes import MORNING, SmallBox

ILL = [
    (errno.EIO, Code.SHARE_GONE), (errno.ESTALE, Code.SHARE_GONE), (errno.ENOTCONN, Code.SHARE_GONE),
    (errno.EHOSTDOWN, Code.SHARE_GONE), (errno.EROFS, Code.NOT_WRITABLE), (errno.ENOSPC, Code.NO_SPACE),
    (errno.EDQUOT, Code.NO_SPACE), (errno.EACCES, Code.NOT_WRITABLE),
]  # fmt: skip


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def failing(number: int, where: Callable[[str], bool], real: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any, *args: Any, **kwargs: Any) -> Any:
        if where(os.fspath(path)):
            raise OSError(number, os.strerror(number), os.fspath(path))
        return real(path, *args, **kwargs)

    return call


@pytest.mark.parametrize(("number", "code"), ILL)
def test_a_share_that_cannot_be_listed(
    box: SmallBox, monkeypatch: pytest.MonkeyPatch, number: int, code: Code
) -> None:
    box.drop("Anna", a="one")
    box.turn(1)
    with monkeypatch.context() as patch:
        patch.setattr(inbox_module.os, "scandir", failing(number, lambda p: p == str(box.share), os.scandir))
        box.turn(5)
        assert box.states() == {"Anna": "received"} and [a.code for a in box.ledger.alarms()] == [code]
    box.turn(5)
    assert box.states() == {"Anna": "done"} and box.ledger.alarms() == ()


@pytest.mark.parametrize(("number", "code"), ILL)
def test_a_share_that_fails_while_a_drop_is_copied(
    box: SmallBox, monkeypatch: pytest.MonkeyPatch, number: int, code: Code
) -> None:
    box.drop("Anna", a="one")
    real = os.open

    def fail(path: Any, flags: int, *args: Any, **kwargs: Any) -> int:
        if path == "a":
            raise OSError(number, os.strerror(number), path)
        return real(path, flags, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", fail)
        box.turn(5)
        assert box.states() == {"Anna": "received"} and [a.code for a in box.ledger.alarms()] == [code]
        assert list((box.folder / "spool").iterdir()) == [], "half a copy would fill the disk"
    box.turn(5)
    assert box.states() == {"Anna": "done"} and box.ledger.alarms() == ()


@pytest.mark.parametrize(("number", "code"), ILL)
def test_a_share_that_takes_no_files_back(
    box: SmallBox, monkeypatch: pytest.MonkeyPatch, number: int, code: Code
) -> None:
    box.drop("Anna", a="one")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", failing(number, lambda p: "_done" in p, Path.mkdir))
        box.turn(6)
        (job,) = box.ledger.newest(1)
        assert job.state is State.DONE and not job.filed and box.outbox.count() == 1, "the result does not wait for it"
        assert [a.code for a in box.ledger.alarms()] == [code]
    box.turn(2)
    assert box.ledger.newest(1)[0].filed and box.ledger.alarms() == ()


@pytest.mark.parametrize("call", ["fdopen", "fstat"])
def test_a_share_that_goes_away_while_a_file_is_open(box: SmallBox, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """The simulated ill share found it: that was taken for a mistake of the box's own."""
    box.drop("Anna", a="one")
    box.turn(1)
    real = getattr(os, call)

    def fail(descriptor: int, *args: Any, **kwargs: Any) -> Any:
        if f"{box.share}/Anna/a" == os.readlink(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(descriptor, *args, **kwargs)

    held = len(os.listdir("/proc/self/fd"))
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        box.turn(5)
        assert box.states() == {"Anna": "received"} and [a.code for a in box.ledger.alarms()] == [Code.SHARE_GONE]
    assert len(os.listdir("/proc/self/fd")) <= held, "no descriptor is left open"
    box.turn(8)
    assert box.states() == {"Anna": "done"} and box.ledger.alarms() == ()


def test_one_folder_without_permission_holds_nobody_else_up(box: SmallBox, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = box.drop("locked", a="one")
    box.drop("open", a="two")
    with monkeypatch.context() as patch:
        patch.setattr(inbox_module.os, "scandir", failing(errno.EACCES, lambda p: p == str(locked), os.scandir))
        box.turn(5)
        assert box.states() == {"open": "done"}
        (alarm,) = box.ledger.alarms()
        assert alarm.code == Code.NOT_WRITABLE and "locked" in alarm.message
    box.turn(5)
    assert box.states() == {"open": "done", "locked": "done"} and box.ledger.alarms() == ()


def test_a_study_that_may_not_be_moved_holds_no_other_up(box: SmallBox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of another user can be read, but not moved to _done."""
    box.drop("locked", a="one")
    box.turn(1)
    box.drop("open", a="two")
    refused = failing(errno.EACCES, lambda p: p.endswith("/locked"), os.replace)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda self, target: refused(str(self), target))
        box.turn(8)
        assert box.states() == {"open": "done", "locked": "done"}
        assert (box.share / "_done/2026-03-02/open/originals/a").exists() and (box.share / "locked/a").exists()
        (alarm,) = box.ledger.alarms()
        assert alarm.code == Code.NOT_WRITABLE and alarm.message.startswith("locked cannot be filed away.")
    box.turn(5)
    assert (box.share / "_done/2026-03-02/locked/originals/a").exists() and box.ledger.alarms() == ()


class Disk:
    """`st_dev` to whether it is a network mount; a test changes it as a cable would."""

    network = True

    def __call__(self, device: int) -> bool:
        return self.network


def test_a_marker_on_the_bare_mount_point_does_not_count(tmp_path: Path) -> None:
    disk = Disk()
    inbox = Inbox(tmp_path / "share", networked=disk)
    inbox.create()
    assert inbox.look(MORNING) == ()
    disk.network = False
    with pytest.raises(SystemicError, match="not mounted any more") as caught:
        inbox.check()
    assert caught.value.code is Code.SHARE_GONE
    disk.network = True
    inbox.check()


def test_where_a_mount_is_wanted_a_plain_folder_is_refused(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "share", must_be_mount=True)
    inbox.create()
    with pytest.raises(SystemicError, match="Nothing is mounted"):
        inbox.look(MORNING)


def test_a_network_share_is_looked_at_less_often_and_trusted_later(box: SmallBox) -> None:
    inbox = Inbox(box.share, pace=Pace(2, 5), networked=Disk())
    box.drop("Anna", a="one")
    settling, looked, settled = Settling(3, 4.0, 10.0), set(), None
    for second in range(0, 40, 2):
        drops = inbox.look(box.clock.tick(2))
        looked.add(drops[0].looked_at)
        if settling.look(drops, box.clock()) and settled is None:
            settled = second
    assert settled is not None and 10 <= settled <= 14
    assert 5 <= len(looked) <= 8, "every six seconds, not every two"


def test_what_stands_still_is_looked_at_ever_less_often(box: SmallBox, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = box.drop("Anna", a="one")
    inbox, opened = Inbox(box.share), 0
    real = os.scandir

    def count(path: Any) -> Any:
        nonlocal opened
        opened += os.fspath(path) == str(folder)
        return real(path)

    monkeypatch.setattr(inbox_module.os, "scandir", count)
    for _ in range(1800):
        inbox.look(box.clock.tick(2))
    assert 60 <= opened <= 140, "an hour: about once a minute in the end"
    (folder / "a").write_text("one and more")
    sizes = [inbox.look(box.clock.tick(2))[0].bytes for _ in range(31)]
    assert sizes[-1] == len("one and more"), "and yet seen within a minute"
    box.clock.tick(600)
    inbox.look(box.clock.tick(2))
    (folder / "b").write_text("two")
    assert len(inbox.look(box.clock.tick(2))[0].files) == 2, "what comes into the folder is seen at once"
