"""Which images a marked picture was made from, told by its name. Pure; `overlay.py` gives the names."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.core.overlay import home_of
from appliance.core.report import Report

OVERVIEW, MATRIX = "levels", "matrix"


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture, what it shows in words, and its images: (SOP Instance UID, frame)."""

    name: str
    title: str
    sources: tuple[tuple[str, int], ...] = ()


def shown_in(report: Report, name: str) -> Shown:
    """`name` is the file's, without its ending."""
    if name == OVERVIEW and report.levels:
        return Shown(name, "Disc levels as the box numbered them, and the canal's grade", (home_of(report),))
    for f in report.findings:
        if name == f"{f.condition}_{f.level}" and f.evidence is not None:
            title = f"{f.condition.label}, {f.level.label}: the slice that decided"
            return Shown(name, title, ((f.evidence.sop_uid, f.evidence.frame),))
    return Shown(name, "All grades of this reading")
