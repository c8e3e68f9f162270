"""What lies in the folder afterwards: all of it, or the reason why not."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from appliance.adapters.report_files import draw, write_report
from appliance.core.overlay import Mark, MarkedPicture, Tone
from appliance.errors import Code, SystemicError
from appliance.typeface import typeface
from appliance.web.speech import speech_of
from tests.core.make_values import report, study


def test_everything_is_written_and_the_report_last(tmp_path: Path) -> None:
    paths = write_report(report(), study(), tmp_path / "new" / "folder")
    assert [p.name for p in paths] == [
        "levels.png", "spinal_canal_stenosis_l4_l5.png", "report.csv", "report.txt", "report.json",
    ]  # fmt: skip
    assert sorted(p.name for p in paths[0].parent.iterdir()) == sorted(p.name for p in paths)
    assert json.loads(paths[-1].read_text())["report_id"] == "abc123"


def test_written_twice_is_the_same_bytes(tmp_path: Path) -> None:
    first = [p.read_bytes() for p in write_report(report(), study(), tmp_path)]
    assert first == [p.read_bytes() for p in write_report(report(), study(), tmp_path)]


def test_a_mark_is_drawn_where_it_belongs_and_the_warning_is_burned_in() -> None:
    picture = MarkedPicture(
        "p", "Title", np.zeros((90, 60), np.uint8), (Mark((20, 30, 39, 49), "L4/L5", Tone.SEVERE),), aspect=2.0
    )
    image = Image.open(BytesIO(draw(picture)))
    assert image.size == (300, 900)
    pixels = np.asarray(image)
    assert tuple(pixels[400, 100]) == (255, 95, 95)
    assert (pixels[-40:, :200] == (255, 255, 0)).all(axis=2).any()


def test_a_full_disk_is_not_the_studys_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SystemicError) as caught:
        write_report(report(), study(), tmp_path)
    assert caught.value.code is Code.NO_SPACE
    assert not (tmp_path / "report.json").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemicError):
        write_report(report(), study(), tmp_path / "file" / "out")


@pytest.mark.skipif(typeface() is None, reason="fonts-dejavu-core is not installed")
def test_the_words_on_a_picture_are_the_clinics() -> None:
    picture = MarkedPicture("p", "Disc levels and canal", np.zeros((90, 60), np.uint8), (), aspect=2.0)
    english, arabic, swahili = (
        np.asarray(Image.open(BytesIO(draw(picture, speech_of(code), typeface())))) for code in ("en", "ar", "sw")
    )
    assert np.array_equal(english, np.asarray(Image.open(BytesIO(draw(picture)))))
    foot = slice(-40, None)
    for other in (arabic, swahili):
        assert (other[foot] == (255, 255, 0)).all(axis=2).any() and not np.array_equal(other[foot], english[foot])


def test_without_letters_for_it_a_picture_is_english() -> None:
    picture = MarkedPicture("p", "Disc levels and canal", np.zeros((90, 60), np.uint8), (), aspect=2.0)
    assert draw(picture, speech_of("ar"), None) == draw(picture)
