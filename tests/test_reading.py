"""From what lies in a folder to a study, or to a reason a person understands."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from appliance.core.limits import Limits
from appliance.errors import Code, InputError
from appliance.reading import read_path
from tests.make_dicom import Recipe, dataset, sagittal_picture, sagittal_series, save, whole_study

ROOMY = Limits()
SMALL = Recipe(side_px=32, sagittal_slices=5, axial_slices=6)


def refused(path: Path, limits: Limits = ROOMY) -> InputError:
    with pytest.raises(InputError) as caught:
        read_path(path, limits)
    assert caught.value.message and caught.value.action
    return caught.value


@pytest.fixture
def study(tmp_path: Path) -> Path:
    return save(whole_study(SMALL), tmp_path / "study")


def test_a_folder_a_zip_and_a_single_file(study: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in study.iterdir():
            archive.write(file, f"x/{file.name}")
    folder, packed = read_path(study), read_path(tmp_path / "study.zip")
    assert [len(s.slices) for s in folder.series] == [len(s.slices) for s in packed.series]
    assert sorted(len(s.slices) for s in folder.series) == [5, 5, 6]
    assert read_path(study / "IM0000").is_single_image


def test_one_bad_file_is_skipped_with_its_reason(study: Path) -> None:
    whole = (study / "IM0003").read_bytes()
    (study / "IM0003").write_bytes(whole[: len(whole) // 2])
    (study / "readme.txt").write_text("Images of the spine")
    skipped = {s.name: s.reason for s in read_path(study).skipped}
    assert set(skipped) == {"IM0003", "readme.txt"}
    assert "cut off" in skipped["IM0003"] and "not a DICOM" in skipped["readme.txt"]


def test_pictures_beside_dicom_are_thumbnails_and_not_read(study: Path) -> None:
    Image.new("L", (20, 20)).save(study / "preview.png")
    assert all(s.plane is not None for series in read_path(study).series for s in series.slices)


def test_a_folder_of_plain_pictures_is_one_study(tmp_path: Path) -> None:
    for i in range(3):
        Image.fromarray(np.full((20, 20), i * 50, np.uint8)).save(tmp_path / f"{i}.png")
    study = read_path(tmp_path)
    assert len(study.series) == 3 and study.study_uid


def test_empty_text_and_damage_each_say_what_they_are(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refused(empty).code is Code.EMPTY
    (tmp_path / "note.txt").write_text("hello")
    assert refused(tmp_path / "note.txt").code is Code.NOT_DICOM
    cut = save(sagittal_series(SMALL), tmp_path / "cut")
    for file in cut.iterdir():
        file.write_bytes(file.read_bytes()[:-100])
    error = refused(cut)
    assert error.code is Code.CORRUPT and "5 files" in error.message


def test_a_study_without_pixels(tmp_path: Path) -> None:
    datasets = sagittal_series(SMALL)
    for ds in datasets:
        del ds.PixelData
    assert refused(save(datasets, tmp_path / "s")).code is Code.NO_PIXELS


def test_two_patients_ct_and_a_head(tmp_path: Path) -> None:
    mixed = [*sagittal_series(SMALL), *sagittal_series(Recipe(name="other", side_px=32, tags={"PatientID": "P2"}))]
    assert refused(save(mixed, tmp_path / "mixed")).code is Code.MIXED_PATIENTS
    ct = Recipe(side_px=32, sagittal_slices=2, tags={"Modality": "CT"})
    assert refused(save(sagittal_series(ct), tmp_path / "ct")).code is Code.NOT_MR
    head = Recipe(side_px=32, sagittal_slices=2, tags={"BodyPartExamined": "HEAD", "StudyDescription": "MR Brain"})
    assert refused(save(sagittal_series(head), tmp_path / "head")).code is Code.NOT_LUMBAR


def test_limits_hold_for_the_whole_study(study: Path) -> None:
    assert refused(study, Limits(decoded_bytes=32 * 32 * 4 * 5)).code is Code.TOO_LARGE
    assert refused(study, Limits(files=10)).code is Code.TOO_LARGE


def test_progress_counts_files(study: Path) -> None:
    seen: list[int] = []
    read_path(study, progress=seen.append)
    assert seen == list(range(1, 17))


def test_decoding_can_move_elsewhere(study: Path) -> None:
    """The seam for the child process: the reader of DICOM files is an argument."""
    asked: list[str] = []

    def refuse_all(name: str, data: bytes, limits: Limits) -> tuple[()]:
        asked.append(name)
        raise InputError(Code.CORRUPT, f"{name} killed its decoder.", "Copy it again.")

    with pytest.raises(InputError):
        read_path(study, decode=refuse_all)
    assert len(asked) == 16


def test_a_slice_without_any_identifiers_is_still_a_study(tmp_path: Path) -> None:
    tags = {"StudyInstanceUID": None, "SeriesInstanceUID": None, "PatientID": None, "PatientName": None}
    ds = dataset(SMALL, "x", 0, sagittal_picture(SMALL), **tags)
    assert read_path(save([ds], tmp_path / "s") / "IM0000").is_single_image
