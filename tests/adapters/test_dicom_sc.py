"""A marked picture as a Secondary Capture: the pixels whole, the words about them right."""

from __future__ import annotations

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

from appliance.adapters.dicom_sc import picture_sc
from appliance.adapters.matrix_picture import draw_matrix
from appliance.core.dicom_identity import Identity
from appliance.core.picture_sources import shown_in
from appliance.core.study import Patient
from tests.core.make_values import SOP, dicom_report


def png(side: int = 40) -> bytes:
    out = BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (side, side + 10, 3), np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def capture(name: str = "levels", sop_class: str | None = None, patient: Patient | None = None) -> pydicom.Dataset:
    made = dicom_report(sop_class) if sop_class else dicom_report()
    who = Identity(made, patient or Patient())
    return pydicom.dcmread(BytesIO(picture_sc(who, shown_in(made, name), png(), 2)))


def test_the_pixels_are_the_pictures() -> None:
    with Image.open(BytesIO(png())) as image:
        assert np.array_equal(capture().pixel_array, np.asarray(image))


def test_it_lies_in_the_study_it_was_made_from_and_points_to_its_image() -> None:
    made = capture("spinal_canal_stenosis_l4_l5")
    assert made.StudyInstanceUID == "1.2.826.0" and made.InstanceNumber == 2 and made.SeriesNumber == 9902
    assert made.SourceImageSequence[0].ReferencedSOPInstanceUID == SOP
    assert made.ImageType[:2] == ["DERIVED", "SECONDARY"] and "not a diagnosis" in made.ImageComments
    assert made.DerivationDescription == "Spinal canal stenosis, L4/L5: the slice that decided"


def test_no_name_is_in_it_unless_told_to() -> None:
    assert not capture().PatientName and capture().PatientIdentityRemoved == "YES"
    assert capture(patient=Patient("7", "Doe^Jane")).PatientName == "Doe^Jane"


def test_words_that_tell_who_are_ruled_out_only_where_a_scanner_made_the_picture() -> None:
    """Burned In Annotation means name and date, not marks; a screenshot may hold anything."""
    assert capture().BurnedInAnnotation == "NO"
    assert "BurnedInAnnotation" not in capture(sop_class="1.2.840.10008.5.1.4.1.1.7")


def test_the_matrix_is_a_picture_with_every_word_and_the_warning() -> None:
    drawn = draw_matrix(dicom_report())
    with Image.open(BytesIO(drawn)) as image:
        pixels = np.asarray(image)
    severe, unknown = (253, 222, 223), (237, 240, 243)
    assert pixels.shape[1] == 1280 and (pixels == (140, 26, 18)).all(axis=2).sum() > 1000
    assert (pixels == severe).all(axis=2).any() and (pixels == unknown).all(axis=2).any()
    assert drawn == draw_matrix(dicom_report())


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("name", ["matrix", "levels", "spinal_canal_stenosis_l4_l5"])
@pytest.mark.parametrize("patient", [Patient(), Patient("7", "Doe^Jané", "19610203", "F")], ids=["nameless", "named"])
def test_dicom3tools_finds_no_error(name: str, patient: Patient, tmp_path: Path) -> None:
    capture(name, patient=patient).save_as(tmp_path / "sc.dcm", enforce_file_format=True)
    ran = subprocess.run(["dciodvfy", "sc.dcm"], cwd=tmp_path, capture_output=True, text=True, check=False)
    told = ran.stdout + ran.stderr
    assert "SCImage" in told and "Error" not in told, told
