"""A report as DICOM objects: the structured report, and its pictures as secondary captures. The wiring of both writers.

highdicom is loaded when the first object is asked for: a box nobody asks spends neither the second nor the 20 MB.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from appliance.core.dicom_identity import Identity, can_be_dicom
from appliance.core.picture_sources import MATRIX, shown_in
from appliance.core.report import Report
from appliance.core.study import Patient

SR_NAME = "report.sr.dcm"
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""A zip's own: the same objects make the same file."""

__all__ = ["can_be_dicom", "dicom_files", "dicom_zip"]


def dicom_files(report: Report, pictures: Sequence[Path], patient: Patient, software: str) -> Mapping[str, bytes]:
    """File name to content: the report, the matrix, each marked picture. Raises ValueError unless `can_be_dicom`."""
    return dict(_made(Identity(report, patient, software), pictures))


def dicom_zip(files: Mapping[str, bytes]) -> bytes:
    """All in one, to be brought to an archive."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _made(who: Identity, pictures: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    from appliance.adapters.dicom_sc import picture_sc
    from appliance.adapters.dicom_sr import report_sr
    from appliance.adapters.matrix_picture import draw_matrix

    warnings.filterwarnings("ignore", category=UserWarning, module="highdicom")  # of names written as one word
    yield SR_NAME, report_sr(who)
    drawn = [(MATRIX, draw_matrix(who.report)), *((path.stem, path.read_bytes()) for path in pictures)]
    for number, (name, png) in enumerate(drawn, start=1):
        yield f"{name}.sc.dcm", picture_sc(who, shown_in(who.report, name), png, number)
