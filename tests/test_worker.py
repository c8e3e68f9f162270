"""A study's way through the box, told with a reader that reads text."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from appliance.adapters.inbox import MARKER
from appliance.core.jobs import State
from appliance.errors import Code, ModelError, SystemicError
from appliance.worker import guarded
from tests.fakes import SmallBox


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


def test_a_dropped_study_is_read_filed_and_handed_over(box: SmallBox) -> None:
    box.drop("Visit 7", a="one", b="two")
    box.turn()
    (job,) = box.ledger.newest(10)
    assert job.state is State.DONE and job.result and job.result.worst == "severe" and job.result.graded == 25
    done = box.share / "_done" / "2026-03-02" / "Visit 7"
    assert sorted(p.name for p in done.iterdir()) == ["originals", "report.csv", "report.json", "sagittal_t2.png"]
    assert {p.name: p.read_text() for p in (done / "originals").iterdir()} == {"a": "one", "b": "two"}
    assert not (box.share / "Visit 7").exists()
    (waiting,) = box.outbox.oldest(10)
    assert waiting.body["rid"] == job.id and len(waiting.body["findings"]) == 25
    box.tidy(days=3)
    assert not box.spool.folder(job.id).exists(), "kept for late slices, not for ever"


def test_nothing_that_names_the_study_waits_for_the_broker(box: SmallBox) -> None:
    box.drop("Doe^Jane 1971", a="one")
    box.turn()
    body = json.dumps(box.outbox.oldest(1)[0].body)
    assert "Doe" not in body and "1.2.826" not in body and "1.2.3" not in body and "20260302" not in body


def test_a_study_that_cannot_be_read_is_set_aside_with_its_reason_and_the_box_goes_on(box: SmallBox) -> None:
    box.drop("bad", a="corrupt")
    box.drop("good", a="fine")
    box.turn()
    assert box.states() == {"bad": "failed", "good": "done"}
    set_aside = box.share / "_failed" / "corrupt" / "bad"
    why = (set_aside / "WHY.txt").read_text()
    assert "The images are damaged." in why and "Export the study again." in why
    assert (set_aside / "a").read_text() == "corrupt"
    assert box.outbox.count() == 1, "a study that failed is never a result"


def test_dropped_back_it_is_tried_again(box: SmallBox) -> None:
    box.drop("bad", a="corrupt")
    box.turn()
    (box.share / "_failed" / "corrupt" / "bad").rename(box.share / "bad")
    box.turn()
    assert box.reader.seen == ["corrupt", "corrupt"], "WHY.txt is not part of the study"
    assert [j.state for j in box.ledger.newest(10)] == [State.FAILED, State.FAILED]


def test_a_mistake_of_ours_fails_the_study_loudly(box: SmallBox) -> None:
    box.drop("odd", a="fault")
    for _ in range(4):
        box.intake.step(box.clock.tick(2))
    assert guarded(box.worker, box.clock()) is False
    (job,) = box.ledger.newest(10)
    assert job.state is State.FAILED and job.reason and job.reason.code == Code.FAULT
    box.turn(1)
    assert (box.share / "_failed" / "fault" / "odd" / "WHY.txt").exists()


def test_a_full_disk_is_nobodys_fault(box: SmallBox) -> None:
    box.reader.errors = [SystemicError(Code.NO_SPACE, "The disk is full.", "Make room.")]
    box.drop("patient", a="fine")
    box.turn(4)
    (job,) = box.ledger.newest(10)
    assert job.state is State.QUEUED and job.attempts == 0
    assert [a.code for a in box.ledger.alarms()] == ["no_space"]
    box.clock.tick(10)
    box.turn(1)
    assert box.ledger.job(job.id).state is State.DONE
    assert box.ledger.alarms() == ()


def test_models_that_are_not_what_they_say_read_nothing(box: SmallBox) -> None:
    real = box.reader.prepare

    def refuse() -> dict[str, object]:
        raise ModelError(Code.MODEL_CHANGED, "A model was changed.", "Install the models again.")

    box.reader.prepare = refuse  # type: ignore[method-assign]
    box.drop("patient", a="fine")
    box.turn()
    assert box.states() == {"patient": "queued"} and box.reader.seen == []
    assert not box.vitals.take().reader_ready
    box.reader.prepare = real  # type: ignore[method-assign]
    box.clock.tick(10)
    box.turn(1)
    assert box.states() == {"patient": "done"} and box.ledger.alarms() == ()


def test_the_same_images_again_are_recognised_and_say_so(box: SmallBox) -> None:
    box.drop("first", a="one", b="two")
    box.turn()
    box.drop("second", x="two", y="one")
    box.turn()
    second, first = box.ledger.newest(10)
    assert second.duplicate_of == first.id and second.result == first.result
    assert box.reader.seen == ["one\ntwo"] and box.outbox.count() == 1
    filed = box.share / "_done" / "2026-03-02" / "second"
    assert "as first" in (filed / "READ BEFORE.txt").read_text() and (filed / "report.json").exists()


def test_new_models_read_the_same_images_again(box: SmallBox) -> None:
    box.drop("first", a="one")
    box.turn()
    box.reader.fingerprint = "models-2"
    box.drop("second", a="one")
    box.turn()
    assert len(box.reader.seen) == 2


class PowerCut(BaseException):
    """The process is gone in this moment."""


def test_a_study_that_ends_the_process_twice_is_quarantined_and_the_next_one_is_read(box: SmallBox) -> None:
    box.drop("killer", a="boom")
    for _ in range(2):
        box.reader.errors = [PowerCut()]  # type: ignore[list-item]
        with pytest.raises(PowerCut):
            box.turn()
        box.restart()
    box.drop("next", a="fine")
    box.turn()
    assert box.states() == {"killer": "quarantined", "next": "done"}
    assert (box.share / "_failed" / "crashed_twice" / "killer" / "a").exists()


def test_a_process_that_ended_once_tries_the_study_again(box: SmallBox) -> None:
    box.drop("unlucky", a="fine")
    box.reader.errors = [PowerCut()]  # type: ignore[list-item]
    with pytest.raises(PowerCut):
        box.turn()
    box.restart()
    box.turn(1)
    assert box.states() == {"unlucky": "done"}


@pytest.mark.parametrize("method", ["place_done", "file_done"])
@pytest.mark.parametrize("before", [True, False])
def test_power_cut_while_filing_loses_and_doubles_nothing(
    box: SmallBox, method: str, before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = getattr(box.shelf, method)

    def cut(*args: object) -> None:
        if not before:
            real(*args)
        raise PowerCut

    box.drop("patient", a="fine")
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        patch.setattr(box.shelf, method, cut)
        box.turn()
    box.restart()
    box.turn(8)
    assert [p.name for p in (box.share / "_done" / "2026-03-02").iterdir()] == ["patient"]
    assert (box.share / "_done" / "2026-03-02" / "patient" / "originals" / "a").read_text() == "fine"
    assert len(box.reader.seen) == 1 and box.outbox.count() == 1 and box.states() == {"patient": "done"}


def test_power_cut_between_the_ledger_and_the_outbox_still_publishes(
    box: SmallBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*args: object) -> None:
        raise PowerCut

    box.drop("patient", a="fine")
    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        patch.setattr(box.outbox, "put", cut)
        box.turn()
    assert box.outbox.count() == 0
    box.restart()
    box.turn(1)
    assert box.outbox.count() == 1


def test_a_share_that_goes_away_after_the_reading_is_waited_for(box: SmallBox) -> None:
    box.drop("patient", a="fine")
    for _ in range(4):
        box.intake.step(box.clock.tick(2))
    away = box.folder / "away"
    box.share.rename(away)
    box.worker.step(box.clock())
    (job,) = box.ledger.newest(1)
    assert job.state is State.DONE and not job.filed and box.outbox.count() == 1
    shutil.rmtree(box.share, ignore_errors=True)
    away.rename(box.share)
    assert (box.share / MARKER).exists()
    box.turn(2)
    assert (box.share / "_done" / "2026-03-02" / "patient" / "originals" / "a").exists()
