"""The words of the reading: levels, conditions, severities, sides.

Spelled as in RSNA 2024's submission file; shown to people as in a radiologist's report.
"""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """A lumbar disc level, from the head down. Counted upward from the sacrum, which is the fixed end."""

    L1_L2 = "l1_l2"
    L2_L3 = "l2_l3"
    L3_L4 = "l3_l4"
    L4_L5 = "l4_l5"
    L5_S1 = "l5_s1"

    @property
    def label(self) -> str:
        """As people write it: `L4/L5`."""
        return self.value.upper().replace("_", "/")

    @property
    def above_sacrum(self) -> int:
        """Discs between this one and the sacrum: 0 for L5/S1, 4 for L1/L2."""
        return len(LEVELS) - 1 - LEVELS.index(self)


LEVELS: tuple[Level, ...] = tuple(Level)


class Side(StrEnum):
    """The patient's own side, never the viewer's."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def opposite(self) -> Side:
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class Region(StrEnum):
    """The three kinds of narrowing; each has its own grader."""

    CANAL = "canal"
    FORAMINAL = "foraminal"
    SUBARTICULAR = "subarticular"


class Condition(StrEnum):
    """The five graded conditions."""

    SPINAL_CANAL_STENOSIS = "spinal_canal_stenosis"
    LEFT_NEURAL_FORAMINAL_NARROWING = "left_neural_foraminal_narrowing"
    RIGHT_NEURAL_FORAMINAL_NARROWING = "right_neural_foraminal_narrowing"
    LEFT_SUBARTICULAR_STENOSIS = "left_subarticular_stenosis"
    RIGHT_SUBARTICULAR_STENOSIS = "right_subarticular_stenosis"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()

    @property
    def region(self) -> Region:
        return _REGION_AND_SIDE[self][0]

    @property
    def side(self) -> Side | None:
        """None for the canal, which lies in the middle."""
        return _REGION_AND_SIDE[self][1]

    @property
    def head(self) -> tuple[str, str]:
        """As a table's column says it, and its side; `""` for the canal's."""
        return _HEADS[self.region], self.side or ""

    @property
    def mirrored(self) -> Condition:
        """The same narrowing in the mirror: left becomes right; the canal stays."""
        return next(c for c in Condition if c.region is self.region and c.side == _opposite(self.side))


CONDITIONS: tuple[Condition, ...] = tuple(Condition)

_REGION_AND_SIDE: dict[Condition, tuple[Region, Side | None]] = {
    Condition.SPINAL_CANAL_STENOSIS: (Region.CANAL, None),
    Condition.LEFT_NEURAL_FORAMINAL_NARROWING: (Region.FORAMINAL, Side.LEFT),
    Condition.RIGHT_NEURAL_FORAMINAL_NARROWING: (Region.FORAMINAL, Side.RIGHT),
    Condition.LEFT_SUBARTICULAR_STENOSIS: (Region.SUBARTICULAR, Side.LEFT),
    Condition.RIGHT_SUBARTICULAR_STENOSIS: (Region.SUBARTICULAR, Side.RIGHT),
}


_HEADS = {Region.CANAL: "Spinal canal", Region.FORAMINAL: "Foramen", Region.SUBARTICULAR: "Subarticular"}


class Severity(StrEnum):
    """RSNA's three grades, in rising order."""

    NORMAL_MILD = "normal_mild"
    MODERATE = "moderate"
    SEVERE = "severe"

    @property
    def label(self) -> str:
        return {"normal_mild": "Normal/mild", "moderate": "Moderate", "severe": "Severe"}[self.value]

    @property
    def rank(self) -> int:
        """0, 1, 2: the column in a probability triple."""
        return SEVERITIES.index(self)


SEVERITIES: tuple[Severity, ...] = tuple(Severity)


class Structure(StrEnum):
    """What the detector draws boxes around."""

    DISC = "disc"
    LUMBOSACRAL_DISC = "lumbosacral_disc"
    SPINAL_CANAL = "spinal_canal"
    NEURAL_FORAMEN = "neural_foramen"
    SUBARTICULAR_RECESS = "subarticular_recess"


STRUCTURES: tuple[Structure, ...] = tuple(Structure)


def _opposite(side: Side | None) -> Side | None:
    return side.opposite if side is not None else None
