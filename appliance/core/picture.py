"""What one file yields: a picture and the facts that tell where it belongs. Made by the readers, used by `assembly`."""

from __future__ import annotations

from dataclasses import dataclass, field

from appliance.core.study import Contrast, Patient, Slice


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What a file says of its study."""

    study_uid: str
    patient: Patient = field(default_factory=Patient)
    study_date: str = ""
    description: str = ""
    accession_number: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One slice on its way into a series."""

    study: StudyFacts
    series_uid: str
    slice: Slice
    contrast: Contrast = field(default_factory=Contrast)
    modality: str = "MR"
    body_part: str = ""
