"""A person moves the level names by one: every reading follows its disc, nothing is graded anew. Pure.

Where a transitional vertebra or a cut-off sacrum led the counting astray, all names are off by the same one. Pictures,
positions and grades stay with the disc they belong to; only what it is called changes. The level that had no disc read
is then not assessed, with its own reason; the disc whose new name lies outside L1/L2 to L5/S1 leaves the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from appliance.core.findings import alerts_of, outcome_of
from appliance.core.report import Alert, Finding, LocatedLevel, Reason, Report
from appliance.core.second_opinion import disagreement_warning
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level

SHIFTS = (-1, 0, 1)
"""Levels towards the head. The literature knows no transitional vertebra that puts the count off by more than one."""

_WORDS = {1: "towards the head", -1: "towards the feet"}


def renumbered(as_read: Report, shift: int, revision: int) -> Report:
    """The report the box wrote first (`as_read`), its names moved by `shift`; 0 gives back the box's own numbering."""
    if shift not in SHIFTS:
        raise ValueError(f"level names move by one, not by {shift}")
    if as_read.numbering_shift:
        raise ValueError("only the numbering as read can be moved: two moves would add up")
    if shift == 0:
        return replace(as_read, revision=revision)
    findings = _findings(as_read, shift)
    return replace(
        as_read,
        revision=revision,
        outcome=outcome_of(findings),
        levels=tuple(level for level in (_moved(at, shift) for at in as_read.levels) if level is not None),
        findings=findings,
        alerts=(*alerts_of(findings, None), *_other_alerts(as_read)),
        warnings=(*_warnings(as_read, findings), f"A person moved all level names by one {_WORDS[shift]}."),
        numbering_shift=shift,
    )


def new_name(level: Level, shift: int) -> Level | None:
    """What a disc read as `level` is called now; None when that is above L1/L2 or below L5/S1."""
    index = LEVELS.index(level) - shift
    return LEVELS[index] if 0 <= index < len(LEVELS) else None


def _findings(as_read: Report, shift: int) -> tuple[Finding, ...]:
    """Unlike the names, reasons that hold for a whole region hold at every level."""
    named: Mapping[tuple[Condition, Level], Finding] = {
        (f.condition, name): replace(f, level=name)
        for f in as_read.findings
        if (name := new_name(f.level, shift)) is not None
    }
    return tuple(named.get((c, at)) or _unread(as_read, c, at) for c in CONDITIONS for at in LEVELS)


def _warnings(as_read: Report, findings: Iterable[Finding]) -> Iterator[str]:
    """As they were; only the places on which two models disagree are counted again, as some may have left."""
    counted = disagreement_warning(as_read.findings)
    yield from (w for w in as_read.warnings if w not in counted)
    yield from disagreement_warning(findings)


def _unread(as_read: Report, condition: Condition, level: Level) -> Finding:
    reasons = {as_read.finding(condition, at).reason for at in LEVELS}
    whole = reasons.pop() if len(reasons) == 1 else None
    return Finding(condition, level, reason=whole or Reason.RENUMBERED)


def _moved(at: LocatedLevel, shift: int) -> LocatedLevel | None:
    name = new_name(at.level, shift)
    return replace(at, level=name) if name is not None else None


def _other_alerts(as_read: Report) -> tuple[Alert, ...]:
    """Those that name no level; that the numbering was uncertain is settled by the person."""
    return tuple(a for a in as_read.alerts if a.level is None and a.code != "numbering_uncertain")
