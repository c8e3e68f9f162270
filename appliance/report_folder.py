"""Everything one reading leaves in its folder: report, pictures, PDF, slices. The wiring of adapters that do not meet."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.adapters.report_files import write_report
from appliance.adapters.report_pdf import report_pdf
from appliance.adapters.slice_files import read_slices, write_slices
from appliance.core.letterhead import Letterhead
from appliance.core.report import Report
from appliance.core.report_json import to_json
from appliance.core.study import Study
from appliance.errors import Code, from_os

OVERVIEW, PDF = "levels.png", "report.pdf"


def write_all(report: Report, study: Study, folder: Path, keep_slices: bool) -> None:
    """A first reading. Raises SystemicError."""
    write_report(report, study, folder)
    _write_pdf(report, folder)
    if keep_slices:
        write_slices(study, folder)


def write_again(report: Report, folder: Path) -> None:
    """A new revision, its pictures drawn anew from the slices kept; without slices there are no pictures.

    The old ones would show level names that are no longer right.
    """
    study = read_slices(folder)
    write_report(report, study or Study(report.study_uid, ()), folder)
    _write_pdf(report, folder)


def pdf_for(report: Mapping[str, Any], folder: Path, whose: Letterhead) -> bytes:
    """The sheet with what only the page knows: a name, a doctor's opinion."""
    return report_pdf(report, in_order(folder), whose)


def in_order(folder: Path) -> list[Path]:
    """The marked pictures: the overview, then by name."""
    return sorted(folder.glob("*.png"), key=lambda p: (p.name != OVERVIEW, "canal" not in p.name, p.name))


def _write_pdf(report: Report, folder: Path) -> None:
    written = json.loads(json.dumps(to_json(report)))
    try:
        (folder / PDF).write_bytes(report_pdf(written, in_order(folder)))
    except OSError as exc:
        raise from_os(exc, "The folder of the reports", Code.FAULT) from exc
