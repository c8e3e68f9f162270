"""A marked picture as a DICOM Secondary Capture, by highdicom: what every viewer and archive can show.

The words and boxes are burned into the pixels, the warning among them; no name is, and none is added.
"""

from __future__ import annotations

from io import BytesIO

import numpy as np
from highdicom.sc import SCImage
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.sr.coding import Code

from appliance.core import dicom_codes as c
from appliance.core.dicom_identity import DESCRIPTION, MR, MULTI_FRAME, NAME, NAMELESS, SC_SERIES, Identity
from appliance.core.picture_sources import Shown


def picture_sc(who: Identity, shown: Shown, png: bytes, number: int) -> bytes:
    """`png` as the bytes of one DICOM file, the `number`-th of its series; the same for the same report."""
    made = SCImage(
        pixel_array=_pixels(png),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        study_instance_uid=who.report.study_uid,
        series_instance_uid=who.uid("SC", "series"),
        series_number=SC_SERIES,
        sop_instance_uid=who.uid("SC", shown.name),
        instance_number=number,
        manufacturer=NAME,
        patient_id=who.patient_id,
        patient_name=who.patient_name,
        patient_birth_date=who.birth_date,
        patient_sex=who.sex,
        study_date=who.study_date or None,
        patient_orientation=("R", "F"),
        manufacturer_model_name=NAME,
        software_versions=who.software,
        series_description=DESCRIPTION,
        specific_character_set="ISO_IR 192",
    )
    _finish(made, who, shown)
    out = BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _pixels(png: bytes) -> NDArray[np.uint8]:
    """(rows, columns, 3)."""
    with Image.open(BytesIO(png), formats=("PNG",)) as image:
        return np.asarray(image.convert("RGB"))


def _finish(made: Dataset, who: Identity, shown: Shown) -> None:
    day, hour = who.read_at.strftime("%Y%m%d"), who.read_at.strftime("%H%M%S")
    for which in ("InstanceCreation", "Series", "Content"):
        setattr(made, f"{which}Date", day)
        setattr(made, f"{which}Time", hour)
    made.DateOfSecondaryCapture, made.TimeOfSecondaryCapture = day, hour
    for equipment in made.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = f"{day}{hour}"
    made.PatientOrientation = ""  # a page of pictures and words has none
    made.ImageComments = who.report.notice
    made.DerivationDescription = shown.title
    made.BodyPartExamined = "LSPINE"
    _say_what_is_burned_in(made, who, shown)
    if not who.is_named:
        made.PatientIdentityRemoved, made.DeidentificationMethod = "YES", NAMELESS
    made.SourceImageSequence = [_reference(who, uid, frame) for uid, frame in shown.sources if uid in who.images]
    if not made.SourceImageSequence:
        del made.SourceImageSequence


def _say_what_is_burned_in(made: Dataset, who: Identity, shown: Shown) -> None:
    """DICOM means words that tell who and when (PS3.3, C.7.6.1): none in a scanner's picture; who knows in a screenshot?"""
    known = all(who.images[uid].sop_class_uid in MR for uid, _ in shown.sources if uid in who.images)
    if known:
        made.BurnedInAnnotation, made.RecognizableVisualFeatures = "NO", "NO"


def _reference(who: Identity, uid: str, frame: int) -> Dataset:
    image, made = who.images[uid], Dataset()
    made.ReferencedSOPClassUID, made.ReferencedSOPInstanceUID = image.sop_class_uid, uid
    if frame > 1 or image.sop_class_uid in MULTI_FRAME:
        made.ReferencedFrameNumber = frame
    purpose = Dataset()
    code = Code(*c.SOURCE_IMAGE)
    purpose.CodeValue, purpose.CodingSchemeDesignator, purpose.CodeMeaning = code.value, code.scheme_designator, code.meaning
    made.PurposeOfReferenceCodeSequence = [purpose]
    return made
