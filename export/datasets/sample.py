"""The one sample type that every data set fills, and that all training and evaluation reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.core.models import Box
from appliance.core.spine import Condition, Level, Severity, Side, Structure
from appliance.core.study import Role, Study


@dataclass(frozen=True, slots=True)
class BoxLabel:
    """A box drawn by whoever labelled: x0, y0, x1, y1 in the pixels of that image."""

    sop_uid: str
    structure: Structure
    box_px: Box
    level: Level | None = None
    """None for discs above L1/L2."""
    side: Side | None = None
    frame: int = 1


@dataclass(frozen=True, slots=True)
class PlaceLabel:
    """The grade of one of the 25 places, and where it lies when the data set says so."""

    condition: Condition
    level: Level
    severity: Severity | None
    """None where the labellers left it open (RSNA has such)."""
    position_mm: tuple[float, float, float] | None = None
    sop_uid: str | None = None
    center_px: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class LevelLabel:
    """The centre of a disc in patient millimetres."""

    level: Level
    position_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class LabelledStudy:
    """One study with what is known of it. `patient` groups: a patient is in one split only."""

    source: str
    """`phantom`, `spider`, `rsna2024`."""
    patient: str
    study_id: str
    load: Callable[[], Study]
    """Reads the pictures; raises `appliance.errors.InputError` when they cannot be read."""
    roles: dict[str, Role] = field(default_factory=dict)
    """Series UID to role, where the data set says so; else the appliance's own selection decides."""
    boxes: tuple[BoxLabel, ...] = ()
    places: tuple[PlaceLabel, ...] = ()
    levels: tuple[LevelLabel, ...] = ()
