"""Small DICOM studies for tests: a spine of white rectangles that the fake models can read. No phantom, no weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid

SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)

T1 = {"RepetitionTime": 600, "EchoTime": 10, "SeriesDescription": "t1_tse_sag"}
T2 = {"RepetitionTime": 3500, "EchoTime": 100, "SeriesDescription": "t2_tse_sag"}
STIR = {"RepetitionTime": 4000, "EchoTime": 60, "InversionTime": 160, "SeriesDescription": "stir_sag"}
AXIAL_T2 = {"RepetitionTime": 3500, "EchoTime": 100, "SeriesDescription": "t2_tse_tra"}

DISCS_Z = (70.0, 36.0, 2.0, -33.0, -68.0)
"""Centres of L1/L2 … L5/S1, mm above the isocentre."""
DISC_Y = 0.0


def uid(*parts: object) -> str:
    """The same for the same words."""
    return generate_uid(entropy_srcs=[str(p) for p in parts])


@dataclass
class Recipe:
    """One study; every field may be turned by a test."""

    name: str = "study"
    side_px: int = 128
    fov_mm: float = 256.0
    sagittal_slices: int = 11
    sagittal_step_mm: float = 4.0
    axial_slices: int = 40
    axial_step_mm: float = 4.5
    discs_z: tuple[float, ...] = DISCS_Z
    tags: dict[str, Any] = field(default_factory=dict)

    @property
    def spacing(self) -> float:
        return self.fov_mm / self.side_px


SAC_Y, SAC_HALF_MM = 27.0, 10.0
"""Middle of the dural sac behind the discs' centres; wide, for the real one follows the lordosis."""
DARK_SAC, BRIGHT_SAC = 150, 600
"""On T1 and on T2."""


def sagittal_picture(recipe: Recipe, x: float = 0.0, sac: int | None = None) -> NDArray[np.uint16]:
    """Grey, with a white rectangle 32 x 9 mm for every disc, seen within 18 mm of the midline; the sac where asked for."""
    n, s = recipe.side_px, recipe.spacing
    if not recipe.discs_z:
        return np.full((n, n), 300, np.uint16)
    picture = _texture(n) + np.uint16(300)
    if abs(x) <= 18:
        if sac is not None:
            picture[:, :4] = 0  # air, so that the sac of T1 is not the blackest there is
            front, back = ((recipe.fov_mm / 2 + SAC_Y + sign * SAC_HALF_MM) / s for sign in (-1, 1))
            picture[:, round(front) : round(back)] = sac
        for z in recipe.discs_z:
            rows = slice(round((recipe.fov_mm / 2 - z - 4.5) / s), round((recipe.fov_mm / 2 - z + 4.5) / s))
            columns = slice(round((recipe.fov_mm / 2 + DISC_Y - 16) / s), round((recipe.fov_mm / 2 + DISC_Y + 16) / s))
            picture[max(0, rows.start) : max(0, rows.stop), columns] = 1000
    return picture


def _texture(n: int) -> NDArray[np.uint16]:
    y, x = np.mgrid[:n, :n]
    made: NDArray[np.uint16] = (40 + 30 * np.sin(x / 5) + 30 * np.cos(y / 7)).astype(np.uint16)
    return made


def dataset(recipe: Recipe, series: str, number: int, pixels: NDArray[Any], **tags: Any) -> FileDataset:
    """One MR image; a tag given as None is left out."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = UID(uid(recipe.name, series, number))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    values: dict[str, Any] = {
        "SOPClassUID": MRImageStorage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": uid(recipe.name),
        "SeriesInstanceUID": uid(recipe.name, series),
        "Modality": "MR",
        "PatientID": "P1",
        "PatientName": "Test^Patient",
        "StudyDate": "20260102",
        "BodyPartExamined": "LSPINE",
        "InstanceNumber": number + 1,
        "PixelSpacing": [recipe.spacing, recipe.spacing],
        **recipe.tags,
        **tags,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(ds, keyword, value)
    set_pixels(ds, pixels)
    return ds


def set_pixels(ds: Dataset, pixels: NDArray[Any], stored: int | None = None) -> None:
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = ds.get("PhotometricInterpretation", "MONOCHROME2")
    ds.BitsAllocated = pixels.dtype.itemsize * 8
    ds.BitsStored = stored or ds.BitsAllocated
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OW" if ds.BitsAllocated > 8 else "OB"


def sagittal_series(recipe: Recipe, series: str = "sag", **contrast: Any) -> list[FileDataset]:
    half, middle = recipe.fov_mm / 2, (recipe.sagittal_slices - 1) / 2
    out = []
    for i in range(recipe.sagittal_slices):
        x = (i - middle) * recipe.sagittal_step_mm
        where = {"ImagePositionPatient": [x, -half, half], "ImageOrientationPatient": list(SAGITTAL)}
        sac = DARK_SAC if contrast.get("EchoTime") == T1["EchoTime"] else BRIGHT_SAC
        out.append(dataset(recipe, series, i, sagittal_picture(recipe, x, sac), **{**where, **(contrast or T2)}))
    return out


def axial_series(recipe: Recipe, series: str = "ax", **contrast: Any) -> list[FileDataset]:
    half, middle = recipe.fov_mm / 2, (recipe.axial_slices - 1) / 2
    out = []
    for i in range(recipe.axial_slices):
        z = (i - middle) * recipe.axial_step_mm
        where = {"ImagePositionPatient": [-half, -half, z], "ImageOrientationPatient": list(AXIAL)}
        picture = _texture(recipe.side_px) + np.uint16(200 + 5 * i)
        out.append(dataset(recipe, series, i, picture, **{**where, **(contrast or AXIAL_T2)}))
    return out


def whole_study(recipe: Recipe | None = None) -> list[FileDataset]:
    """Sagittal T1, sagittal T2, axial T2."""
    recipe = recipe or Recipe()
    return [
        *sagittal_series(recipe, "t1", **T1),
        *sagittal_series(recipe, "t2", **T2),
        *axial_series(recipe, "ax", **AXIAL_T2),
    ]


def save(datasets: list[FileDataset], folder: Path) -> Path:
    """One file each, without extension."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, ds in enumerate(datasets):
        ds.save_as(folder / f"IM{i:04d}", enforce_file_format=True)
    return folder
