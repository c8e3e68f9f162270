"""What technicians do to a share, and what the box makes of it."""

from __future__ import annotations

import io
import os
import shutil
from pathlib import Path

import pytest

from appliance.adapters.inbox import MARKER
from appliance.core.jobs import State
from appliance.errors import Code, InputError, SystemicError
from appliance.intake import try_again
from tests.fakes import SmallBox
from tests.test_gathering import AXIAL, T1, T2


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def look(box: SmallBox, times: int = 1) -> None:
    for _ in range(times):
        box.intake.step(box.clock.tick(2))


def test_a_slow_copy_is_seen_at_once_and_read_only_when_it_stands_still(box: SmallBox) -> None:
    folder = box.drop("slow", a="1")
    look(box)
    assert box.states() == {"slow": "received"}
    for number in range(5):
        (folder / f"more{number}").write_text("x")
        look(box)
        assert box.states() == {"slow": "settling"}
    look(box, 3)
    assert box.states() == {"slow": "queued"}
    (job,) = box.ledger.newest(1)
    assert job.manifest and job.manifest.files == 6


def test_a_copy_whose_line_stalls_is_not_taken_for_whole(box: SmallBox) -> None:
    """Samba on the box holds the file open; its size and time stand still while the cable is pulled."""
    box.drop("Anna", a="one")
    with (box.share / "Anna" / "b").open("w") as arriving, (box.share / "B.zip").open("w") as other:
        arriving.write("half")
        arriving.flush()
        box.turn(10)
        assert box.states() == {"Anna": "received", "B.zip": "received"}
        arriving.write(" and half")
        other.write("all")
    box.turn(8)
    assert box.states() == {"Anna": "done", "B.zip": "done"}
    assert (box.share / "_done/2026-03-02/Anna/originals/b").read_text() == "half and half"


def test_a_file_that_somebody_never_lets_go_of_is_taken_in_at_last(box: SmallBox) -> None:
    box.drop("Anna", a="one")
    with (box.share / "Anna" / "a").open("a"):
        box.turn(5, 20)
        assert box.states() == {"Anna": "received"}
        box.turn(3, 20)
        assert box.states() == {"Anna": "done"}


@pytest.mark.parametrize("name", ["b.filepart", ".b.dcm.x7Ka0Q"])
def test_a_folder_in_which_a_half_copied_file_grows_is_waited_for(box: SmallBox, name: str) -> None:
    """As WinSCP and rsync name it until it is whole."""
    half = box.drop("Anna", a="one") / name
    for size in range(1, 7):
        half.write_text("x" * size)
        box.turn(1, 4)
    assert box.states() == {"Anna": "settling"}
    half.rename(half.with_name("b"))
    box.turn(6)
    assert box.states() == {"Anna": "done"} and len(box.ledger.newest(9, 0, *State)) == 1


def test_a_half_copied_file_that_was_given_up_holds_its_folder_up_no_longer(box: SmallBox) -> None:
    (box.drop("Anna", a="one") / "b.part").write_text("x")
    box.turn(6)
    assert box.states() == {"Anna": "done"}


def test_files_present_at_start_wait_their_looks_too(box: SmallBox) -> None:
    box.drop("early", a="1")
    box.restart()
    look(box, 2)
    assert box.states() == {"early": "received"}


def test_a_share_that_is_gone_is_not_an_empty_one(box: SmallBox) -> None:
    box.drop("arriving", a="1")
    look(box)
    (box.share / MARKER).rename(box.folder / "marker")
    (box.share / "arriving").rename(box.folder / "arriving")
    look(box, 5)
    assert box.states() == {"arriving": "received"}, "nothing is taken for deleted"
    assert [a.code for a in box.ledger.alarms()] == [Code.SHARE_GONE]
    (box.folder / "marker").rename(box.share / MARKER)
    (box.folder / "arriving").rename(box.share / "arriving")
    look(box, 4)
    assert box.states() == {"arriving": "queued"} and box.ledger.alarms() == ()


