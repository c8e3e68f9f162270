"""How the pieces of a study find each other, told with texts that name a study and a series."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest

from appliance.core.jobs import State
from appliance.core.words import in_words, next_step
from appliance.errors import Code, InputError
from appliance.intake import read_now, try_again
from tests.fakes import SmallBox

T1, T2, AXIAL = "study 1.2 sagittal_t1", "study 1.2 sagittal_t2", "study 1.2 axial_t2"
OTHER = "study 9.9 sagittal_t2"


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def test_a_whole_study_waits_its_ten_seconds_and_says_so(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2, c=AXIAL)
    box.turn(3)
    (job,) = box.ledger.newest(10)
    assert job.state is State.SETTLING and job.missing == () and job.images == 3
    assert in_words(job, box.clock()) == "Received 3 images, all three series are there, reading in 10 s"
    box.turn(5)
    assert box.states() == {"Anna": "done"}


def test_a_study_that_lacks_a_series_is_waited_for_longer_and_names_it(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2)
    box.turn(3)
    (job,) = box.ledger.newest(10)
    assert in_words(job, box.clock()) == "Received 2 images, waiting for the axial T2 series, reading in 60 s"
    assert "Read now" in next_step(job)
    receipt = next((box.share / "_status").glob("Anna*.txt")).read_text()
    assert "waiting for the axial T2 series, reading in 60 s" in receipt
    box.turn(29)
    assert box.states() == {"Anna": "settling"}
    box.turn(2)
    assert box.states() == {"Anna": "done"}


def test_the_pieces_of_one_study_in_many_drops_are_one_study(box: SmallBox) -> None:
    box.drop("first", a=T1)
    box.turn(4)
    box.drop("second", a=T2, b=T2 + " another slice")
    box.turn(4)
    box.drop("IM77", _=AXIAL)
    box.turn(10)
    assert box.states() == {"first": "done"} and len(box.reader.seen) == 1
    (joined, other) = box.ledger.newest(10, 0, State.JOINED)
    assert {joined.joined, other.joined} == {box.ledger.newest(1)[0].id}
    originals = box.share / "_done" / "2026-03-02" / "first" / "originals"
    assert sorted(p.relative_to(originals).as_posix() for p in originals.rglob("*")) == [
        "IM77", "a", "second", "second/a", "second/b",
    ]  # fmt: skip
    assert sorted(p.name for p in box.share.iterdir() if not p.name.startswith((".", "_"))) == []


def test_slices_that_come_late_make_a_new_revision_of_the_same_study(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2)
    box.turn(40)
    box.drop("late", a=AXIAL)
    box.turn(10)
    late, first = box.ledger.newest(10)
    assert late.revises == first.id and first.superseded_by == late.id
    assert late.result and late.result.revision == 2 and "Revision 2" in in_words(late)
    assert sorted(box.reader.seen[-1].split("\n")) == sorted([T1, T2, AXIAL]), "all of it is read, not the rest alone"
    day = box.share / "_done" / "2026-03-02"
    assert "_done/2026-03-02/late" in (day / "Anna" / "SUPERSEDED.txt").read_text()
    bodies = [waiting.body for waiting in box.outbox.oldest(10)]
    assert [(b["revision"], b["supersedes"]) for b in bodies] == [(1, None), (2, first.id)]


def test_slices_put_into_the_same_folder_later_are_not_lost(box: SmallBox) -> None:
    folder = box.drop("Anna", a=T1, b=T2)
    box.turn(4)
    (folder / "c").write_text(AXIAL)
    box.turn(12)
    assert box.states() == {"Anna": "done"} and sorted(box.reader.seen[0].split("\n")) == sorted([T1, T2, AXIAL])
    originals = box.share / "_done" / "2026-03-02" / "Anna" / "originals"
    assert sorted(p.name for p in originals.iterdir()) == ["a", "b", "c"] and not folder.exists()


def test_a_file_that_slips_in_while_the_study_is_filed_goes_back_and_is_read(
    box: SmallBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = box.drop("Anna", a=T1, b=T2, c=AXIAL)
    real = box.shelf.file_done

    def slip_in(*args: object) -> None:
        if len(box.ledger.newest(9)) == 1:
            (folder / "late").write_text(T1 + " one more")
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(box.shelf, "file_done", slip_in)
    box.turn(8)
    assert [p.name for p in folder.iterdir()] == ["late"], "what was not copied stays in the drop area"
    box.turn(10)
    newer, older = box.ledger.newest(10)
    assert newer.revises == older.id and newer.state is State.DONE
    assert len(box.reader.seen[-1].split("\n")) == 4


def test_the_same_files_again_are_recognised_and_said(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2, c=AXIAL)
    box.turn(10)
    box.drop("Anna again", x=AXIAL, y=T1, z=T2)
    box.turn(10)
    again, first = box.ledger.newest(10)
    assert again.duplicate_of == first.id and len(box.reader.seen) == 1 and box.outbox.count() == 1
    assert "read before" in in_words(again)
    assert (box.share / "_done" / "2026-03-02" / "Anna again" / "READ BEFORE.txt").exists()
    assert not (box.share / "_done" / "2026-03-02" / "Anna" / "SUPERSEDED.txt").exists()


def test_a_part_of_a_study_again_is_recognised_too(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2, c=AXIAL)
    box.turn(10)
    box.drop("IM1", _=T2)
    box.turn(10)
    assert box.ledger.newest(1)[0].duplicate_of and len(box.reader.seen) == 1


def test_two_studies_in_one_folder_become_two(box: SmallBox) -> None:
    box.drop("CD", a=T1, b=T2, c=AXIAL, d=OTHER)
    box.turn(40)
    assert box.states() == {"CD": "done", "CD, study 2": "done"}
    assert sorted(box.reader.seen, key=len) == [OTHER, "\n".join([T1, T2, AXIAL])]
    day = box.share / "_done" / "2026-03-02"
    assert sorted(p.name for p in (day / "CD" / "originals").iterdir()) == ["a", "b", "c", "d"]
    assert [p.read_text() for p in (day / "CD, study 2" / "originals").iterdir()] == [OTHER]


def test_loose_files_are_taken_in_together(box: SmallBox) -> None:
    for number, text in enumerate((T1, T2, AXIAL)):
        box.drop(f"IM{number}", _=text)
    box.turn(1)
    assert box.states() == {"Loose files": "received"}
    box.turn(9)
    assert box.states() == {"IM0 and 2 more": "done"}
    originals = box.share / "_done" / "2026-03-02" / "IM0 and 2 more" / "originals"
    assert sorted(p.name for p in originals.iterdir()) == ["IM0", "IM1", "IM2"]


def test_loose_pictures_are_each_their_own(box: SmallBox) -> None:
    box.drop("a.png", _="one")
    box.drop("b.jpg", _="two")
    box.turn(5)
    assert box.states() == {"a.png": "done", "b.jpg": "done"}


@pytest.mark.parametrize("name", ["DONE", "done.txt"])
def test_a_file_called_done_ends_the_waiting(box: SmallBox, name: str) -> None:
    folder = box.drop("Anna", a=T1)
    (folder / name).write_text("")
    box.turn(4)
    assert box.states() == {"Anna": "done"} and box.reader.seen == [T1]
    assert (box.share / "_done" / "2026-03-02" / "Anna" / "originals" / name).exists()


def test_done_may_come_after_the_folder_was_copied(box: SmallBox) -> None:
    folder = box.drop("Anna", a=T1)
    box.turn(4)
    assert box.states() == {"Anna": "settling"}
    (folder / "DONE").write_text("")
    box.turn(3)
    assert box.states() == {"Anna": "done"} and not folder.exists()


def test_done_beside_the_studies_says_nothing_about_any(box: SmallBox) -> None:
    box.drop("DONE", _="")
    box.drop("Anna", a=T1)
    box.turn(6)
    assert box.states() == {"Anna": "settling"} and (box.share / "DONE").exists()


def test_read_now(box: SmallBox) -> None:
    box.drop("Anna", a=T1)
    box.turn(1)
    read_now(box.ledger.newest(1)[0], box.ledger, box.clock())
    box.turn(4)
    assert box.states() == {"Anna": "done"}, "asked for before it was copied"
    box.drop("Berta", a=OTHER)
    box.turn(4)
    read_now(box.ledger.newest(1)[0], box.ledger, box.clock())
    box.turn(1)
    assert box.states()["Berta"] == "done"
    notes = [(t.event, t.note) for t in box.ledger.history(box.ledger.newest(1)[0].id)]
    assert ("hurried", "read now") in notes and ("completed", "a person said so") in notes


def test_an_upload_joins_the_study_that_waits_and_is_read_at_once(box: SmallBox) -> None:
    box.drop("Anna", a=T1)
    box.turn(4)
    job = box.uploads.accept("From the page", [("x", io.BytesIO(T2.encode()))], 9, box.clock())
    assert job.state is State.JOINED
    box.turn(1)
    assert box.states() == {"Anna": "done"} and sorted(box.reader.seen[0].split("\n")) == sorted([T1, T2])
    assert (box.share / "_done" / "2026-03-02" / "Anna" / "originals" / "From the page" / "000001_x").exists()


def test_what_came_late_is_read_with_the_originals_when_the_copies_are_gone(box: SmallBox) -> None:
    """Days later: the box keeps no copies any more, but what it filed in `_done` still lies there."""
    box.drop("Anna", a=T1)
    box.turn(3)
    box.drop("more", b=T2)
    box.turn(40)
    box.tidy(days=3)
    assert not box.spool.held()
    box.drop("late", a=AXIAL)
    box.turn(40)
    late = box.ledger.newest(1)[0]
    assert late.state is State.DONE and late.result and late.result.revision == 2 and not late.missing
    assert sorted(box.reader.seen[-1].split("\n")) == sorted([T1, T2, AXIAL])
    box.tidy(days=3)
    box.drop("later", a=f"{AXIAL} 2")
    box.turn(40)
    assert len(box.reader.seen[-1].split("\n")) == 4, "from three places in _done"
    assert (box.ledger.newest(1)[0].result or late.result).revision == 3
    originals = box.share / "_done" / "2026-03-02" / "Anna" / "originals"
    assert (originals / "a").read_text() == T1, "nothing on the share was touched"


def test_a_zip_in_done_serves_as_well(box: SmallBox) -> None:
    box.drop("Anna.zip", _=T1)  # the fake inspector looks at bytes, whatever the name
    box.turn(40)
    box.tidy(days=3)
    box.drop("late", a=AXIAL)
    box.turn(40)
    assert box.states() == {"Anna.zip": "done", "late": "done"} and box.reader.seen[-1].split("\n") == [T1, AXIAL]


def test_originals_that_somebody_changed_or_added_to_are_not_read(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2)
    box.turn(40)
    box.tidy(days=3)
    originals = next(box.share.glob("_done/*/Anna/originals"))
    (originals / "c").write_text(f"{T2} of somebody else")
    (originals / "link").symlink_to("/etc/passwd")
    box.drop("late", a=AXIAL)
    box.turn(40)
    assert sorted(box.reader.seen[-1].split("\n")) == sorted([T1, T2, AXIAL]), "what was not read before is not read now"
    box.tidy(days=3)
    (originals / "a").write_text(f"{T1} changed")
    box.drop("later", a=f"{AXIAL} 2")
    box.turn(40)
    later = box.ledger.newest(1)[0]
    assert later.state is State.FAILED and later.reason and later.reason.code == "earlier_images_gone"


def test_the_share_gone_when_originals_are_needed_fails_nothing(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2)
    box.turn(40)
    box.tidy(days=3)
    box.drop("late", a=AXIAL)
    box.turn(4)
    away = box.share.rename(box.folder / "away")
    box.turn(3, seconds=20)
    assert box.states()["late"] == "queued" and "share_gone" in [a.code for a in box.ledger.alarms()]
    away.rename(box.share)
    box.turn(3, seconds=20)
    assert box.states() == {"Anna": "done", "late": "done"} and box.ledger.alarms() == ()


def test_what_came_late_when_the_rest_is_nowhere_is_refused_and_replaces_nothing(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2)
    box.turn(40)
    box.tidy(days=3)
    shutil.rmtree(next(box.share.glob("_done/*/Anna/originals")))
    box.drop("late", a=AXIAL)
    box.turn(40)
    late, first = box.ledger.newest(10)
    assert late.state is State.FAILED and not first.superseded_by
    assert "Drop the whole study again" in next(box.share.glob("_failed/*/late/WHY.txt")).read_text()
    (box.share / "_failed" / "earlier_images_gone" / "late").rename(box.share / "late")
    box.drop("Anna", a=T1, b=T2)
    box.turn(40)
    assert box.ledger.newest(1)[0].state is State.DONE and len(box.reader.seen[-1].split("\n")) == 3


def test_a_failed_study_is_tried_again_with_all_its_pieces(box: SmallBox) -> None:
    box.drop("Anna", a=T1 + " corrupt")
    box.turn(3)
    box.drop("more", a=T2)
    box.turn(40)
    assert box.states() == {"Anna": "failed"}
    failed = box.share / "_failed" / "corrupt" / "Anna"
    assert sorted(p.relative_to(failed).as_posix() for p in failed.rglob("*") if p.is_file()) == ["WHY.txt", "a", "more/a"]
    failed.rename(box.share / "Anna")
    (box.share / "Anna" / "a").write_text(T1)
    box.turn(40)
    assert sorted(box.reader.seen[-1].split("\n")) == sorted([T1, T2])


def test_images_that_came_among_another_studys_are_there_when_it_is_tried_again(box: SmallBox) -> None:
    """Found by `benchmarks.soak`: their originals lie with the other study, and a study released was read without them."""
    box.drop("Anna", a=T1, b=T2)
    box.turn(3)
    box.drop("mixed", a=AXIAL, b=OTHER, c=OTHER + " more")
    box.reader.errors = [InputError(Code.CORRUPT, "The images are damaged.")]
    box.turn(45)
    assert box.states() == {"Anna": "failed", "mixed": "done"}
    (failed,) = box.ledger.in_state(State.FAILED)
    assert sorted(p.name for p in (box.share / failed.filed_as).rglob("*") if p.is_file()) == [
        "000001_a", "WHY.txt", "a", "b",
    ]  # fmt: skip
    try_again(failed, box.ledger, box.shelf.bring_back, box.clock())
    box.turn(45)
    assert box.states()["Anna"] == "done"
    assert set(box.reader.seen[-1].split("\n")) == {T1, T2, AXIAL}


def test_two_drops_of_one_name_lend_both_their_images(box: SmallBox) -> None:
    box.drop("Anna", a=T1, b=T2)
    box.turn(3)
    box.reader.errors = [InputError(Code.CORRUPT, "The images are damaged.")]
    for slice_, other in ((AXIAL, OTHER), (AXIAL + " another slice", "study 8.8 sagittal_t2")):
        box.drop("MR", a=slice_, b=other, c=other + " more")
        box.turn(3)
        shutil.rmtree(box.share / "MR")
    box.turn(45)
    (failed,) = box.ledger.in_state(State.FAILED)
    try_again(failed, box.ledger, box.shelf.bring_back, box.clock())
    box.turn(45)
    assert set(box.reader.seen[-1].split("\n")) == {T1, T2, AXIAL, AXIAL + " another slice"}


def test_a_clock_that_was_set_back_does_not_make_a_study_wait_for_years(box: SmallBox) -> None:
    box.drop("Anna", a=T1)
    box.turn(4)
    box.clock.tick(-86_400 * 365)
    box.turn(2)
    assert box.states() == {"Anna": "done"}


def test_whichever_drop_is_read_last_supersedes_the_one_that_counts(box: SmallBox) -> None:
    """The soak found it: a drop that was seen first but read last started a second line of revisions."""
    slow = box.drop("slow", a=T1 + " 1")
    for number in range(2):
        (slow / "a").write_text(T1 + " 1" + "x" * number)
        box.turn(2)
    box.drop("quick", a=T2, DONE="")
    for number in range(3):
        (slow / "a").write_text(T1 + " 1" + "y" * number)
        box.turn(2)
    assert box.states() == {"slow": "settling", "quick": "done"}
    box.turn(40)
    box.drop("last", a=AXIAL)
    box.turn(40)
    final = [job for job in box.ledger.newest(10) if not job.superseded_by]
    assert [(job.name, job.result and job.result.revision) for job in final] == [("last", 3)]
