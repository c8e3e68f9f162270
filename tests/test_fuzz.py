"""Files made wrong on purpose, all the way in: each ends as a study or as a refusal with words."""

from __future__ import annotations

import pytest

from benchmarks import fuzz


def check(found: fuzz.Outcome, cases: int) -> None:
    assert sum(found.kinds.values()) == cases and len(found.kinds) >= 4, found.kinds
    assert found.without_reason == 0 and found.slowest < fuzz.SECONDS and found.grew_mb < 200


def test_two_hundred_mutated_files() -> None:
    check(fuzz.run(200, seed=2), 200)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_thousand_mutated_files() -> None:
    check(fuzz.run(5000), 5000)
