"""What stands at the head of a printed report besides the report's own facts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Empty where not known: then there is a line to write it on."""

    title: str = ""
    """What the technician called the study."""
    patient: str = ""
    """Where identifiers are kept."""
    reviewed: tuple[str, ...] = ()
    """Lines on what a doctor said of it."""
