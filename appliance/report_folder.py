"""Everything one reading leaves in its folder: report, pictures, PDF, slices. The wiring of adapters that do not meet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.adapters.report_files import write_files, write_report
from appliance.adapters.report_pdf import report_pdf
from appliance.adapters.slice_files import read_slices, write_slices
from appliance.core.letterhead import Letterhead
from appliance.core.report import Report
from appliance.core.report_from_json import from_json
from appliance.core.report_json import to_json
from appliance.core.study import Patient, Study
from appliance.core.voice import ENGLISH, Voice
from appliance.dicom_objects import can_be_dicom, dicom_files, dicom_zip
from appliance.typeface import printable, typeface

OVERVIEW, PDF = "levels.png", "report.pdf"


@dataclass(frozen=True, slots=True)
class Leaves:
    """What a reading leaves besides report and pictures. `names`: the patient's, in the DICOM objects."""

    slices: bool = True
    dicom: bool = False
    names: bool = False
    software: str = "0"
    voice: Voice = ENGLISH
    """Of the sheet and of the words on the pictures."""


DEFAULTS = Leaves()


def write_all(report: Report, study: Study, folder: Path, leaves: Leaves = DEFAULTS) -> None:
    """A first reading. Raises SystemicError."""
    write_report(report, study, folder, leaves.voice, typeface())
    _write_pdf(report, folder, leaves.voice)
    write_dicom(report, folder, leaves, study.patient)
    if leaves.slices:
        write_slices(study, folder)


def write_dicom(report: Report, folder: Path, leaves: Leaves, patient: Patient) -> bool:
    """Beside the report, where that is wanted; False where it cannot be: the images are no DICOM objects."""
    if not leaves.dicom or not can_be_dicom(report):
        return not leaves.dicom
    who = patient if leaves.names else Patient()
    write_files(folder, dicom_files(report, in_order(folder), who, leaves.software))
    return True


def write_again(report: Report, folder: Path, patient: Patient, leaves: Leaves = DEFAULTS) -> None:
    """A new revision, its pictures drawn anew from the slices kept; without slices there are no pictures.

    The old ones would show level names that are no longer right.
    """
    study = read_slices(folder)
    write_report(report, study or Study(report.study_uid, ()), folder, leaves.voice, typeface())
    _write_pdf(report, folder, leaves.voice)
    write_dicom(report, folder, leaves, patient)


def pdf_for(report: Mapping[str, Any], folder: Path, whose: Letterhead, voice: Voice) -> bytes:
    """The sheet with what only the page knows: a name, a doctor's opinion, who asks in which language."""
    letters = typeface()
    return report_pdf(report, in_order(folder), whose, printable(voice, letters), letters)


def dicom_for(report: Mapping[str, Any], folder: Path, patient: Patient | None, software: str) -> bytes | None:
    """A zip of the report's DICOM objects, the same whenever it is asked for; None where they cannot be."""
    made = from_json(report)
    if not can_be_dicom(made):
        return None
    return dicom_zip(dicom_files(made, in_order(folder), patient or Patient(), software))


def in_order(folder: Path) -> list[Path]:
    """The marked pictures: the overview, then by name."""
    return sorted(folder.glob("*.png"), key=lambda p: (p.name != OVERVIEW, "canal" not in p.name, p.name))


def _write_pdf(report: Report, folder: Path, voice: Voice) -> None:
    written = json.loads(json.dumps(to_json(report)))
    write_files(folder, {PDF: pdf_for(written, folder, Letterhead(), voice)})
