"""Where a picture lies in the patient, and back.

Patient coordinates are DICOM's LPS in millimetres: +x to the patient's left, +y to the back, +z to the head.
Pixel coordinates are (x, y) = (column, row), pixel centres at whole numbers, (0, 0) the first pixel
(PS3.3 C.7.6.2.1.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


class Plane(StrEnum):
    SAGITTAL = "sagittal"
    CORONAL = "coronal"
    AXIAL = "axial"
    OBLIQUE = "oblique"


MAX_TILT_DEGREES = 40.0
"""An image counts as sagittal, coronal or axial when its normal is nearer than this to x, y or z.

Disc-parallel axial stacks at L5/S1 follow a lumbosacral angle of 44.5 +- 9.9 degrees less the pelvis's tilt on the
table; 40 keeps them axial and still leaves a gap between the three.
"""


PixelMm = tuple[float, float]
"""Row spacing and column spacing in mm: DICOM's Pixel Spacing, in its order."""


@dataclass(frozen=True, slots=True)
class ImagePlane:
    """The plane of one slice: Image Position (Patient), Image Orientation (Patient), Pixel Spacing, Rows, Columns."""

    origin: tuple[float, float, float]
    row_direction: tuple[float, float, float]
    """Unit vector along which the column index grows (first triple of Image Orientation)."""
    column_direction: tuple[float, float, float]
    """Unit vector along which the row index grows (second triple)."""
    row_spacing: float
    """mm between rows: Pixel Spacing's first value."""
    column_spacing: float
    """mm between columns: Pixel Spacing's second value."""
    rows: int
    columns: int

    def __post_init__(self) -> None:
        u, v = np.asarray(self.row_direction), np.asarray(self.column_direction)
        if not (np.isfinite(u).all() and np.isfinite(v).all() and np.isfinite(self.origin).all()):
            raise ValueError("image plane has a number that is not finite")
        if abs(u @ u - 1) > 0.01 or abs(v @ v - 1) > 0.01 or abs(u @ v) > 0.01:
            raise ValueError("Image Orientation (Patient) is not two perpendicular unit vectors")
        if min(self.row_spacing, self.column_spacing) <= 0 or min(self.rows, self.columns) <= 0:
            raise ValueError("Pixel Spacing, Rows and Columns must be greater than zero")

    @property
    def pixel_mm(self) -> PixelMm:
        return self.row_spacing, self.column_spacing

    @property
    def normal(self) -> Vector:
        (a, b, c), (d, e, f) = self.row_direction, self.column_direction
        return np.array([b * f - c * e, c * d - a * f, a * e - b * d])  # np.cross is twenty times slower on one vector

    @property
    def plane(self) -> Plane:
        towards = np.abs(self.normal)
        axis = int(towards.argmax())
        if towards[axis] < np.cos(np.radians(MAX_TILT_DEGREES)):
            return Plane.OBLIQUE
        return (Plane.SAGITTAL, Plane.CORONAL, Plane.AXIAL)[axis]

    @property
    def position(self) -> float:
        """mm along the normal, the normal turned so that it points to the patient's left, back or head."""
        return float(np.asarray(self.origin) @ self.upward_normal)

    @property
    def upward_normal(self) -> Vector:
        """The normal with its largest component positive, so that two opposite stacks sort the same way."""
        normal = self.normal
        return normal if normal[np.abs(normal).argmax()] > 0 else -normal

    def to_patient(self, points_px: NDArray[np.floating] | tuple[float, float]) -> Vector:
        """(..., 2) pixel (x, y) to (..., 3) mm."""
        p = np.asarray(points_px, dtype=np.float64)
        along_row = p[..., :1] * self.column_spacing * np.asarray(self.row_direction)
        along_column = p[..., 1:2] * self.row_spacing * np.asarray(self.column_direction)
        return np.asarray(np.asarray(self.origin) + along_row + along_column)

    def to_pixel(self, points_mm: NDArray[np.floating] | tuple[float, float, float]) -> Vector:
        """(..., 3) mm to (..., 2) pixel (x, y) of the point's foot on the plane."""
        d = np.asarray(points_mm, dtype=np.float64) - np.asarray(self.origin)
        x = d @ np.asarray(self.row_direction) / self.column_spacing
        y = d @ np.asarray(self.column_direction) / self.row_spacing
        found = np.empty((*d.shape[:-1], 2))
        found[..., 0], found[..., 1] = x, y
        return found

    def distance(self, point_mm: NDArray[np.floating] | tuple[float, float, float]) -> float:
        """Signed mm from the plane to the point, along `upward_normal`."""
        return float((np.asarray(point_mm, dtype=np.float64) - np.asarray(self.origin)) @ self.upward_normal)

    def contains(self, point_mm: NDArray[np.floating] | tuple[float, float, float]) -> bool:
        """Whether the point's foot falls inside the picture."""
        x, y = self.to_pixel(point_mm)
        return bool(-0.5 <= x <= self.columns - 0.5 and -0.5 <= y <= self.rows - 0.5)
