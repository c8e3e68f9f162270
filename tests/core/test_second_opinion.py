"""Two graders of one place: averaged, each vote kept, a tie settled by the better record, disagreement said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.core.models import Grade, GraderSpec, ModelIdentity, Vote
from appliance.core.renumbering import renumbered
from appliance.core.report import Finding, Report
from appliance.core.report_from_json import from_json
from appliance.core.report_json import to_json
from appliance.core.report_text import to_text
from appliance.core.second_opinion import Second, ask, disagreement_warning
from appliance.core.spine import Condition, Level, Region, Severity
from tests.core.make_values import report

CROPS = np.zeros((2, 8, 8), np.uint8)
CANAL = Condition.SPINAL_CANAL_STENOSIS
NORMAL, SEVERE = (0.6, 0.3, 0.1), (0.1, 0.3, 0.6)
Triple = tuple[float, float, float]


class Sure:
    """Says always the same."""

    def __init__(self, name: str, triple: Triple, attention: tuple[float, ...] = (0.5, 0.5)) -> None:
        self.identity = ModelIdentity(name, "1", name * 8, "INT8")
        self.spec = GraderSpec(Region.CANAL, 8, 60.0, 5)
        self._grade = Grade(triple, attention)

    def grade(self, crops: NDArray[np.uint8]) -> Grade:
        return self._grade


def found(first: Triple, second: Triple, second_is_better: bool = False) -> Finding:
    """What is said of the canal at L1/L2 when two graders say this."""
    grade = ask(Sure("one", first), Second(Sure("two", second), second_is_better), CROPS)
    return replace(report().findings[0], probabilities=grade.probabilities, votes=grade.votes)


def reported(finding: Finding) -> Report:
    """`make_values.report()` with this finding in it."""
    findings = (finding, *report().findings[1:])
    return replace(report(), findings=findings, warnings=disagreement_warning(findings))


def test_one_grader_gives_its_own_answer_and_no_votes() -> None:
    grade = ask(Sure("one", NORMAL), None, CROPS)
    assert (grade.probabilities, grade.votes) == (NORMAL, ())


def test_two_are_averaged_slice_weights_too_and_each_vote_is_kept() -> None:
    one, two = Sure("one", (0.8, 0.15, 0.05), (0.9, 0.1)), Sure("two", (0.5, 0.4, 0.1), (0.3, 0.7))
    grade = ask(one, Second(two, better=False), CROPS)
    assert grade.probabilities == pytest.approx((0.65, 0.275, 0.075))
    assert grade.attention == pytest.approx((0.6, 0.4))
    assert grade.votes == (Vote("one", (0.8, 0.15, 0.05)), Vote("two", (0.5, 0.4, 0.1)))


def test_a_tie_is_settled_by_the_better_record() -> None:
    """As the original work did: both are equally sure of different grades."""
    assert found(NORMAL, SEVERE).severity is Severity.NORMAL_MILD
    assert found(NORMAL, SEVERE, second_is_better=True).severity is Severity.SEVERE
    assert found(SEVERE, NORMAL, second_is_better=True).severity is Severity.NORMAL_MILD


def test_a_tie_that_no_vote_is_in_goes_to_the_graver() -> None:
    assert Finding(CANAL, Level.L1_L2, (0.4, 0.4, 0.2), report().findings[0].evidence).severity is Severity.MODERATE


def test_the_average_may_name_what_neither_said_and_that_is_flagged() -> None:
    finding = found((0.48, 0.47, 0.05), (0.05, 0.47, 0.48))
    assert finding.severity is Severity.MODERATE and finding.disagreement


def test_only_different_grades_are_a_disagreement() -> None:
    assert found(NORMAL, SEVERE).disagreement
    assert not found((0.9, 0.1, 0.0), (0.5, 0.4, 0.1)).disagreement
    assert not report().findings[0].disagreement, "one model disagrees with nobody"


def test_the_report_keeps_the_votes_and_says_where_they_differ() -> None:
    written = json.loads(json.dumps(to_json(reported(found(NORMAL, SEVERE, True)))))
    first, other = written["findings"][:2]
    assert first["votes"][0] == {
        "model": "two", "severity": "severe", "probabilities": {"normal_mild": 0.1, "moderate": 0.3, "severe": 0.6},
    }  # fmt: skip
    assert (first["disagreement"], first["severity"]) == (True, "severe")
    assert (other["votes"], other["disagreement"]) == ([], False)
    assert written["warnings"] == ["The two models disagree at 1 place, marked *: look at the images there first."]
    assert json.loads(json.dumps(to_json(from_json(written)))) == written, "taken up again, the tie is settled as it was"


def test_a_report_of_before_there_were_votes_is_taken_up() -> None:
    written = json.loads(json.dumps(to_json(report())))
    for finding in written["findings"]:
        del finding["votes"], finding["disagreement"]
    assert from_json(written) == report()


def test_votes_follow_their_disc_when_the_names_are_moved_and_what_left_is_not_counted() -> None:
    both = reported(found(NORMAL, SEVERE))
    down, up = renumbered(both, -1, 2), renumbered(both, 1, 2)
    assert down.finding(CANAL, Level.L2_L3).votes == both.finding(CANAL, Level.L1_L2).votes
    assert "at 1 place" in down.warnings[0]
    assert not any("disagree" in warning for warning in up.warnings), "its disc has left the report"


def test_the_terminal_marks_the_place_and_says_what_the_mark_means() -> None:
    text = to_text(reported(found(NORMAL, SEVERE)))
    assert "normal   35%*" in text and "marked *" in text
    assert "*" not in to_text(report())
