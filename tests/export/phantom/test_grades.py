"""A grade is a pure function of a measured length or area."""

from __future__ import annotations

import pytest

from appliance.core.spine import CONDITIONS, SEVERITIES, Condition, Severity
from export.phantom.grades import grade, parameter_of

CANAL = Condition.SPINAL_CANAL_STENOSIS
FORAMEN = Condition.LEFT_NEURAL_FORAMINAL_NARROWING
RECESS = Condition.RIGHT_SUBARTICULAR_STENOSIS


@pytest.mark.parametrize(
    ("condition", "value", "severity"),
    [
        (CANAL, 150, Severity.NORMAL_MILD), (CANAL, 100, Severity.NORMAL_MILD), (CANAL, 99, Severity.MODERATE),
        (CANAL, 75, Severity.MODERATE), (CANAL, 74, Severity.SEVERE),
        (FORAMEN, 12, Severity.NORMAL_MILD), (FORAMEN, 11.9, Severity.MODERATE), (FORAMEN, 7.9, Severity.SEVERE),
        (RECESS, 4, Severity.NORMAL_MILD), (RECESS, 3, Severity.MODERATE), (RECESS, 1.9, Severity.SEVERE),
    ],
)  # fmt: skip
def test_thresholds_are_those_of_the_reference(
    condition: Condition, value: float, severity: Severity
) -> None:
    assert grade(condition, value) is severity


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_value_the_sampler_may_draw_for_a_grade_has_that_grade(
    condition: Condition, severity: Severity
) -> None:
    low, high = parameter_of(condition).interval(severity)
    for step in range(11):
        assert grade(condition, low + (high - low) * step / 10) is severity


def test_left_and_right_are_measured_alike() -> None:
    for condition in CONDITIONS:
        assert parameter_of(condition) is parameter_of(condition.mirrored)
