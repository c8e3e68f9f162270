"""Hand-made values for tests of the core: a spine of five discs, its series, its report."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from appliance.core.geometry import ImagePlane
from appliance.core.models import ModelIdentity
from appliance.core.report import (
    Alert,
    Evidence,
    Finding,
    LocatedLevel,
    Outcome,
    Reason,
    Report,
    Runtime,
    SeriesUse,
    SourceImage,
    Times,
)
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Region
from appliance.core.study import Contrast, Role, Series, Slice, Study
from tests.make_dicom import BRIGHT_SAC, DARK_SAC, DISCS_Z, Recipe, sagittal_picture

RECIPE = Recipe()
T1, T2 = Contrast(600, 10), Contrast(3500, 100)


def sagittal(uid: str = "t2", contrast: Contrast = T2, recipe: Recipe = RECIPE) -> Series:
    half, middle = recipe.fov_mm / 2, (recipe.sagittal_slices - 1) / 2
    sac = DARK_SAC if contrast == T1 else BRIGHT_SAC
    slices = []
    for i in range(recipe.sagittal_slices):
        x = (i - middle) * recipe.sagittal_step_mm
        where = ImagePlane((x, -half, half), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), recipe.spacing, recipe.spacing,
                           recipe.side_px, recipe.side_px)  # fmt: skip
        slices.append(Slice(f"{uid}.{i}", sagittal_picture(recipe, x, sac).astype(np.float32), where))
    return Series(uid, tuple(slices), contrast)


def axial(uid: str = "ax", contrast: Contrast = T2, recipe: Recipe = RECIPE) -> Series:
    half = recipe.fov_mm / 2
    slices = []
    for i in range(recipe.axial_slices):
        z = (i - (recipe.axial_slices - 1) / 2) * recipe.axial_step_mm
        where = ImagePlane((-half, -half, z), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), recipe.spacing, recipe.spacing,
                           recipe.side_px, recipe.side_px)  # fmt: skip
        slices.append(Slice(f"{uid}.{i}", np.full((recipe.side_px, recipe.side_px), 100.0 + i, np.float32), where))
    return Series(uid, tuple(slices), contrast)


def study(*series: Series) -> Study:
    return Study("1.2.3", series or (sagittal("t1", T1), sagittal("t2", T2), axial()), study_date="20260102")


def finding(condition: Condition, level: Level) -> Finding:
    """The canal at L4/L5 severe, the right foramina not assessed, all else normal."""
    if condition is Condition.RIGHT_NEURAL_FORAMINAL_NARROWING:
        return Finding(condition, level, reason=Reason.NO_SAGITTAL_T1)
    severe = condition.region is Region.CANAL and level is Level.L4_L5
    triple = (0.1, 0.2, 0.7) if severe else (0.9, 0.08, 0.02)
    evidence = Evidence("t2.5", (40.0, 70.0, 70.0, 90.0), (0.0, 20.0, -33.0), 0.8, 5)
    return Finding(condition, level, probabilities=triple, evidence=evidence)


def report() -> Report:
    levels = tuple(
        LocatedLevel(level, "t2.5", (64.0, 64.0 - z / 2), (56.0, 61.0 - z / 2, 72.0, 67.0 - z / 2), (0.0, 0.0, z), 0.9)
        for level, z in zip(LEVELS, DISCS_Z, strict=True)
    )
    return Report(
        report_id="abc123", revision=1, outcome=Outcome.PARTLY_READ, study_uid="1.2.3",
        series=(SeriesUse("t2", Role.SAGITTAL_T2, "sagittal", 11, "T2 by TR 3500 ms"),),
        levels=levels,
        findings=tuple(finding(c, level) for c in CONDITIONS for level in LEVELS),
        alerts=(Alert("severe_canal_stenosis", "Severe spinal canal stenosis at L4/L5.", Level.L4_L5),),
        warnings=("readme.txt: is not a DICOM file.",),
        models=(ModelIdentity("yolov8n-spine", "1", "f" * 64, "INT8"),),
        runtime=Runtime("CPU", "INT8", False, (("levels", 200.0), ("canal", 300.0))),
        times=Times("2026-01-02T03:04:05+00:00", "20260102"),
    )  # fmt: skip


MR = "1.2.840.10008.5.1.4.1.1.4"
SOP, SERIES = "1.2.826.0.1.5", "1.2.826.0.1"


def dicom_report(sop_class: str = MR) -> Report:
    """The same, its images being DICOM objects with proper names: 128 x 128, one series."""
    made = report()
    seen = (None if f.evidence is None else replace(f.evidence, sop_uid=SOP) for f in made.findings)
    return replace(
        made,
        study_uid="1.2.826.0",
        levels=tuple(replace(level, sop_uid=SOP) for level in made.levels),
        findings=tuple(replace(f, evidence=e) for f, e in zip(made.findings, seen, strict=True)),
        images=(SourceImage(SOP, sop_class, SERIES, 128, 128),),
    )


def dicom_study() -> Study:
    """Whose middle slice is the one `dicom_report` points to."""
    series = sagittal("t2")
    pictures = tuple(Slice(SOP if s.sop_uid == "t2.5" else s.sop_uid, s.pixels, s.plane) for s in series.slices)
    return Study("1.2.826.0", (Series(series.series_uid, pictures),))