def test_a_drop_taken_away_again_was_never_there(box: SmallBox) -> None:
    folder = box.drop("mistake", a="1")
    look(box)
    (folder / "a").unlink()
    folder.rmdir()
    look(box)
    assert box.states() == {}


@pytest.mark.parametrize("name", [".hidden", "_done", "~lock", "Thumbs.db", "@eaDir", "x.part", "x.TMP", "desktop.ini"])
def test_names_that_are_never_looked_at(box: SmallBox, name: str) -> None:
    box.drop(name, a="1")
    look(box, 5)
    assert box.states() == {}


def test_links_and_pipes_are_not_followed(box: SmallBox) -> None:
    folder = box.drop("tricky", a="1")
    (folder / "passwd").symlink_to("/etc/passwd")
    (box.share / "link").symlink_to("/etc")
    os.mkfifo(folder / "pipe")
    look(box, 5)
    (job,) = box.ledger.newest(10)
    assert job.manifest and job.manifest.files == 1


def test_a_file_that_changes_under_the_copy_is_not_taken(box: SmallBox, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = box.drop("restless", a="1", b="2")
    real = box.spool.claim

    def claim(job_id: str, files: object, card: object) -> object:
        (folder / "b").write_text("longer than before")
        return real(job_id, files, card)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(box.spool, "claim", claim)
        look(box, 4)
    assert box.states() == {"restless": "settling"}
    assert list((box.folder / "spool").iterdir()) == []
    look(box, 4)
    assert box.states() == {"restless": "queued"}


def test_an_oversized_drop_is_refused_in_words_and_kept(box: SmallBox) -> None:
    box.drop("huge", **{f"f{n}": "x" for n in range(51)})
    box.turn()
    assert box.states() == {"huge": "failed"}
    why = box.share / "_failed" / "too_large" / "huge" / "WHY.txt"
    assert "more than 50 files" in why.read_text()
    assert len(list(why.parent.iterdir())) == 52


def test_an_empty_folder_is_given_time(box: SmallBox) -> None:
    (box.share / "New folder").mkdir()
    look(box, 20)
    assert box.states() == {"New folder": "received"}
    box.clock.tick(600)
    box.turn(2)
    assert box.states() == {"New folder": "failed"}


def test_an_empty_folder_is_refused_once_however_long_its_filing_takes(box: SmallBox) -> None:
    """The reader may be busy for a while: meanwhile each look made another failed job of it."""
    box.drop("empty")
    look(box, 4)
    box.clock.tick(600)
    look(box, 20)
    assert [job.state for job in box.ledger.in_state(State.FAILED)] == [State.FAILED]


def test_a_full_box_takes_nothing_in_and_says_so(box: SmallBox) -> None:
    box.stop_free = 1 << 60
    box.restart()
    box.drop("patient", a="1")
    look(box, 5)
    assert box.states() == {"patient": "received"} and [a.code for a in box.ledger.alarms()] == [Code.NO_SPACE]
    box.stop_free = 0
    box.restart()
    look(box, 4)
    assert box.states() == {"patient": "queued"} and box.ledger.alarms() == ()


def test_receipts_tell_where_a_study_is_to_whoever_has_only_the_share(box: SmallBox) -> None:
    box.drop("<b>Visit", a="1")
    look(box)
    status = box.share / "_status"
    assert "Seen, arriving" in next(status.glob("*.txt")).read_text()
    box.turn()
    look(box)
    assert "gravest finding: severe" in next(status.glob("*.txt")).read_text()
    page = (status / "status.html").read_text()
    assert "&lt;b&gt;Visit" in page and "<b>Visit" not in page


def test_a_drop_that_became_part_of_a_study_keeps_its_line(box: SmallBox) -> None:
    """Whoever copied the axial series looks for the name they gave it."""
    box.drop("Anna sagittal", a=T1, b=T2)
    box.turn(4)
    box.drop("Anna axial", a=AXIAL)
    box.turn(4)
    (receipt,) = (box.share / "_status").glob("Anna axial*")
    assert "Part of the study Anna sagittal. Received 3 images" in receipt.read_text()
    box.turn(10)
    assert "Part of the study Anna sagittal. Read" in receipt.read_text()


def test_receipts_that_somebody_tidied_away_are_written_again(box: SmallBox) -> None:
    box.drop("Anna", a="1")
    box.turn()
    shutil.rmtree(box.share / "_status")
    box.drop("Bert", a="2")
    box.turn()
    assert {p.name.split()[0] for p in (box.share / "_status").iterdir()} == {"Anna", "Bert", "status.html"}


def test_the_page_on_the_share_says_why_nothing_moves(box: SmallBox) -> None:
    box.spool._stop_free = 1 << 60
    box.drop("Anna", a="1")
    box.turn()
    page = box.share / "_status" / "status.html"
    assert "The box&#x27;s disk has" in page.read_text() and "Make room" in page.read_text()
    box.spool._stop_free = 0
    box.turn(20)
    assert "Make room" not in page.read_text() and box.states() == {"Anna": "done"}


def test_a_receipt_says_each_step_and_the_first_within_one_look(box: SmallBox) -> None:
    said = []

    def look(rounds: int = 1) -> None:
        for _ in range(rounds):
            box.intake.step(box.clock.tick(2))
        said.append((box.share / "_status").glob("Anna*.txt").__next__().read_text().splitlines()[2].split("  ")[1])

    box.drop("Anna", a="study 1.2 sagittal_t2", b="study 1.2 sagittal_t1", c="study 1.2 axial_t2")
    look()
    look(2)
    look(6)
    box.ledger.take(box.clock())
    look()
    assert said == [
        "Seen, arriving",
        "Received 3 images, all three series are there, reading in 10 s",
        "Received 3 images, waiting to be read",
        "Being read: starting, 0%",
    ]


def test_who_drops_while_others_are_copied_has_a_receipt_all_the_same(box: SmallBox) -> None:
    for number in range(12):
        box.drop(f"study {number}", a=f"fine {number}")
    for _ in range(2):
        box.intake.step(box.clock.tick(2))
    copied = len(box.spool.held())
    assert box.intake.step(box.clock.tick(2)) and 0 < len(box.spool.held()) - copied < 12, "a few, then it looks again"
    box.drop("Bo", a="fine")
    box.intake.step(box.clock.tick(2))
    assert len(box.spool.held()) < 12 and list((box.share / "_status").glob("Bo*.txt"))


def test_an_upload_is_read_and_filed_like_a_drop(box: SmallBox) -> None:
    files = [("../../etc/passwd", io.BytesIO(b"one")), ("C:\\x\\IM1.dcm", io.BytesIO(b"two"))]
    job = box.uploads.accept("From the page", files, 6, box.clock())
    assert sorted(p.name for p in box.spool.folder(job.id).iterdir()) == ["000001_passwd", "000002_IM1.dcm"]
    box.turn(1)
    done = box.share / "_done" / "2026-03-02" / "From the page"
    assert box.ledger.job(job.id).state is State.DONE and len(list((done / "originals").iterdir())) == 2


def test_a_broken_upload_leaves_nothing(box: SmallBox) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the cable was pulled")

    with pytest.raises((OSError, SystemicError)):
        box.uploads.accept("half", [("a", io.BytesIO(b"1")), ("b", Broken())], 2, box.clock())
    with pytest.raises(InputError, match="larger than 1 MB"):
        box.uploads.accept("big", [("a", io.BytesIO(b"1" * (2 << 20)))], 1, box.clock())
    with pytest.raises(InputError, match="No file"):
        box.uploads.accept("none", [], 0, box.clock())
    assert box.states() == {} and list((box.folder / "spool").iterdir()) == []


def test_an_upload_cut_off_by_a_power_cut_is_forgotten_but_not_one_that_arrives(box: SmallBox) -> None:
    (box.folder / "spool" / "job0009.part").mkdir()
    box.retention.tidy(box.clock.tick())
    assert (box.folder / "spool" / "job0009.part").exists(), "it may be arriving in this moment"
    box.tidy(days=1)
    assert list((box.folder / "spool").iterdir()) == []


def test_retry_from_the_page_or_the_command_line(box: SmallBox) -> None:
    box.drop("bad", a="corrupt")
    box.turn()
    (job,) = box.ledger.newest(1)
    try_again(job, box.ledger, box.shelf.bring_back, box.clock())
    assert (box.share / "bad" / "a").exists() and not (box.share / "bad" / "WHY.txt").exists()
    (box.share / "bad" / "a").write_text("mended")
    box.turn()
    assert box.ledger.job(job.id).state is State.DONE


def test_two_studies_of_one_name_are_both_kept(box: SmallBox) -> None:
    for text in ("one", "two"):
        box.drop("knee", a=text)
        box.turn()
    done = box.share / "_done" / "2026-03-02"
    assert {p.name: (p / "originals" / "a").read_text() for p in done.iterdir()} == {"knee": "one", "knee (2)": "two"}


@pytest.mark.parametrize("where", ["folder", "inside", "loose"])
def test_a_name_that_is_no_utf_8_is_a_study_like_any_other(box: SmallBox, where: str) -> None:
    """Umlauts of an old Windows program, copied over a server that leaves names as they are."""
    name = b"M\xfcller"
    folder = os.path.join(os.fsencode(box.share), {"folder": name, "inside": b"Bert", "loose": b""}[where])
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w") as file:
        file.write("one")
    box.drop("Anna", a="two")
    box.turn(6)
    box.restart()
    box.turn(1)
    assert set(box.states().values()) == {"done"} and len(box.states()) == 2
    assert any(name in found[2] for found in os.walk(os.fsencode(box.share / "_done"))), "the name is kept as it was"
    assert "M\N{REPLACEMENT CHARACTER}ller" in box.states() or where == "inside"
    assert (box.share / "_status/status.html").read_text("utf-8")


def test_a_folder_of_too_many_files_is_refused_whole_not_in_slices(box: SmallBox) -> None:
    """The last of its slices would be read as if it were all."""
    target = box.share / "Many"
    target.mkdir()
    for number in range(130):
        (target / f"{number}").write_text(str(number))
    box.turn(2)
    (target / "131").write_text("still being copied")
    box.turn(2)
    assert box.states() == {"Many": "settling"}
    box.turn(20)
    assert [(j.state, j.filed_as) for j in box.ledger.newest(9)] == [("failed", "_failed/too_large/Many")]
    assert len(list((box.share / "_failed/too_large/Many").iterdir())) == 132 and not target.exists()


@pytest.mark.parametrize(("depth", "name"), [(40, "d"), (20, "d" * 250)])
def test_folders_too_deep_in_each_other_are_refused_and_hold_nobody_up(box: SmallBox, depth: int, name: str) -> None:
    """The second is longer than any path the system takes."""
    box.drop("Anna", a="one")
    (box.share / "Deep").mkdir()
    (box.share / "Deep" / "shallow").write_text("two")
    at = os.open(box.share / "Deep", os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=at)
        inner = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)
    box.turn(6)
    assert box.states() == {"Anna": "done", "Deep": "failed"} and box.ledger.alarms() == ()
    box.turn(8, 200)
    assert box.ledger.count() == 2 and (box.share / "_failed/too_large/Deep/shallow").exists()


def test_the_longest_words_fit_into_a_name(box: SmallBox) -> None:
    """80 letters of four bytes each are more than a file system takes: no receipt of anybody could be written."""
    box.uploads.accept("\U00020000" * 90, [("a.dcm", io.BytesIO(b"one"))], 3, box.clock())
    box.drop("Anna", a="two")
    box.turn(6)
    assert set(box.states().values()) == {"done"} and box.ledger.alarms() == ()
