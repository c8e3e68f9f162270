"""Two graders of one place: their probabilities averaged, their votes kept. Pure.

The vote of the model with the better record stands first, and settles a tie (`Finding.severity`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from appliance.core.models import Grade, Grader, Vote
from appliance.core.report import Finding

MARK = "*"
"""Beside a grade on which the two models disagree, where there is no room for words."""


@dataclass(frozen=True, slots=True)
class Second:
    """A grader of its own kind for one region. It is shown the first one's crops, so its spec is the same."""

    grader: Grader
    better: bool
    """Its record (macro F1 at the accuracy gate) is above the first one's."""


def ask(first: Grader, second: Second | None, crops: NDArray[np.uint8]) -> Grade:
    """The first's answer, or both of them as one."""
    own = first.grade(crops)
    if second is None:
        return own
    other = second.grader.grade(crops)
    votes = Vote(first.identity.name, own.probabilities), Vote(second.grader.identity.name, other.probabilities)
    normal, moderate, severe = np.mean([own.probabilities, other.probabilities], axis=0).tolist()
    attention = np.mean([own.attention, other.attention], axis=0).tolist()
    return Grade((normal, moderate, severe), tuple(attention), votes[::-1] if second.better else votes)


def disagreement_warning(findings: Iterable[Finding]) -> tuple[str, ...]:
    """One line for the report, when there is something to say."""
    count = sum(f.disagreement for f in findings)
    if not count:
        return ()
    where = "1 place" if count == 1 else f"{count} places"
    return (f"The two models disagree at {where}, marked {MARK}: look at the images there first.",)
