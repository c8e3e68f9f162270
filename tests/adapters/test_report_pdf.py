"""The printed sheet: one page of A4, whatever the report holds."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import unicodedata
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.adapters.report_files import write_report
from appliance.adapters.report_pdf import latin, report_pdf, title_of
from appliance.core.letterhead import Letterhead
from appliance.core.models import Vote
from appliance.core.report import Alert, Finding, Outcome, Reason, Report
from appliance.core.report_json import to_json
from appliance.core.second_opinion import disagreement_warning
from appliance.core.spine import Severity
from appliance.report_folder import pdf_for
from appliance.typeface import printable, typeface
from appliance.web.speech import speech_of
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


def sheet_of(made: Report, folder: Path, whose: Letterhead = Letterhead(), language: str = "") -> bytes:  # noqa: B008
    """As it is printed without letters of its own; with `language`, as `pdf_for` makes it."""
    write_report(made, study(), folder)
    written = json.loads(json.dumps(to_json(made)))
    if language:
        return pdf_for(written, folder, whose, speech_of(language))
    return report_pdf(written, sorted(folder.glob("*.png")), whose)


def read_off(sheet: bytes, folder: Path) -> str:
    """As poppler reads it, letters in the order they are read, their shapes and steering marks taken off."""
    (folder / "sheet.pdf").write_bytes(sheet)
    ran = subprocess.run(["pdftotext", "-layout", "sheet.pdf", "-"], cwd=folder, capture_output=True, text=True, check=True)
    return "".join(c for c in unicodedata.normalize("NFKC", ran.stdout) if unicodedata.category(c) not in ("Cf", "Mn"))


def test_it_says_what_the_report_says(tmp_path: Path) -> None:
    sheet = sheet_of(report(), tmp_path, Letterhead("Visit 7", "", ("Dr Bo agrees with 3 of the findings.",)))
    words = words_of(sheet)
    for part in ("Severe spinal canal stenosis at L4/L5", "SEVERE  70%", "Normal/mild  90%", "Not assessed", "Visit 7",
                 "No sagittal T1 series", "Dr Bo agrees", "not a diagnosis", "yolov8n-spine", "revision 1"):  # fmt: skip
        assert part in words, part
    assert sheet.count(b"/Subtype /Image") == 2 and b"/MediaBox [0 0 595.28 841.89]" in sheet


def test_where_two_models_disagree_the_cell_is_marked_and_the_mark_explained(tmp_path: Path) -> None:
    votes = (Vote("one", (0.1, 0.2, 0.7)), Vote("two", (0.2, 0.6, 0.2)))
    first, *others = sorted(report().findings, key=lambda f: f.severity is not Severity.SEVERE)
    findings = (replace(first, votes=votes), *others)
    divided = replace(report(), findings=findings, warnings=disagreement_warning(findings))
    words = words_of(sheet_of(divided, tmp_path))
    assert "SEVERE  70% *" in words and "disagree at 1 place, marked *" in words


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
    assert ("And 194 more" in words_of(sheet)) == bool(many)


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


needs_letters = pytest.mark.skipif(
    typeface() is None or shutil.which("pdftotext") is None, reason="fonts-dejavu-core or poppler-utils is not installed"
)


@needs_letters
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("pré-dépistage informatique", "Sténose sévère du canal rachidien en L4/L5.", "SÉVÈRE", "70 %", "œdème")),
        ("es", ("precribado informático", "Estenosis grave", "No evaluado", "está de acuerdo")),
        ("pt", ("pré-rastreio informático", "Não avaliado", "Relatório abc123, revisão 1")),
        ("sw", ("uchujaji wa awali wa kompyuta", "KALI", "Haijatathminiwa")),
        ("ar", ("شديد", "القناة الفقرية", "L4/L5", "70", "Visit œdème")),
    ],
)
def test_it_speaks_the_six_languages(language: str, words: tuple[str, ...], tmp_path: Path) -> None:
    said = speech_of(language).say("{who} agrees with {count} of the findings.", who="Bo", count=3)
    sheet = sheet_of(report(), tmp_path, Letterhead("Visit œdème", "", (said,)), language)
    text = " ".join(read_off(sheet, tmp_path).split())
    for word in words:
        assert word in text, (word, text)
    assert b"DejaVuSans" in sheet and sheet.count(b"/Type /Page\n") == 1


@needs_letters
def test_arabic_runs_from_the_right(tmp_path: Path) -> None:
    """The column of the levels stands right, the canal's beside it."""
    (tmp_path / "sheet.pdf").write_bytes(sheet_of(report(), tmp_path, language="ar"))
    ran = subprocess.run(["pdftotext", "-bbox", "sheet.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True)
    places = [float(x) for x in re.findall(r'<word xMin="([\d.]+)"[^>]*>L[1-5]/(?:L[2-5]|S1)<', ran.stdout)]
    assert len(places) >= 5 and sum(x > 500 for x in places) >= 5


@needs_letters
@pytest.mark.parametrize("language", ["sw", "ar"])
def test_it_stays_one_page_in_wider_letters(language: str, tmp_path: Path) -> None:
    crowded = replace(
        report(),
        alerts=(Alert("a", "Something long to say about it. " * 6),) * 50,
        warnings=("A warning of some length, said again and again. " * 8,) * 50,
    )
    sheet = sheet_of(crowded, tmp_path, Letterhead("N" * 300, "", ("said " * 60,) * 50), language)
    text = read_off(sheet, tmp_path)
    assert sheet.count(b"/Type /Page\n") == 1 and "yolov8n-spine" in text


def test_without_its_letters_arabic_is_english_and_not_question_marks() -> None:
    assert typeface(Path("/nowhere")) is None
    assert printable(speech_of("ar"), None).language == "en" and printable(speech_of("fr"), None).language == "fr"
