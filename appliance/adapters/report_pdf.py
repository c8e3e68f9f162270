"""A report on one sheet of A4, by fpdf2: alerts, matrix, what is missing, pictures, who read it, the notice.

Nothing here decides what is said; it lays out report.json. The words stand beside every colour, so that it can be
printed in black. Whose report it is comes from the caller; without a name there is a line to write it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue

from appliance.core.letterhead import Letterhead
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Region, Severity

MARGIN, WIDTH, BOTTOM = 13.0, 184.0, 284.0
LEVEL_WIDTH, ROW = 16.0, 8.6
MOST_PICTURES, LEAST_PICTURE, MOST_PICTURE = 5, 35.0, 91.0
GAP, CAPTION = 2.0, 4.5
MOST_LINES = 6
"""Of alerts, of reasons, of warnings each; what is more is counted."""

GREY, INK, LINE = (85, 99, 111), (22, 33, 43), (190, 198, 205)
FILLS: Mapping[str, tuple[int, int, int]] = {
    "normal_mild": (227, 243, 232),
    "moderate": (253, 240, 208),
    "severe": (253, 222, 223),
    "": (237, 240, 243),
}
NOBODY = Letterhead()
HEADS = {Region.CANAL: "Spinal canal", Region.FORAMINAL: "Foramen", Region.SUBARTICULAR: "Subarticular"}


def report_pdf(report: Mapping[str, Any], pictures: Sequence[Path], whose: Letterhead = NOBODY) -> bytes:
    """One page, whatever the report holds: pictures are left out first, then lines are counted instead of told."""
    sheet = _Sheet()
    _head(sheet, report, whose)
    _alerts(sheet, report)
    _matrix(sheet, report)
    _lines(sheet, "What a doctor said of it", whose.reviewed)
    _lines(sheet, "Not assessed", list(_missing(report)))
    _lines(sheet, "Notes", report["warnings"])
    foot = _foot_text(report)
    room = BOTTOM - sheet.height_of(foot, 6.5) - 6
    _pictures(sheet, pictures, room)
    _foot(sheet, foot)
    return bytes(sheet.output())


class _Sheet(FPDF):
    """One page; text in the fonts every reader has (Latin 1)."""

    def __init__(self) -> None:
        super().__init__(format="A4")
        self.set_auto_page_break(False)
        self.set_margins(MARGIN, 12, MARGIN)
        self.set_title("Lumbarbox report")
        self.set_lang("en")
        self.set_image_filter("DCTDecode")  # a fifth of the size and of the time; the PNG beside it is exact
        self.add_page()

    def say(self, text: str, size: float = 9, bold: bool = False, colour: tuple[int, int, int] = INK) -> None:
        """One paragraph over the whole width."""
        self._pen(size, bold, colour)
        self.multi_cell(WIDTH, size * 0.47, latin(text), align=Align.L, new_x="LMARGIN", new_y="NEXT")

    def height_of(self, text: str, size: float) -> float:
        self._pen(size, False, GREY)
        lines = self.multi_cell(WIDTH, size * 0.47, latin(text), dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(lines, list)
        return len(lines) * size * 0.47

    def _pen(self, size: float, bold: bool, colour: tuple[int, int, int]) -> None:
        self.set_font("helvetica", "B" if bold else "", size)
        self.set_text_color(*colour)


def latin(text: str) -> str:
    """What the built-in fonts can print; the rest shows that something stood there."""
    plain = "".join(c if c.isprintable() else " " for c in text).replace("–", "-").replace("…", "...")
    return plain.encode("latin-1", "replace").decode("latin-1")


def _head(sheet: _Sheet, report: Mapping[str, Any], whose: Letterhead) -> None:
    sheet.say("Lumbar spine MRI: computer pre-screening", 15, bold=True)
    sheet.say(report["notice"], 9, bold=True, colour=(140, 26, 18))
    sheet.ln(1.5)
    blank = "Patient: ______________________________    Born: ____________"
    sheet.say(whose.patient or (f"Study: {_short(whose.title, 70)}    {blank}" if whose.title else blank), 10)
    day = report["study"]["study_date"]
    told = f"Study date {day[:4]}-{day[4:6]}-{day[6:]}    " if len(day) == 8 else ""
    read = report["times"]["read_at"][:16].replace("T", " ")
    sheet.say(f"{told}Read {read}    Report {report['report_id'][:12]}, revision {report['revision']}", 8, colour=GREY)
    sheet.ln(2)


def _alerts(sheet: _Sheet, report: Mapping[str, Any]) -> None:
    texts = [f"! {alert['message']}" for alert in report["alerts"]]
    if report["outcome"] == "not_evaluable":
        texts.insert(0, "! Nothing could be graded. This does not mean that nothing is wrong.")
    for text in _at_most(texts):
        sheet.say(text, 10.5, bold=True, colour=(140, 26, 18))
    if texts:
        sheet.ln(1.5)


def _matrix(sheet: _Sheet, report: Mapping[str, Any]) -> None:
    cells = {(f["condition"], f["level"]): f for f in report["findings"]}
    width = (WIDTH - LEVEL_WIDTH) / len(CONDITIONS)
    sheet.set_draw_color(*LINE)
    sheet.set_font("helvetica", "B", 8.5)
    sheet.set_text_color(*INK)
    sheet.cell(LEVEL_WIDTH, 6, "Level")
    for condition in CONDITIONS:
        sheet.cell(width, 6, _column(condition))
    sheet.ln(6)
    for level in LEVELS:
        _row(sheet, level, [cells[c.value, level.value] for c in CONDITIONS], width)
    sheet.ln(1)
    sheet.say("Left and right are the patient's own. The percentage is the model's probability of the grade named.", 7.5,
              colour=GREY)  # fmt: skip
    sheet.ln(1)


def _row(sheet: _Sheet, level: Level, findings: Iterable[Mapping[str, Any]], width: float) -> None:
    sheet.set_font("helvetica", "B", 10)
    sheet.set_text_color(*INK)
    sheet.cell(LEVEL_WIDTH, ROW, level.label)
    for finding in findings:
        severity = finding["severity"] or ""
        sheet.set_fill_color(*FILLS[severity])
        sheet.set_font("helvetica", "B" if severity in ("moderate", "severe") else "", 9.5)
        sheet.cell(width, ROW, _cell(finding), border=1, fill=True)
    sheet.ln(ROW)


def _cell(finding: Mapping[str, Any]) -> str:
    if not finding["severity"]:
        return "Not assessed"
    word = Severity(finding["severity"]).label
    shown = word.upper() if finding["severity"] == "severe" else word
    return f"{shown}  {finding['probabilities'][finding['severity']]:.0%}"


def _column(condition: Condition) -> str:
    return f"{HEADS[condition.region]}{f' {condition.side}' if condition.side else ''}"


def _missing(report: Mapping[str, Any]) -> Iterable[str]:
    """A line for each reason, naming the places it holds for."""
    places: dict[str, list[str]] = {}
    for f in report["findings"]:
        if f["status"] == "not_assessed":
            places.setdefault(f["reason_text"], []).append(f"{_column(Condition(f['condition']))} {Level(f['level']).label}")
    for reason, found in places.items():
        which = ", ".join(found) if len(found) <= 5 else f"{len(found)} of 25 places"
        yield f"{which}: {reason}"


def _lines(sheet: _Sheet, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    sheet.say(title, 9, bold=True)
    for line in _at_most(lines):
        sheet.say(f"- {_short(line, 220)}", 8)
    sheet.ln(1)


def _pictures(sheet: _Sheet, pictures: Sequence[Path], bottom: float) -> None:
    """The overview large, close-ups beside it two by two, as far as there is room; each with its name below."""
    room = bottom - sheet.get_y() - 2
    if not pictures or room < LEAST_PICTURE:
        return
    top, large = sheet.get_y() + 1, min(room, MOST_PICTURE)
    small = (large - GAP) / 2
    _picture(sheet, pictures[0], (MARGIN, top), large)
    for number, path in enumerate(pictures[1:MOST_PICTURES]):
        across, down = number % 2, number // 2
        at = MARGIN + large + GAP + across * (small + GAP), top + down * (small + GAP)
        _picture(sheet, path, at, small)
    sheet.set_y(top + large)


def _picture(sheet: _Sheet, path: Path, at: tuple[float, float], side: float) -> None:
    """Fitted into a square, its foot left for the words."""
    x, y = at
    words = title_of(path.stem)
    sheet.image(str(path), x, y, side, side - CAPTION, keep_aspect_ratio=True, alt_text=words)
    sheet.set_font("helvetica", "", 7)
    sheet.set_text_color(*GREY)
    sheet.set_xy(x, y + side - CAPTION)
    sheet.cell(side, CAPTION, latin(words), align=Align.C)


def title_of(name: str) -> str:
    """`spinal_canal_stenosis_l4_l5` as people say it; the overview's own name for anything else."""
    place = next(((c, at) for c in CONDITIONS for at in LEVELS if name == f"{c.value}_{at.value}"), None)
    return f"{place[1].label} {_column(place[0]).lower()}" if place else name.replace("_", " ").capitalize()


def _foot_text(report: Mapping[str, Any]) -> str:
    runtime = report["runtime"]
    seconds = sum(runtime["milliseconds"].values()) / 1000
    models = ", ".join(f"{m['name']} {m['version']} ({m['precision']}, {m['sha256'][:12]})" for m in report["models"])
    return f"Read in {seconds:.1f} s on {runtime['device']}, {runtime['precision']}, by {models}."


def _foot(sheet: _Sheet, text: str) -> None:
    sheet.set_y(BOTTOM - sheet.height_of(text, 6.5) - 4)
    sheet.set_draw_color(*LINE)
    sheet.line(MARGIN, sheet.get_y(), MARGIN + WIDTH, sheet.get_y())
    sheet.ln(1)
    sheet.say(text, 6.5, colour=GREY)
    sheet.say("Lumbarbox is a pre-screening aid, never a diagnosis.", 6.5, colour=GREY)


def _at_most(lines: Sequence[str]) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines] if more <= 0 else [*lines[:MOST_LINES], f"... and {more} more: see the page."]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
