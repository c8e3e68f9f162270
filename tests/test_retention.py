"""What may go: copies, slices, reports; by age, the least missed first where space is short, never a result unsent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from appliance.retention import EVERY
from tests.fakes import SmallBox


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    """Two studies read, an hour between them."""
    made = SmallBox(tmp_path)
    for name in ("first", "second"):
        made.drop(name, IM1=f"spine {name}")
        made.turn()
        newest = made.ledger.newest(1)[0]
        os.utime(made.reports.folder(newest.id), (made.clock().timestamp(),) * 2)
        made.clock.tick(3600)
    return made


def slices(box: SmallBox) -> list[str]:
    """Names of the studies whose slices are kept, oldest first."""
    jobs = reversed(box.ledger.newest(9))
    return [job.name for job in jobs if (box.reports.folder(job.id) / "slices" / "index.json").exists()]


def reports(box: SmallBox) -> list[str]:
    return [job.name for job in reversed(box.ledger.newest(9)) if box.reports.load(job.id)]


def test_slices_go_when_they_are_old_and_reports_stay(box: SmallBox) -> None:
    box.tidy(days=9)
    assert slices(box) == ["first", "second"]
    box.clock.tick(86_400 - 3600 * 1.5)
    box.tidy(days=0)
    assert slices(box) == ["second"]
    box.tidy(days=1)
    assert slices(box) == [] and reports(box) == ["first", "second"]


def test_where_space_is_short_copies_go_first_then_the_oldest_slices(box: SmallBox) -> None:
    box.retention._free_mb = lambda: 10 if box.spool.held() else 50_000
    box.retention.tidy(box.clock())
    assert not box.spool.held() and slices(box) == ["first", "second"]
    box.retention._free_mb = lambda: 50_000 if len(slices(box)) < 2 else 10
    box.retention.tidy(box.clock())
    assert slices(box) == ["second"], "as many as are needed, the oldest first"


def test_a_report_the_broker_has_not_taken_is_never_deleted(box: SmallBox) -> None:
    first = box.outbox.oldest(1)[0]
    box.outbox.acknowledged([first.number])
    box.tidy(days=31)
    assert reports(box) == ["second"]
    box.free_mb = 10
    box.tidy(days=1)
    assert reports(box) == ["second"], "not for want of space either"
    box.outbox.acknowledged([box.outbox.oldest(1)[0].number])
    box.tidy(days=1)
    assert reports(box) == []


def test_it_looks_now_and_then_and_never_asks_for_more(box: SmallBox) -> None:
    now = box.clock.tick(86_400 * 40)
    box.outbox.acknowledged([w.number for w in box.outbox.oldest(9)])
    box.retention._next = now + EVERY / 2
    assert box.retention.step(now) is False and reports(box)
    assert box.retention.step(now + EVERY / 2) is False and not reports(box)
