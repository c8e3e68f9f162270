"""Slices go when they are old, the oldest when the disk is low; nothing else goes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from appliance.keeper import EVERY, Keeper
from tests.fakes import MORNING

FOLDERS = [(Path(f"job{days}"), MORNING - timedelta(days=days)) for days in (100, 50, 3)]


def keeper(gone: list[str], low: list[bool], days: int = 60) -> Keeper:
    return Keeper(
        lambda: FOLDERS,
        lambda folder: folder.name not in gone,
        lambda folder: gone.append(folder.name),
        lambda: low.pop(0) if low else False,
        timedelta(days=days),
    )


def test_what_is_old_goes() -> None:
    gone: list[str] = []
    keeper(gone, []).step(MORNING)
    assert gone == ["job100"]


def test_the_oldest_go_until_there_is_room() -> None:
    gone: list[str] = []
    keeper(gone, [True, True, False], days=1000).step(MORNING)
    assert gone == ["job100", "job50"]


def test_it_looks_now_and_then_and_never_asks_for_more() -> None:
    gone: list[str] = []
    one = keeper(gone, [])
    assert one.step(MORNING) is False
    gone.clear()
    one.step(MORNING + EVERY / 2)
    assert gone == []
    one.step(MORNING + EVERY)
    assert gone == ["job100"]
