"""The phantom as a data set: rendered in memory (fast, no files), or read back from its written folders.

Both give the same labels, because both come from the same `PhantomTruth`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from appliance.core.crops import Place
from appliance.core.spine import Condition, Level
from appliance.core.study import Contrast, Patient, Role, Series, Slice, Study
from appliance.reading import read_path
from export.datasets.sample import BoxLabel, LabelledStudy, LevelLabel, PlaceLabel
from export.phantom.grades import parameter_of
from export.phantom.truth import FindingTruth, LevelTruth, PhantomTruth

if TYPE_CHECKING:  # the renderer compiles kernels on import: only who renders pays for it
    from export.phantom import RenderedSeries, RenderedStudy

SOURCE = "phantom"
TRUTH_FILE = "truth.json"

POINT_OF: Mapping[Condition, str] = {
    Condition.SPINAL_CANAL_STENOSIS: "canal_center_mm",
    Condition.LEFT_NEURAL_FORAMINAL_NARROWING: "left_foramen_mm",
    Condition.RIGHT_NEURAL_FORAMINAL_NARROWING: "right_foramen_mm",
    Condition.LEFT_SUBARTICULAR_STENOSIS: "left_recess_mm",
    Condition.RIGHT_SUBARTICULAR_STENOSIS: "right_recess_mm",
}


def labelled_rendering(rendered: RenderedStudy) -> LabelledStudy:
    """A study rendered in memory, with its labels."""
    return _labelled(rendered.truth, lambda: study_of(rendered))


def labelled_folder(folder: Path) -> LabelledStudy:
    """A study written by `python -m export.phantom`; its pictures are read when `load` is called."""
    return _labelled(PhantomTruth.load(folder / TRUTH_FILE), lambda: read_path(folder))


def labelled_folders(root: Path) -> Iterator[LabelledStudy]:
    """Every study below `root`, by name."""
    for path in sorted(root.rglob(TRUTH_FILE)):
        yield labelled_folder(path.parent)


def measures(truth: PhantomTruth) -> dict[Place, float]:
    """The measured length or area of each place, scaled: 0 parts severe from moderate, 1 moderate from normal."""
    return {(f.condition, f.level): scaled_measure(f.condition, f.parameter_value) for f in truth.findings}


def scaled_measure(condition: Condition, value: float) -> float:
    """mm or mm2 to the scale on which every condition's thresholds are 0 and 1."""
    parameter = parameter_of(condition)
    return (value - parameter.moderate_from) / (parameter.normal_from - parameter.moderate_from)


def study_of(rendered: RenderedStudy) -> Study:
    """The rendered pictures as the reader would have given them: one `Series` for each orientation, sorted."""
    stacks = tuple(stack for series in rendered.series for stack in _stacks(series))
    patient = Patient(rendered.truth.patient_id, "Phantom")
    return Study(rendered.truth.study_uid, stacks, patient, description="synthetic phantom")


def _stacks(series: RenderedSeries) -> list[Series]:
    groups: dict[tuple[float, ...], list[Slice]] = {}
    for n, x in enumerate(series.slices):
        key = tuple(np.round([*x.plane.row_direction, *x.plane.column_direction], 3))
        picture = Slice(x.sop_uid, x.pixels.astype(np.float32), x.plane, instance_number=n + 1)
        groups.setdefault(key, []).append(picture)
    w = series.weighting
    contrast = Contrast(w.repetition, w.echo, w.inversion, series.description)
    ordered = [sorted(g, key=lambda s: s.plane.position if s.plane else 0.0) for g in groups.values()]
    return [Series(series.series_uid, tuple(g), contrast) for g in ordered]


def _labelled(truth: PhantomTruth, load: Callable[[], Study]) -> LabelledStudy:
    return LabelledStudy(
        source=SOURCE,
        patient=truth.patient_id,
        study_id=f"{truth.seed}-{truth.index}",
        load=load,
        roles={s.series_uid: Role(s.role.value) for s in truth.series},
        boxes=tuple(
            BoxLabel(b.sop_uid, b.kind, b.box_px, _known_level(b.level), b.side, b.frame + 1) for b in truth.boxes
        ),
        places=tuple(_place(f, truth.level(f.level)) for f in truth.findings),
        levels=tuple(LevelLabel(x.level, x.disc_center_mm) for x in truth.levels),
    )


def _place(finding: FindingTruth, level: LevelTruth) -> PlaceLabel:
    position = getattr(level, POINT_OF[finding.condition])
    return PlaceLabel(finding.condition, finding.level, finding.severity, position)


def _known_level(name: str) -> Level | None:
    return Level(name) if name in set(Level) else None
