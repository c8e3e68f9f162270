"""Who a DICOM object made from a report is: its UIDs, whose it is, its hour. Pure.

UIDs come from the report, so the same report asked for twice is the same object. A report with the patient's name in it
is another object than one without.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from appliance.core.report import Report, SourceImage
from appliance.core.study import Patient

NAME = "Lumbarbox"
DESCRIPTION = "Lumbarbox AI pre-screening, not a diagnosis"
SR_SERIES, SC_SERIES = 9901, 9902
"""Series numbers far above a scanner's own."""
NAMELESS = "Lumbarbox left out name, ID, birth date and sex; UIDs are kept"

MULTI_FRAME = frozenset(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("4.1", "4.3", "4.4", "7.1", "7.2", "7.3", "7.4"))
"""SOP classes whose frames are told apart by number: enhanced and legacy converted MR, multi-frame secondary capture."""
MR = frozenset(f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("4", "4.1", "4.4"))
"""Pictures of a scanner: nobody's name is written in them."""

LONGEST = 64
"""Letters of a DICOM PN or LO."""

_UID = re.compile(r"(?=.{3,64}$)[0-2](\.(0|[1-9]\d*))+")
"""DICOM PS3.5, 9.1: at most 64 letters, no leading zeros."""
_DAY = re.compile(r"\d{8}")
_SEXES = ("M", "F", "O")


@dataclass(frozen=True, slots=True)
class Identity:
    """What every object made from one report shares."""

    report: Report
    patient: Patient = field(default_factory=Patient)
    software: str = "0"

    def __post_init__(self) -> None:
        if not can_be_dicom(self.report):
            raise ValueError("this report points to no DICOM image: it belongs to no study an archive could know")

    @property
    def is_named(self) -> bool:
        return bool(self.patient.patient_id or self.patient.name)

    @property
    def images(self) -> Mapping[str, SourceImage]:
        """By SOP Instance UID."""
        return {image.sop_uid: image for image in self.report.images if _is_whole(image)}

    @property
    def study_date(self) -> str:
        """Empty where it is no date."""
        return _day(self.report.times.study_date)

    @property
    def patient_name(self) -> str:
        """At most as long, and in as many parts, as DICOM's PN may be; a backslash would make two of it."""
        name = self.patient.name.replace("\\", " ")
        return (name if name.count("=") == 0 and name.count("^") <= 4 else re.sub("[=^]+", " ", name))[:LONGEST]

    @property
    def patient_id(self) -> str:
        return self.patient.patient_id.replace("\\", " ")[:LONGEST]

    @property
    def birth_date(self) -> str:
        return _day(self.patient.birth_date)

    @property
    def sex(self) -> str:
        return self.patient.sex if self.patient.sex in _SEXES else ""

    @property
    def read_at(self) -> datetime:
        return datetime.fromisoformat(self.report.times.read_at)

    def uid(self, *what: str) -> str:
        """`2.25.` and a UUID (PS3.5, B.2), the same for the same report, revision and `what`."""
        told = (self.report.report_id, str(self.report.revision), "named" if self.is_named else "nameless", *what)
        return uid_of(*told)


def can_be_dicom(report: Report) -> bool:
    """False for a PNG or JPEG, for images that do not name themselves, and for reports of earlier versions of the box."""
    return is_uid(report.study_uid) and any(_is_whole(image) for image in report.images)


def is_uid(text: str) -> bool:
    return _UID.fullmatch(text) is not None


def uid_of(*told: str) -> str:
    """From words, for ever the same."""
    digest = hashlib.sha256("\n".join(("lumbarbox", *told)).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def _is_whole(image: SourceImage) -> bool:
    return all(map(is_uid, (image.sop_uid, image.sop_class_uid, image.series_uid)))


def _day(text: str) -> str:
    return text if _DAY.fullmatch(text) and _is_date(text) else ""


def _is_date(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y%m%d")  # noqa: DTZ007
    except ValueError:
        return False
    return True
