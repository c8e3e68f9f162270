"""Nothing is lost in a storm: each result arrives at least once, whatever happens to broker, network and box."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.mqtt_storm import Storm
from tests.mqtt_lab import needs_mosquitto


def weather(folder: Path, count: int, pace: float, pause: float, keepalive: int) -> Storm:
    storm = Storm(folder, count, pace, keepalive=keepalive)
    try:
        storm.run(pause)
    finally:
        storm.close()
    return storm


def every_result_arrived(storm: Storm) -> None:
    """`run` has waited for all of them, and for `online` after the last event."""
    assert storm.observer.ids.keys() == {f"r{n:06d}.1" for n in range(storm.count)}
    assert storm.passed.keys() == storm.events.keys(), "everything happened at least once"


@needs_mosquitto
@pytest.mark.timeout(180)
def test_every_result_arrives_through_a_short_storm(tmp_path: Path) -> None:
    every_result_arrived(weather(tmp_path, 300, 40.0, 0.2, 3))


@needs_mosquitto
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ten_thousand_results_arrive_through_a_long_storm(tmp_path: Path) -> None:
    every_result_arrived(weather(tmp_path, 10_000, 120.0, 3.0, 5))
