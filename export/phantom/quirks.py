"""The oddities themselves: each changes how the files of a study are written, never what is true.

A quirk is a function of (files, generator). `DicomFile.remap` says where a slice's boxes go when the pixels move.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    SecondaryCaptureImageStorage,
)  # fmt: skip
from scipy.ndimage import zoom

from export.phantom.dicom_writer import COMMENT, put_pixels
from export.phantom.jpeg_lossless import compress_jpeg_lossless
from export.phantom.options import Role

JAPANESE = "ファントム^合成=幻影^合成"
WRONG_WORDS = ("SAG T1", "SAG T2 FRFSE", "AX T1", "LOCALIZER", "", "Lendenwirbelsäule", "t2_tse_tra")


@dataclass(slots=True)
class DicomFile:
    """One file to be written: its dataset, name, and the pieces of truth that follow it."""

    name: str
    role: Role | None
    dataset: Dataset
    frames: list[tuple[str, float]] = field(default_factory=list)
    """For each frame: SOP UID of the rendered slice it shows, and pixels per rendered pixel."""
    keep_bytes: float = 1.0
    """Share of the file that is written (less than 1 for a truncated one)."""


Quirk = Callable[[list[DicomFile], np.random.Generator], list[DicomFile]]


def _of(files: list[DicomFile], *roles: Role) -> list[DicomFile]:
    return [f for f in files if f.role in roles]


def _reverse_numbers(files: list[DicomFile]) -> None:
    for f, number in zip(files, range(len(files), 0, -1), strict=True):
        f.dataset.InstanceNumber = number


def reversed_t1(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """InstanceNumber of the sagittal T1 runs from left to right instead of right to left."""
    _reverse_numbers(_of(files, Role.SAGITTAL_T1))
    return files


def descending_axial(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """InstanceNumber of the axial slices runs the other way."""
    _reverse_numbers(_of(files, Role.AXIAL_T2))
    return files


def no_rescale(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """No Rescale tags at all."""
    for f in files:
        for tag in ("RescaleIntercept", "RescaleSlope", "RescaleType"):
            if tag in f.dataset:
                delattr(f.dataset, tag)
    return files


def missing_instance_number(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """InstanceNumber empty in one file of each series, absent in the next."""
    for role in Role:
        chosen = _of(files, role)[1:3]
        for f in chosen[:1]:
            f.dataset.InstanceNumber = None
        for f in chosen[1:]:
            del f.dataset.InstanceNumber
    return files


def duplicate_instance_number(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """Two slices of each series share a number."""
    for role in Role:
        chosen = _of(files, role)
        if len(chosen) > 3:
            chosen[3].dataset.InstanceNumber = chosen[2].dataset.InstanceNumber
    return files


def monochrome1(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """Stored values turned over, low is bright."""
    for f in files:
        ds = f.dataset
        stored = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        put_pixels(ds, (4095 - stored).astype(np.uint16))
        ds.PhotometricInterpretation = "MONOCHROME1"
    return files


def signed(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """Signed 16-bit, a third of the range below zero."""
    for f in files:
        ds = f.dataset
        stored = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        put_pixels(ds, stored.astype(np.int16) - 1000, bits=16)
    return files


def sixteen_bit(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """Unsigned 16-bit, values up to 65,000."""
    for f in files:
        ds = f.dataset
        stored = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        put_pixels(ds, (stored.astype(np.uint32) * 15).astype(np.uint16), bits=16)
    return files


def wrong_description(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """SeriesDescription and ProtocolName that name another sequence, or none."""
    for role in Role:
        words = str(rng.choice(WRONG_WORDS))
        for f in _of(files, role):
            f.dataset.SeriesDescription = f.dataset.ProtocolName = words
    return files


def non_ascii_name(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """A patient's name in Japanese and Latin letters with accents, still plainly a phantom's."""
    for f in files:
        f.dataset.PatientName = f"PHANTÔM^Ünïcode={JAPANESE}"
    return files


def no_extension(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """Names as on a CD: IM000001 without an ending."""
    for number, f in enumerate(files):
        f.name = f"IM{number:06d}"
    return files


def feet_first(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """Patient Position FFS. Patient coordinates do not care, so nothing else changes."""
    for f in files:
        f.dataset.PatientPosition = "FFS"
    return files


def prone(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """Patient Position HFP."""
    for f in files:
        f.dataset.PatientPosition = "HFP"
    return files


def mixed_spacing(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """Every fifth slice stored with three quarters of the pixels, and Pixel Spacing to match."""
    for f in files[::5]:
        ds = f.dataset
        stored = np.frombuffer(ds.PixelData, "<u2").reshape(ds.Rows, ds.Columns)
        rows = int(ds.Rows * 0.75)
        scale = rows / ds.Rows
        small = zoom(stored.astype(np.float32), scale, order=1, grid_mode=True, mode="nearest")
        row_mm, column_mm = (float(v) for v in ds.PixelSpacing)
        _move_corner(ds, 0.5 * (1 / scale - 1) * column_mm, 0.5 * (1 / scale - 1) * row_mm)
        ds.PixelSpacing = [f"{row_mm / scale:.9f}", f"{column_mm / scale:.9f}"]
        put_pixels(ds, np.clip(np.rint(small), 0, 4095).astype(np.uint16))
        f.frames = [(sop, scale) for sop, _ in f.frames]
    return files


def _move_corner(ds: Dataset, along_row: float, along_column: float) -> None:
    """Shift the first pixel's middle, mm, so that the picture covers the same square."""
    position = np.array([float(v) for v in ds.ImagePositionPatient])
    axes = np.array([float(v) for v in ds.ImageOrientationPatient]).reshape(2, 3)
    ds.ImagePositionPatient = [f"{v:.6f}" for v in position + along_row * axes[0] + along_column * axes[1]]


