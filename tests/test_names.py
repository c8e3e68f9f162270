"""What a technician is told of names files as they called them, never as the box's copies are called."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import datetime
from pathlib import Path

import pytest

from appliance.adapters.dicom_reader import read_header
from appliance.cli import main
from appliance.core.limits import Limits
from appliance.inspection import Inspector
from appliance.ports import Progress, Reading, ToRead
from appliance.reading import read_path
from tests.fakes import FakeReader, SmallBox
from tests.make_dicom import Recipe, sagittal_series, save

OURS = re.compile(r"\d{6}_")
"""How the spool numbers its copies."""


class RealFiles(FakeReader):
    """Opens the files as the real reader does; the report itself does not matter here."""

    def __init__(self, box: SmallBox) -> None:
        super().__init__()
        self._box = box
        self.skipped: dict[str, str] = {}

    def read(self, study: ToRead, now: datetime, progress: Progress) -> Reading:
        found = read_path(study.files, Limits(), study_uid=study.study_uid, called=self._box.spool.called)
        self.skipped = {one.name: one.reason for one in found.skipped}
        return super().read(study, now, progress)


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    made = SmallBox(tmp_path)
    made.reader = RealFiles(made)
    made.start()
    inspector = Inspector(Limits(), read_header, made.spool.called)
    for part in (made.intake, made.uploads):
        part._inspector = inspector  # type: ignore[attr-defined]
    return made


def why(box: SmallBox) -> str:
    return next(box.share.glob("_failed/*/*/WHY.txt")).read_text()


def told(box: SmallBox) -> str:
    """Everything a person can read on the share."""
    files = [*box.share.glob("_status/*"), *box.share.glob("_failed/*/*/WHY.txt")]
    return "\n".join(path.read_text("utf-8") for path in files)


def test_a_damaged_file_is_named_with_its_folder(box: SmallBox) -> None:
    for series in ("SE1", "SE2"):
        save(sagittal_series(Recipe()), box.share / "Anna" / series)
    for image in (box.share / "Anna" / "SE2").iterdir():
        image.write_bytes(image.read_bytes()[:-2000])
    box.turn(40)
    assert box.states() == {"Anna": "done"}
    assert set(box.reader.skipped) >= {"SE2/IM0000"} and not OURS.search("".join(box.reader.skipped))  # type: ignore[attr-defined]


def test_why_txt_names_what_was_dropped(box: SmallBox) -> None:
    (box.share / "Anna").mkdir()
    (box.share / "Anna" / "holiday.doc").write_text("a letter")
    box.turn(6)
    assert "holiday.doc is not a DICOM file" in why(box) and not OURS.search(told(box))


def test_a_trick_in_an_archive_is_named_by_the_archive(box: SmallBox) -> None:
    with zipfile.ZipFile(box.share / "from CD.zip", "w") as archive:
        archive.writestr("../evil", "x")
    box.turn(6)
    assert "from CD.zip holds an entry that points outside" in why(box) and not OURS.search(told(box))


def test_an_uploaded_file_is_named_as_the_browser_named_it(box: SmallBox) -> None:
    box.uploads.accept("Bo", [("holiday.doc", io.BytesIO(b"a letter"))], 8, box.clock())
    box.turn(2)
    assert "holiday.doc is not a DICOM file" in why(box) and not OURS.search(told(box))


def test_a_verb_that_does_not_fit_says_the_state_and_what_can_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = SmallBox(tmp_path)
    box.drop("good", a="fine")
    box.drop("bad", a="corrupt")
    box.turn()
    (tmp_path / "share" / "waits").mkdir()
    box.intake.step(box.clock.tick(2))
    ids = {job.name: job.id for job in box.ledger.newest(9)}
    (tmp_path / "empty.toml").write_text("")

    def jobs(verb: str, job: str) -> str:
        assert main(["--config", str(tmp_path / "empty.toml"), "jobs", "--data", str(tmp_path), verb, job]) == 2
        said = capsys.readouterr().err
        assert "unsupported" not in said and "Traceback" not in said and "(usage;" in said
        return said

    assert "is done: Read" in (said := jobs("retry", ids["good"])) and "drop the study into the shared folder again" in said
    assert f"lumbarbox jobs retry {ids['bad']}" in jobs("release", ids["bad"])
    assert f"lumbarbox jobs now {ids['waits']}" in jobs("retry", ids["waits"])
    assert "is done: Read" in jobs("now", ids["good"])
    assert "There is no job nobody" in jobs("retry", "nobody")
