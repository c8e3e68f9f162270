"""The severity matrix as a picture, for archives that show nothing but pictures. Words beside every colour."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from textwrap import wrap

from PIL import Image, ImageDraw, ImageFont

from appliance.core.overlay import BURNED_IN
from appliance.core.report import Finding, Report
from appliance.core.second_opinion import MARK, disagreement_warning
from appliance.core.spine import CONDITIONS, LEVELS, Severity

WIDTH, MARGIN, FIRST, ROW = 1280, 30, 110, 70
GROUND, INK, SOFT, WARN = (255, 255, 255), (22, 33, 43), (85, 99, 111), (140, 26, 18)
FILLS = {
    Severity.NORMAL_MILD: (227, 243, 232), Severity.MODERATE: (253, 240, 208), Severity.SEVERE: (253, 222, 223),
    None: (237, 240, 243),
}  # fmt: skip
LETTERS_A_LINE = 105


def draw_matrix(report: Report) -> bytes:
    """PNG, as high as its words need: title, warning, alerts, matrix, what was not assessed, who read it."""
    image = Image.new("RGB", (WIDTH, 3000), GROUND)
    pen = _Pen(image)
    pen.say("Lumbar spine MRI: computer pre-screening", 34)
    pen.say(BURNED_IN, 24, WARN)
    pen.say(report.notice, 20, WARN)
    for alert in report.alerts:
        pen.say(f"! {alert.message}", 26, WARN)
    _matrix(pen, report)
    pen.say("Left and right are the patient's own. The percentage is the model's probability of the grade named.", 18, SOFT)
    for warning in disagreement_warning(report.findings):
        pen.say(warning, 20, WARN)
    for reason in dict.fromkeys(f.reason for f in report.findings if f.reason is not None):
        pen.say(f"Not assessed: {reason.label}", 20)
    models = ", ".join(f"{m.name} {m.version} ({m.precision}, {m.sha256[:12]})" for m in report.models)
    read = report.times.read_at[:16].replace("T", " ")
    pen.say(f"Read {read} on {report.runtime.device} by {models}.", 16, SOFT)
    pen.say(f"Report {report.report_id}, revision {report.revision}.", 16, SOFT)
    out = BytesIO()
    image.crop((0, 0, WIDTH, pen.y + MARGIN)).save(out, "PNG")
    return out.getvalue()


class _Pen:
    """Writes down the page."""

    def __init__(self, image: Image.Image) -> None:
        self.draw, self.y = ImageDraw.Draw(image), MARGIN

    def say(self, text: str, size: int, colour: tuple[int, int, int] = INK) -> None:
        for line in wrap(text, LETTERS_A_LINE * 20 // max(size, 20)) or [""]:
            self.draw.text((MARGIN, self.y), line, colour, ImageFont.load_default(size))
            self.y += round(size * 1.45)

    def row(self, cells: Iterable[tuple[str, tuple[int, int, int] | None]], size: int) -> None:
        x, width = MARGIN, (WIDTH - 2 * MARGIN - FIRST) // len(CONDITIONS)
        for number, (text, fill) in enumerate(cells):
            wide = width if number else FIRST
            if fill is not None:
                self.draw.rectangle((x, self.y, x + wide - 4, self.y + ROW - 4), fill, SOFT)
            self.draw.multiline_text((x + 10, self.y + 8), text, INK, ImageFont.load_default(size), spacing=4)
            x += wide
        self.y += ROW


def _matrix(pen: _Pen, report: Report) -> None:
    pen.row([("Level", None), *(("\n".join(c.head).strip(), None) for c in CONDITIONS)], 20)
    for level in LEVELS:
        pen.row([(level.label, None), *(_cell(report.finding(c, level)) for c in CONDITIONS)], 22)


def _cell(finding: Finding) -> tuple[str, tuple[int, int, int]]:
    if finding.severity is None or finding.probabilities is None:
        return "Not assessed", FILLS[None]
    share = f"{finding.probabilities[finding.severity.rank]:.0%}{f' {MARK}' if finding.disagreement else ''}"
    word = finding.severity.label
    return f"{word.upper() if finding.severity is Severity.SEVERE else word}\n{share}", FILLS[finding.severity]