def secondary_capture(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """A screenshot beside the series: no orientation, no position, another SOP class."""
    source = files[len(files) // 2].dataset
    ds = Dataset()
    ds.update({k: source[k] for k in source.keys() if k.group in (0x0008, 0x0010)})  # noqa: SIM118
    ds.file_meta = type(source.file_meta)(source.file_meta)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = (
        source.SOPInstanceUID + ".1"[: 64 - len(source.SOPInstanceUID)]
    )
    ds.StudyInstanceUID, ds.SeriesInstanceUID = source.StudyInstanceUID, source.SeriesInstanceUID[:60] + ".9"
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber, ds.SeriesDescription = (
        source.StudyID,
        99,
        1,
        "Screen Save",
    )
    ds.ImageType, ds.ConversionType, ds.BurnedInAnnotation = ["DERIVED", "SECONDARY"], "WSD", "NO"
    ds.Modality, ds.ImageComments, ds.PatientIdentityRemoved = "OT", COMMENT, "YES"
    stored = np.frombuffer(source.PixelData, "<u2").reshape(source.Rows, source.Columns)
    put_pixels(ds, stored.copy())
    return [*files, DicomFile("99_screen/screen.dcm", None, ds)]


def duplicate_sop_uid(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """One slice of each series lies in the folder twice, under two names, with one SOP Instance UID."""
    copies = []
    for role in Role:
        for f in _of(files, role)[4:5]:
            copies.append(DicomFile("copy_of_" + f.name, role, f.dataset))
    return [*files, *copies]


def truncated_file(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """The fifth file ends in the middle of its pixels."""
    files[min(4, len(files) - 1)].keep_bytes = 0.6
    return files


def _compressed(syntax: str) -> Quirk:
    def apply(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
        for f in files:
            f.dataset.compress(syntax, generate_instance_uid=False)
        return files

    apply.__doc__ = f"Pixels compressed with transfer syntax {syntax}."
    return apply


def deflated(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """The whole dataset deflated (pydicom does it when writing)."""
    for f in files:
        f.dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return files


def jpeg_lossless(files: list[DicomFile], rng: np.random.Generator) -> list[DicomFile]:
    """JPEG Lossless, first-order prediction: what PACS archives hold most."""
    for f in files:
        compress_jpeg_lossless(f.dataset, JPEGLosslessSV1)
    return files


# Order matters: pixels first, then numbers and names, then compression, then damage.
QUIRKS: dict[str, Quirk] = {
    "mixed_spacing": mixed_spacing,
    "secondary_capture": secondary_capture,
    "monochrome1": monochrome1,
    "signed": signed,
    "sixteen_bit": sixteen_bit,
    "reversed_t1": reversed_t1,
    "descending_axial": descending_axial,
    "missing_instance_number": missing_instance_number,
    "duplicate_instance_number": duplicate_instance_number,
    "wrong_description": wrong_description,
    "non_ascii_name": non_ascii_name,
    "feet_first": feet_first,
    "prone": prone,
    "no_rescale": no_rescale,
    "deflated": deflated,
    "rle": _compressed(RLELossless),
    "jpeg_lossless": jpeg_lossless,
    "jpeg_ls": _compressed(JPEGLSLossless),
    "jpeg_2000": _compressed(JPEG2000Lossless),
    "duplicate_sop_uid": duplicate_sop_uid,
    "no_extension": no_extension,
    "truncated_file": truncated_file,
}
