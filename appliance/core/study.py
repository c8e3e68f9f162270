"""A study as read: slices, series, and what is wrong with them. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from appliance.core.geometry import ImagePlane, Plane


class Role(StrEnum):
    """What a series is for in the reading."""

    SAGITTAL_T1 = "sagittal_t1"
    SAGITTAL_T2 = "sagittal_t2"
    SAGITTAL_STIR = "sagittal_stir"
    AXIAL_T2 = "axial_t2"
    UNUSED = "unused"


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """One picture. `pixels` is (rows, columns) float32, read-only, bright = high (MONOCHROME1 already turned).

    `plane` is None when the file does not say where it lies (secondary capture, PNG, JPEG).
    """

    sop_uid: str
    pixels: NDArray[np.float32]
    plane: ImagePlane | None
    frame: int = 1
    """1-based frame number inside an enhanced multi-frame object; 1 elsewhere."""
    instance_number: int | None = None
    sop_class_uid: str = ""
    """Empty where the picture is no DICOM object, or does not name itself: nothing can point to it then."""

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or self.pixels.size == 0:
            raise ValueError(f"a slice needs a two-dimensional picture, not shape {self.pixels.shape}")
        self.pixels.setflags(write=False)


@dataclass(frozen=True, slots=True)
class Contrast:
    """What the header says of the sequence; None where it is silent. Times in milliseconds."""

    repetition_time: float | None = None
    echo_time: float | None = None
    inversion_time: float | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Slices of one series that share one orientation, in order along `upward_normal`.

    A DICOM series of several tilted stacks becomes several `Series` with the same `series_uid`.
    """

    series_uid: str
    slices: tuple[Slice, ...]
    contrast: Contrast = field(default_factory=Contrast)
    modality: str = "MR"

    @property
    def plane(self) -> Plane | None:
        first = self.slices[0].plane
        return first.plane if first is not None else None


@dataclass(frozen=True, slots=True)
class Patient:
    """Kept beside the report on the box; leaves it only when the configuration says so."""

    patient_id: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that was not read, and why, in words."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One patient, one visit."""

    study_uid: str
    series: tuple[Series, ...]
    patient: Patient = field(default_factory=Patient)
    study_date: str = ""
    description: str = ""
    accession_number: str = ""
    skipped: tuple[SkippedFile, ...] = ()

    @property
    def is_single_image(self) -> bool:
        return sum(len(s.slices) for s in self.series) == 1
