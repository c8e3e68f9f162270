"""An upload in pieces: whole, or as if it had never been."""

from __future__ import annotations

import itertools
import os
from datetime import timedelta
from pathlib import Path

import pytest

from appliance.errors import Code, InputError, SystemicError
from appliance.gathering import Gathering
from appliance.transfers import PATIENCE, Transfer, Transfers, WrongOffsetError
from tests.fakes import MORNING, WAITS, FakeInspector, SmallBox


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


@pytest.fixture
def transfers(box: SmallBox) -> Transfers:
    ids = (f"up{n}" for n in itertools.count(1))
    gathering = Gathering(box.ledger, WAITS, ids.__next__)
    return Transfers(
        box.ledger, box.spool, FakeInspector(), gathering, ids.__next__, most_files=3, most_bytes=100, file_bytes=60
    )


def begin(transfers: Transfers) -> Transfer:
    return transfers.begin("Ada", [("Visit", [("a/IM1", 5), ("a/empty", 0), ("a/IM2", 4)])], MORNING)


def is_empty(box: SmallBox) -> bool:
    return box.states() == {} and list((box.folder / "spool").iterdir()) == []


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_the_bytes_arrive_in_their_files_however_they_are_cut(box: SmallBox, transfers: Transfers, size: int) -> None:
    transfer, data = begin(transfers), b"firstlast"
    for at in range(0, 9, size):
        assert transfers.add(transfer, at, data[at : at + size], MORNING) == min(at + size, 9)
    (job,) = transfers.finish(transfer, MORNING)
    assert job.state == "queued" and job.manifest is not None and (job.manifest.files, job.manifest.bytes) == (2, 9)
    assert [f.read_bytes() for f in sorted(box.spool.folder(job.id).iterdir())] == [b"first", b"last"]
    box.turn(1)
    assert box.states() == {"Visit": "done"}


def test_the_same_files_in_pieces_and_in_one_are_the_same_content(box: SmallBox, transfers: Transfers) -> None:
    import io

    whole = box.uploads.accept("x", [("1", io.BytesIO(b"first")), ("2", io.BytesIO(b"last"))], 9, MORNING)
    transfer = begin(transfers)
    transfers.add(transfer, 0, b"firstlast", MORNING)
    (pieces,) = transfers.finish(transfer, MORNING)
    assert whole.manifest and pieces.manifest and whole.manifest.content == pieces.manifest.content


def test_people_see_it_arriving(box: SmallBox, transfers: Transfers) -> None:
    transfers.add(begin(transfers), 0, b"fir", MORNING)
    (job,) = box.ledger.newest(5)
    assert job.state == "received" and job.stage == "upload" and job.fraction == pytest.approx(1 / 3)


def test_after_a_cut_it_goes_on_where_the_box_is(transfers: Transfers) -> None:
    transfer = begin(transfers)
    transfers.add(transfer, 0, b"firs", MORNING)
    for wrong in (0, 3, 5):
        with pytest.raises(WrongOffsetError) as caught:
            transfers.add(transfer, wrong, b"tlast", MORNING)
        assert caught.value.offset == 4
    with pytest.raises(WrongOffsetError):
        transfers.finish(transfer, MORNING)
    assert transfers.add(transfer, 4, b"tlast", MORNING) == 9


def test_what_is_given_up_leaves_nothing(box: SmallBox, transfers: Transfers) -> None:
    transfer = begin(transfers)
    transfers.add(transfer, 0, b"firs", MORNING)
    transfers.step(MORNING + PATIENCE)
    assert not is_empty(box)
    transfers.step(MORNING + PATIENCE + timedelta(seconds=1))
    assert is_empty(box) and transfers.find(transfer.id, "Ada") is None
    transfers.cancel(begin(transfers))
    assert is_empty(box)


def test_a_slow_upload_is_not_swept_while_it_grows(box: SmallBox, transfers: Transfers) -> None:
    """One large file for hours: its folder is as old as its beginning, only the file itself is young."""
    transfer = begin(transfers)
    transfers.add(transfer, 0, b"fir", MORNING)
    (part,) = (box.folder / "spool").iterdir()
    for hours in range(1, 4):
        now = MORNING + timedelta(hours=hours)
        transfers.add(transfer, transfer.offset, b"s", now)
        grown = max(part.iterdir())
        os.utime(grown, (now.timestamp(),) * 2)
        os.utime(part, (MORNING.timestamp(),) * 2)
        box.retention.tidy(now)
        assert part.exists()
    box.retention.tidy(MORNING + timedelta(hours=5))
    assert not part.exists(), "what no longer grows and nobody knows goes"


def test_it_belongs_to_whoever_began_it(transfers: Transfers) -> None:
    transfer = begin(transfers)
    assert transfers.find(transfer.id, "Ada") is transfer and transfers.find(transfer.id, "Eve") is None


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ([], Code.EMPTY),
        ([("a", 0)], Code.EMPTY),
        ([("a", 1)] * 4, Code.TOO_LARGE),
        ([("a", 61)], Code.TOO_LARGE),
        ([("a", 60), ("b", 41)], Code.TOO_LARGE),
    ],
)
def test_what_is_too_much_is_told_before_a_byte_is_sent(
    box: SmallBox, transfers: Transfers, files: list[tuple[str, int]], code: Code
) -> None:
    with pytest.raises(InputError) as caught:
        transfers.begin("Ada", [("Visit", files)], MORNING)
    assert caught.value.code is code and caught.value.action and is_empty(box)


def test_more_than_announced_is_refused(transfers: Transfers) -> None:
    with pytest.raises(InputError):
        transfers.add(begin(transfers), 0, b"firstlast!", MORNING)


def test_a_full_box_keeps_nothing(tmp_path: Path) -> None:
    box = SmallBox(tmp_path, stop_free=1 << 60)
    transfers = box.transfers
    with pytest.raises(SystemicError):
        begin(transfers)
    assert is_empty(box)
