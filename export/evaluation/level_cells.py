"""How well the levels of some pictures were found, as cells of a table. Pure.

Shares of pictures have Wilson's interval; the centre error's draws whole patients again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from export.datasets.spider_groups import Facts
from export.detector.evaluate import Outcome
from export.evaluation.intervals import by_patient, wilson

COLUMNS = ("patients", "pictures", "all five right", "wrong without a warning", "called uncertain",
           "centre error, mm (median)")  # fmt: skip
SAID = "intervals: Wilson's over pictures for shares, patients drawn again for the error"


def cells(outcomes: Sequence[Outcome], facts: Mapping[str, Facts]) -> tuple[str, ...]:
    """The values of `COLUMNS`."""
    own = patients_of(outcomes, facts)
    low, high = by_patient(own, median_mm)
    return (
        str(len(own)),
        str(len(outcomes)),
        share(sum(o.perfect for o in outcomes), len(outcomes)),
        share(sum(o.wrong_and_sure for o in outcomes), len(outcomes)),
        share(sum(o.uncertain for o in outcomes), len(outcomes)),
        f"{median_mm(outcomes):.2f} ({low:.2f}-{high:.2f})",
    )


def patients_of(outcomes: Sequence[Outcome], facts: Mapping[str, Facts]) -> dict[str, list[Outcome]]:
    """Patient to what was read of them."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        found[facts[outcome.name]["patient"]].append(outcome)
    return dict(found)


def median_mm(outcomes: Sequence[Outcome]) -> float:
    """Of the centre errors of all levels rightly found; nan without one."""
    errors = [e for o in outcomes for e in o.errors_mm]
    return float(np.median(errors)) if errors else float("nan")


def share(hits: int, count: int) -> str:
    """`95.7% (85%-99%)`."""
    low, high = wilson(hits, count)
    return f"{hits / count:.1%} ({low:.0%}-{high:.0%})" if count else "-"
