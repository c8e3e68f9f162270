"""How far a reading is, as one number, from the stage it is in."""

from __future__ import annotations

WEIGHTS = {
    "files": 0.10,
    "levels": 0.20,
    "canal on axial": 0.05,
    "canal": 0.22,
    "foraminal": 0.22,
    "subarticular": 0.16,
    "report": 0.05,
}
"""Shares of the time of a whole study, in order."""


def overall(stage: str, done: int, total: int) -> float:
    """0 to 1; a stage nobody knows counts as its own beginning of nothing."""
    before = 0.0
    for name, share in WEIGHTS.items():
        if name == stage:
            return min(1.0, before + share * min(done, total) / max(total, 1))
        before += share
    return 0.0


FEWEST_TO_GUESS = 0.05
"""Before this share is done, nothing can be said of the rest."""


def seconds_left(fraction: float, elapsed: float) -> float | None:
    """By the speed so far; None when it is too early to say."""
    if not FEWEST_TO_GUESS <= fraction < 1.0 or elapsed < 0:
        return None
    return elapsed * (1 - fraction) / fraction


def about(seconds: float | None) -> str:
    """As people say it; empty when nobody knows."""
    if seconds is None:
        return ""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 90:
        return f"about {round(seconds / 5) * 5} seconds left"
    return f"about {round(seconds / 60)} minutes left"
