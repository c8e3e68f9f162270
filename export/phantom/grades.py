"""From a physical parameter to a grade: pure functions, the only place where a threshold is written.

Sources (shared/reference/lumbar-mri.md): dural sac area >100 mm2 normal, 75-100 moderate, below severe; foraminal
height >=15 normal, 12-15 mild, 8-12 moderate, <8 severe; recess depth >=5 normal, 3-5 narrowed, <2 severe. RSNA joins
normal and mild, so the middle of "narrowed", 4 mm, parts normal_mild from moderate in the recess.
"""

from __future__ import annotations

from dataclasses import dataclass

from appliance.core.spine import Condition, Severity


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is measured for a condition: its name, unit and the two values that part the grades (larger is better)."""

    name: str
    unit: str
    normal_from: float
    moderate_from: float
    smallest: float
    largest: float

    def severity(self, value: float) -> Severity:
        """Grade of a measured value; a value on a threshold belongs to the milder side."""
        if value >= self.normal_from:
            return Severity.NORMAL_MILD
        return Severity.MODERATE if value >= self.moderate_from else Severity.SEVERE

    def interval(self, severity: Severity, gap: float = 0.02) -> tuple[float, float]:
        """Range the sampler may draw from; `gap` (2 % each side) keeps a thin strip round each threshold empty."""
        if severity is Severity.NORMAL_MILD:
            return self.normal_from * (1 + gap), self.largest
        if severity is Severity.MODERATE:
            return self.moderate_from * (1 + gap), self.normal_from * (1 - gap)
        return self.smallest, self.moderate_from * (1 - gap)


CANAL = Parameter("dural_sac_area", "mm2", 100.0, 75.0, 22.0, 215.0)
FORAMEN = Parameter("foramen_height", "mm", 12.0, 8.0, 3.5, 19.5)
RECESS = Parameter("recess_depth", "mm", 4.0, 2.0, 0.4, 8.0)

_OF_CONDITION = {
    Condition.SPINAL_CANAL_STENOSIS: CANAL,
    Condition.LEFT_NEURAL_FORAMINAL_NARROWING: FORAMEN,
    Condition.RIGHT_NEURAL_FORAMINAL_NARROWING: FORAMEN,
    Condition.LEFT_SUBARTICULAR_STENOSIS: RECESS,
    Condition.RIGHT_SUBARTICULAR_STENOSIS: RECESS,
}


def parameter_of(condition: Condition) -> Parameter:
    """The parameter that sets a condition's grade."""
    return _OF_CONDITION[condition]


def grade(condition: Condition, value: float) -> Severity:
    """Severity of `condition` when its parameter measures `value` (mm2 for the canal, mm for the others)."""
    return parameter_of(condition).severity(value)
