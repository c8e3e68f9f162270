"""The report as a person reads it in a terminal: alerts first, then the matrix, then what is missing. Pure."""

from __future__ import annotations

from collections import defaultdict

from appliance.core.report import Finding, Outcome, Reason, Report
from appliance.core.second_opinion import MARK
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Severity

COLUMN = 13

_HEADS: dict[Condition, tuple[str, str]] = {
    Condition.SPINAL_CANAL_STENOSIS: ("Canal", ""),
    Condition.LEFT_NEURAL_FORAMINAL_NARROWING: ("Foramen", "left"),
    Condition.RIGHT_NEURAL_FORAMINAL_NARROWING: ("Foramen", "right"),
    Condition.LEFT_SUBARTICULAR_STENOSIS: ("Subarticular", "left"),
    Condition.RIGHT_SUBARTICULAR_STENOSIS: ("Subarticular", "right"),
}
_OUTCOMES = {
    Outcome.READ: "All 25 places were read.",
    Outcome.PARTLY_READ: "Partly read: see below what could not be assessed, and why.",
    Outcome.NOT_EVALUABLE: "Nothing could be graded: see below why.",
}
_COLOURS = {Severity.NORMAL_MILD: "\033[32m", Severity.MODERATE: "\033[33;1m", Severity.SEVERE: "\033[31;1m"}
_PLAIN = "\033[0m"


def to_text(report: Report, colour: bool = False) -> str:
    """Words carry everything; colour only repeats it."""
    blocks = (
        [f"ALERT  {alert.message}" for alert in report.alerts],
        [_OUTCOMES[report.outcome]],
        matrix(report, colour),
        _missing(report),
        [f"Note   {warning}" for warning in report.warnings],
        [f"Report {report.report_id}, read on {report.runtime.device} in {_seconds(report)} s by {_models(report)}."],
        [report.notice],
    )
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def matrix(report: Report, colour: bool = False) -> list[str]:
    """A line for each level, a column for each condition, the probability of the named severity beside it."""
    first, second = zip(*(_HEADS[c] for c in CONDITIONS), strict=True)
    lines = [_line("Level", first), _line("", second)]
    for level in LEVELS:
        cells = [_cell(report.finding(condition, level), colour) for condition in CONDITIONS]
        lines.append(f"{level.label:<7}" + " ".join(cells).rstrip())
    return lines


def _line(head: str, cells: tuple[str, ...]) -> str:
    return (f"{head:<7}" + " ".join(f"{cell:<{COLUMN}}" for cell in cells)).rstrip()


def _cell(finding: Finding, colour: bool) -> str:
    if finding.severity is None or finding.probabilities is None:
        return f"{'-':<{COLUMN}}"
    word = {"normal_mild": "normal", "moderate": "MODERATE", "severe": "SEVERE"}[finding.severity.value]
    mark = MARK if finding.disagreement else ""
    text = f"{word:<8} {finding.probabilities[finding.severity.rank]:>3.0%}{mark}".ljust(COLUMN)
    return f"{_COLOURS[finding.severity]}{text}{_PLAIN}" if colour else text


def _missing(report: Report) -> list[str]:
    """One line for each reason, naming the places it holds for."""
    places: dict[Reason, list[Finding]] = defaultdict(list)
    for finding in report.findings:
        if finding.reason is not None:
            places[finding.reason].append(finding)
    return [f"Not assessed: {_places(found)}. {reason.label}" for reason, found in places.items()]


def _places(findings: list[Finding]) -> str:
    if len(findings) == len(CONDITIONS) * len(LEVELS):
        return "all 25 places"
    by_condition: dict[Condition, list[str]] = defaultdict(list)
    for finding in findings:
        by_condition[finding.condition].append(finding.level.label)
    return "; ".join(
        condition.label.lower() + ("" if len(levels) == len(LEVELS) else f" at {', '.join(levels)}")
        for condition, levels in by_condition.items()
    )


def _seconds(report: Report) -> str:
    return f"{sum(ms for _, ms in report.runtime.milliseconds) / 1000:.1f}"


def _models(report: Report) -> str:
    return ", ".join(f"{m.name} {m.version} ({m.precision}, {m.sha256[:8]})" for m in report.models)
