"""Waiting by a clock that may jump: a box without a battery wakes up years ago and is then put right."""

from __future__ import annotations

from datetime import datetime, timedelta


def passed(since: datetime | None, now: datetime, wait: timedelta) -> bool:
    """Whether `wait` is over, or never began. A clock that went back ends a wait instead of prolonging it."""
    return since is None or not timedelta(0) <= now - since < wait
