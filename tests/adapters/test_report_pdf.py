"""The printed sheet: one page of A4, whatever the report holds."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.adapters.report_files import write_report
from appliance.adapters.report_pdf import latin, report_pdf, title_of
from appliance.core.letterhead import Letterhead
from appliance.core.report import Alert, Finding, Outcome, Reason, Report
from appliance.core.report_json import to_json
from tests.core.make_values import report, study


def words_of(sheet: bytes) -> str:
    """The text as it is drawn."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", sheet, re.S)
    drawn = b"".join(zlib.decompress(s) for s in streams if s[:1] == b"x" and b"Tj" in _inflate(s))
    return " ".join(m.decode("latin-1") for m in re.findall(rb"\((.*?)(?<!\\)\) Tj", drawn))


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


def sheet_of(made: Report, folder: Path, whose: Letterhead = Letterhead()) -> bytes:  # noqa: B008
    write_report(made, study(), folder)
    return report_pdf(json.loads(json.dumps(to_json(made))), sorted(folder.glob("*.png")), whose)


def test_it_says_what_the_report_says(tmp_path: Path) -> None:
    sheet = sheet_of(report(), tmp_path, Letterhead("Visit 7", "", ("Dr Bo agrees with 3 of the findings.",)))
    words = words_of(sheet)
    for part in ("Severe spinal canal stenosis at L4/L5", "SEVERE  70%", "Normal/mild  90%", "Not assessed", "Visit 7",
                 "No sagittal T1 series", "Dr Bo agrees", "not a diagnosis", "yolov8n-spine", "revision 1"):  # fmt: skip
        assert part in words, part
    assert sheet.count(b"/Subtype /Image") == 2 and b"/MediaBox [0 0 595.28 841.89]" in sheet


def test_without_a_name_there_is_a_line_to_write_it_on(tmp_path: Path) -> None:
    assert "Patient: ____" in words_of(sheet_of(report(), tmp_path))
    assert "Patient: ____" not in words_of(sheet_of(report(), tmp_path, Letterhead("x", "Doe Jane    ID 7")))


@pytest.mark.parametrize("many", [0, 200])
def test_it_stays_one_page(tmp_path: Path, many: int) -> None:
    crowded = replace(
        report(),
        alerts=(Alert("a", "Something long to say about it. " * 6),) * many,
        warnings=("A warning of some length, said again and again. " * 8,) * many,
    )
    sheet = sheet_of(crowded, tmp_path, Letterhead("N" * 300, "", ("said " * 60,) * many))
    assert sheet.count(b"/Type /Page\n") == 1
    assert ("and 194 more" in words_of(sheet)) == bool(many)


def test_nothing_graded_is_not_nothing_wrong(tmp_path: Path) -> None:
    findings = tuple(Finding(f.condition, f.level, reason=Reason.NO_POSITION) for f in report().findings)
    empty = replace(report(), outcome=Outcome.NOT_EVALUABLE, findings=findings, alerts=(), levels=())
    words = words_of(sheet_of(empty, tmp_path))
    assert "Nothing could be graded. This does not mean that nothing is wrong." in words
    assert "25 of 25 places" in words and "Normal" not in words


def test_names_in_any_script_do_not_break_it(tmp_path: Path) -> None:
    assert latin("José – عمر\n") == "José - ??? "
    assert sheet_of(report(), tmp_path, Letterhead("عمر 李 José <b>")).startswith(b"%PDF")


def test_pictures_are_called_as_people_call_them() -> None:
    assert title_of("left_subarticular_stenosis_l4_l5") == "L4/L5 subarticular left"
    assert title_of("levels") == "Levels"
