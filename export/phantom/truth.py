"""What is true about a phantom study, as a file: levels in mm, findings with their measures, boxes in pixels.

Patient coordinates are DICOM LPS mm. Pixels are (x, y) = (column, row) of that image, pixel centres at whole numbers.
Levels are counted up from the sacrum; `lumbar_count` says how many lumbar vertebrae the spine really has.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from appliance.core.spine import Condition, Level, Severity, Side, Structure
from export.phantom.options import Role

Point = tuple[float, float, float]
SCHEMA = "lumbarbox.phantom-truth/1"


@dataclass(frozen=True, slots=True)
class LevelTruth:
    """Where one level is, mm. Corners: the rims at the midline; left/right: the disc's sides."""

    level: Level
    disc_center_mm: Point
    canal_center_mm: Point
    left_foramen_mm: Point
    right_foramen_mm: Point
    left_recess_mm: Point
    right_recess_mm: Point
    anterior_superior_mm: Point
    anterior_inferior_mm: Point
    posterior_superior_mm: Point
    posterior_inferior_mm: Point
    disc_left_mm: Point
    disc_right_mm: Point


@dataclass(frozen=True, slots=True)
class FindingTruth:
    """The grade of one place and the parameter (mm2 for the canal, mm otherwise) it follows from."""

    condition: Condition
    level: Level
    severity: Severity
    parameter_name: str
    parameter_value: float


@dataclass(frozen=True, slots=True)
class BoxTruth:
    """A structure in one image. `frame` counts from 0; `level` may also be `t12_l1` or higher for discs above L1/L2."""

    sop_uid: str
    frame: int
    kind: Structure
    level: str
    side: Side | None
    box_px: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class SeriesTruth:
    """What a series is and in which folder beside this file it lies."""

    series_uid: str
    role: Role
    folder: str


@dataclass(frozen=True, slots=True)
class PhantomTruth:
    """Everything true about one study."""

    study_uid: str
    patient_id: str
    seed: int
    index: int
    lumbar_count: int
    has_metal: bool
    levels: tuple[LevelTruth, ...]
    findings: tuple[FindingTruth, ...]
    boxes: tuple[BoxTruth, ...]
    series: tuple[SeriesTruth, ...]
    quirks: tuple[str, ...]

    def finding(self, condition: Condition, level: Level) -> FindingTruth:
        """The finding of one place."""
        return next(f for f in self.findings if f.condition is condition and f.level is level)

    def level(self, level: Level) -> LevelTruth:
        """Where one level is."""
        return next(x for x in self.levels if x.level is level)

    def boxes_of(self, sop_uid: str) -> tuple[BoxTruth, ...]:
        """The boxes of one image."""
        return tuple(b for b in self.boxes if b.sop_uid == sop_uid)

    def save(self, path: Path) -> None:
        """Write as JSON; the same truth gives the same bytes."""
        path.write_text(json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> PhantomTruth:
        """Read what `save` wrote."""
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw.pop("schema") != SCHEMA:
            raise ValueError(f"{path} is not a phantom truth of this version")
        raw["levels"] = tuple(_level(x) for x in raw["levels"])
        raw["findings"] = tuple(_finding(x) for x in raw["findings"])
        raw["boxes"] = tuple(_box(x) for x in raw["boxes"])
        raw["series"] = tuple(SeriesTruth(**{**x, "role": Role(x["role"])}) for x in raw["series"])
        return cls(**{**raw, "quirks": tuple(raw["quirks"])})


def _level(raw: dict) -> LevelTruth:
    return LevelTruth(**{k: Level(v) if k == "level" else tuple(v) for k, v in raw.items()})


def _finding(raw: dict) -> FindingTruth:
    words = {
        "condition": Condition(raw["condition"]),
        "level": Level(raw["level"]),
        "severity": Severity(raw["severity"]),
    }
    return FindingTruth(**{**raw, **words})


def _box(raw: dict) -> BoxTruth:
    side = Side(raw["side"]) if raw["side"] else None
    return BoxTruth(**{**raw, "kind": Structure(raw["kind"]), "side": side, "box_px": tuple(raw["box_px"])})


def moved(box: BoxTruth, sop_uid: str, frame: int, scale: float = 1.0) -> BoxTruth:
    """The same structure in a copy of the image: another UID or frame, pixels `scale` times as many."""
    x0, y0, x1, y1 = ((v + 0.5) * scale - 0.5 for v in box.box_px)
    return replace(box, sop_uid=sop_uid, frame=frame, box_px=(x0, y0, x1, y1))
