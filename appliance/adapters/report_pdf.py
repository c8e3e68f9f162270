"""A report on one sheet of A4, by fpdf2: alerts, matrix, what is missing, pictures, who read it, the notice.

Nothing here decides what is said; it lays out report.json in the language of the `voice`, from right to left where that
is read so. The words stand beside every colour, so that it can be printed in black. Whose report it is comes from the
caller; without a name there is a line to write it on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fpdf import FPDF
from fpdf.enums import Align, MethodReturnValue

from appliance.core.letterhead import Letterhead
from appliance.core.second_opinion import MARK
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Severity
from appliance.core.voice import ENGLISH, Typeface, Voice

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
SIDES = "Left and right are the patient's own. The percentage is the model's probability of the severity named."
AID = (
    "Lumbarbox is a pre-screening aid, never a diagnosis. "
    "Every finding must be checked on the images by a qualified reader."
)
MARKS = "\u200e\u200f"
WIDER = 0.88
"""DejaVu's letters are that much larger than Helvetica's."""


def report_pdf(
    report: Mapping[str, Any],
    pictures: Sequence[Path],
    whose: Letterhead = NOBODY,
    voice: Voice = ENGLISH,
    letters: Typeface | None = None,
) -> bytes:
    """One page, whatever the report holds: pictures are left out first, then lines are counted instead of told.

    Without `letters` only what Latin 1 holds is printed.
    """
    sheet = _Sheet(voice, letters)
    _head(sheet, report, whose)
    _alerts(sheet, report)
    _matrix(sheet, report)
    _lines(sheet, voice.told("What a doctor said of it"), whose.reviewed)
    _lines(sheet, voice.told("Not assessed"), list(_missing(report, voice)))
    _lines(sheet, voice.told("Warnings"), [voice.told(warning) for warning in report["warnings"]])
    foot = _foot_text(report, voice)
    room = BOTTOM - sheet.height_of(foot, 6.5) - 6
    _pictures(sheet, pictures, room)
    _foot(sheet, foot)
    return bytes(sheet.output())


class _Sheet(FPDF):
    """One page, in one language and its direction."""

    def __init__(self, voice: Voice, letters: Typeface | None) -> None:
        super().__init__(format="A4")
        self.voice, self.letters = voice, letters
        self.family, self.scale = ("dejavu", WIDER) if letters else ("helvetica", 1.0)
        if letters:
            self.add_font("dejavu", "", letters.regular)
            self.add_font("dejavu", "B", letters.bold)
            self.set_text_shaping(True)
        self.set_auto_page_break(False)
        self.set_margins(MARGIN, 12, MARGIN)
        self.set_title("Lumbarbox report")
        self.set_lang(voice.language)
        self.set_image_filter("DCTDecode")  # a fifth of the size and of the time; the PNG beside it is exact
        self.add_page()

    @property
    def side(self) -> Align:
        """Where a line begins."""
        return Align.R if self.voice.right_to_left else Align.L

    def left_of(self, x: float, width: float) -> float:
        """A place counted from where a line begins, as fpdf2 counts: from the left."""
        return MARGIN + (WIDTH - x - width if self.voice.right_to_left else x)

    def say(self, text: str, size: float = 9, bold: bool = False, colour: tuple[int, int, int] = INK) -> None:
        """One paragraph over the whole width."""
        self.pen(size, bold, colour)
        self.multi_cell(WIDTH, size * 0.47, self.shown(text), align=self.side, new_x="LMARGIN", new_y="NEXT")

    def box(self, x: float, width: float, height: float, text: str, **how: Any) -> None:
        """A cell of the matrix, its place counted from where a line begins; narrower letters where it would not fit."""
        self.set_x(self.left_of(x, width))
        shown, size = self.shown(text), self.font_size_pt
        while self.get_string_width(shown) > width - 2 and self.font_size_pt > size / 2:
            self.set_font_size(self.font_size_pt - 0.25)
        self.cell(width, height, shown, align=self.side, **how)
        self.set_font_size(size)

    def height_of(self, text: str, size: float) -> float:
        self.pen(size, False, GREY)
        lines = self.multi_cell(WIDTH, size * 0.47, self.shown(text), dry_run=True, output=MethodReturnValue.LINES)
        assert isinstance(lines, list)
        return len(lines) * size * 0.47

    def pen(self, size: float, bold: bool, colour: tuple[int, int, int]) -> None:
        self.set_font(self.family, "B" if bold else "", size * self.scale)
        self.set_text_color(*colour)

    def shown(self, text: str) -> str:
        return printable(text) if self.letters else latin(text)


def printable(text: str) -> str:
    """One line, without what steers a terminal; the marks that order Arabic dates stay."""
    return "".join(c if c.isprintable() or c in MARKS else " " for c in text)


def latin(text: str) -> str:
    """What the built-in fonts can print; the rest shows that something stood there."""
    plain = printable(text).replace("–", "-").replace("…", "...").replace("’", "'").replace("œ", "oe").replace("·", "-")
    return plain.encode("latin-1", "replace").decode("latin-1")


def _head(sheet: _Sheet, report: Mapping[str, Any], whose: Letterhead) -> None:
    voice = sheet.voice
    sheet.say(voice.told("Lumbar spine MRI: computer pre-screening"), 15, bold=True)
    sheet.say(voice.told(report["notice"]), 9, bold=True, colour=(140, 26, 18))
    sheet.ln(1.5)
    blank = f"{voice.told('Patient')}: ______________________________    {voice.told('Born')}: ____________"
    title = voice.say("Study: {name}", name=_short(whose.title, 60))
    sheet.say(whose.patient or (f"{title}    {blank}" if whose.title else blank), 10)
    day = report["study"]["study_date"]
    told = [voice.say("Study of {day}", day=voice.day(day))] if len(day) == 8 else []
    told.append(voice.say("Read {day}", day=voice.moment(report["times"]["read_at"])))
    told.append(voice.say("Report {id}, revision {number}", id=report["report_id"][:12], number=report["revision"]))
    sheet.say("    ".join(told), 8, colour=GREY)
    sheet.ln(2)


def _alerts(sheet: _Sheet, report: Mapping[str, Any]) -> None:
    texts = [f"! {sheet.voice.told(alert['message'])}" for alert in report["alerts"]]
    if report["outcome"] == "not_evaluable":
        texts.insert(0, f"! {sheet.voice.told('Nothing could be graded. This does not mean that nothing is wrong.')}")
    for text in _at_most(texts, sheet.voice):
        sheet.say(text, 10.5, bold=True, colour=(140, 26, 18))
    if texts:
        sheet.ln(1.5)


def _matrix(sheet: _Sheet, report: Mapping[str, Any]) -> None:
    cells = {(f["condition"], f["level"]): f for f in report["findings"]}
    width = (WIDTH - LEVEL_WIDTH) / len(CONDITIONS)
    sheet.set_draw_color(*LINE)
    sheet.pen(8.5, True, INK)
    sheet.box(0, LEVEL_WIDTH, 6, sheet.voice.told("Level"))
    for number, condition in enumerate(CONDITIONS):
        sheet.box(LEVEL_WIDTH + number * width, width, 6, _column(condition, sheet.voice))
    sheet.ln(6)
    for level in LEVELS:
        _row(sheet, level, [cells[c.value, level.value] for c in CONDITIONS], width)
    sheet.ln(1)
    sheet.say(sheet.voice.told(SIDES), 7.5, colour=GREY)
    sheet.ln(1)


def _row(sheet: _Sheet, level: Level, findings: Iterable[Mapping[str, Any]], width: float) -> None:
    sheet.pen(10, True, INK)
    sheet.box(0, LEVEL_WIDTH, ROW, level.label)
    for number, finding in enumerate(findings):
        severity = finding["severity"] or ""
        sheet.set_fill_color(*FILLS[severity])
        sheet.pen(9.5, severity in ("moderate", "severe"), INK)
        sheet.box(LEVEL_WIDTH + number * width, width, ROW, _cell(finding, sheet.voice), border=1, fill=True)
    sheet.ln(ROW)


def _cell(finding: Mapping[str, Any], voice: Voice) -> str:
    if not finding["severity"]:
        return voice.told("Not assessed")
    word = voice.told(Severity(finding["severity"]).label)
    shown = word.upper() if finding["severity"] == "severe" else word
    mark = f" {MARK}" if finding.get("disagreement") else ""
    return f"{shown}  {voice.percent(finding['probabilities'][finding['severity']])}{mark}"


def _column(condition: Condition, voice: Voice) -> str:
    return " ".join(voice.told(part) for part in condition.head if part)


def _missing(report: Mapping[str, Any], voice: Voice) -> Iterable[str]:
    """A line for each reason, naming the places it holds for."""
    places: dict[str, dict[Condition, list[str]]] = {}
    for f in report["findings"]:
        if f["status"] == "not_assessed":
            levels = places.setdefault(f["reason_text"], {}).setdefault(Condition(f["condition"]), [])
            levels.append(Level(f["level"]).label)
    for reason, found in places.items():
        count = sum(map(len, found.values()))
        few = len(found) <= 2 or count <= 5
        which = _places(found, voice) if few else voice.say("{count} of 25 places", count=count)
        yield f"{which}: {voice.told(reason)}"


def _places(found: Mapping[Condition, Sequence[str]], voice: Voice) -> str:
    """A condition that lacks every level is named alone."""
    told = {c: "" if len(levels) == len(LEVELS) else f" {', '.join(levels)}" for c, levels in found.items()}
    return ", ".join(f"{_column(condition, voice)}{levels}" for condition, levels in told.items())


def _lines(sheet: _Sheet, title: str, lines: Sequence[str]) -> None:
    if not lines:
        return
    sheet.say(title, 9, bold=True)
    for line in _at_most(lines, sheet.voice):
        sheet.say(f"- {_short(line, 220)}", 8)
    sheet.ln(1)


def _pictures(sheet: _Sheet, pictures: Sequence[Path], bottom: float) -> None:
    """The overview large, close-ups beside it two by two, as far as there is room; each with its name below."""
    room = bottom - sheet.get_y() - 2
    if not pictures or room < LEAST_PICTURE:
        return
    top, large = sheet.get_y() + 1, min(room, MOST_PICTURE)
    small = (large - GAP) / 2
    _picture(sheet, pictures[0], (0, top), large)
    for number, path in enumerate(pictures[1:MOST_PICTURES]):
        across, down = number % 2, number // 2
        at = large + GAP + across * (small + GAP), top + down * (small + GAP)
        _picture(sheet, path, at, small)
    sheet.set_y(top + large)


def _picture(sheet: _Sheet, path: Path, at: tuple[float, float], side: float) -> None:
    """Fitted into a square, its foot left for the words."""
    x, y = sheet.left_of(at[0], side), at[1]
    words = title_of(path.stem, sheet.voice)
    sheet.image(str(path), x, y, side, side - CAPTION, keep_aspect_ratio=True, alt_text=words)
    sheet.pen(7, False, GREY)
    sheet.set_xy(x, y + side - CAPTION)
    sheet.cell(side, CAPTION, sheet.shown(words), align=Align.C)


def title_of(name: str, voice: Voice = ENGLISH) -> str:
    """`spinal_canal_stenosis_l4_l5` as people say it; the overview's own name for anything else."""
    place = next(((c, at) for c in CONDITIONS for at in LEVELS if name == f"{c.value}_{at.value}"), None)
    if place is None:
        return voice.told(name.replace("_", " ").capitalize())
    return f"{place[1].label} {_column(place[0], voice).lower()}"


def _foot_text(report: Mapping[str, Any], voice: Voice) -> str:
    runtime = report["runtime"]
    seconds = f"{sum(runtime['milliseconds'].values()) / 1000:.1f}"
    models = ", ".join(f"{m['name']} {m['version']} ({m['precision']}, {m['sha256'][:12]})" for m in report["models"])
    told = {"device": runtime["device"], "precision": runtime["precision"], "models": models}
    return voice.say("Read in {seconds} s on {device}, {precision}, by {models}.", seconds=seconds, **told)


def _foot(sheet: _Sheet, text: str) -> None:
    sheet.set_y(BOTTOM - sheet.height_of(text, 6.5) - 4)
    sheet.set_draw_color(*LINE)
    sheet.line(MARGIN, sheet.get_y(), MARGIN + WIDTH, sheet.get_y())
    sheet.ln(1)
    sheet.say(text, 6.5, colour=GREY)
    sheet.say(sheet.voice.told(AID), 6.5, colour=GREY)


def _at_most(lines: Sequence[str], voice: Voice) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines] if more <= 0 else [*lines[:MOST_LINES], voice.say("And {count} more: see the page.", count=more)]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
