"""A rendered slice as a DICOM dataset (MR Image Storage, PS3.3 A.4): complete, ordinary, and marked as synthetic."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage

from appliance.core.geometry import ImagePlane
from export.phantom.options import Role
from export.phantom.study import RenderedSeries, RenderedSlice, RenderedStudy, uid

MARK = "SYNTHETIC PHANTOM"
COMMENT = "SYNTHETIC PHANTOM - computed, not a patient - Lumbarbox export.phantom"
SOFTWARE = "lumbarbox export.phantom"


def slice_dataset(study: RenderedStudy, series: RenderedSeries, number: int) -> Dataset:
    """One ordinary single-frame MR image; `number` is its place in geometrical order, from 0."""
    picture = series.slices[number]
    ds = Dataset()
    ds.file_meta = _file_meta(picture.sop_uid)
    _patient_and_study(ds, study)
    _series(ds, study, series)
    _sequence(ds, series)
    ds.SOPClassUID, ds.SOPInstanceUID = MRImageStorage, picture.sop_uid
    ds.InstanceNumber, ds.AcquisitionNumber = number + 1, 1
    ds.ImageComments, ds.BurnedInAnnotation = COMMENT, "NO"
    put_plane(ds, picture.plane)
    normal = np.cross(picture.plane.row_direction, picture.plane.column_direction)
    ds.SliceLocation = round(float(np.dot(picture.plane.origin, normal)), 4)
    put_pixels(ds, picture.pixels)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    return ds


def _file_meta(sop_uid: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, sop_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = "2.25.320189215623894652314589723649817263549"
    meta.ImplementationVersionName = "LUMBARBOX_PHANT"
    return meta


def _patient_and_study(ds: Dataset, study: RenderedStudy) -> None:
    truth = study.truth
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.PatientName, ds.PatientID = f"PHANTOM^{study.index:03d}", truth.patient_id
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "", "O", ""
    ds.PatientIdentityRemoved, ds.DeidentificationMethod = "YES", MARK
    ds.StudyInstanceUID, ds.StudyID = truth.study_uid, str(study.index)
    ds.StudyDescription, ds.AccessionNumber, ds.ReferringPhysicianName = (
        f"{MARK} L-SPINE",
        f"PH{study.index}",
        "",
    )
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = "20240101"
    ds.StudyTime = ds.SeriesTime = ds.ContentTime = "120000"


def _series(ds: Dataset, study: RenderedStudy, series: RenderedSeries) -> None:
    ds.Modality, ds.Manufacturer, ds.ManufacturerModelName = "MR", "Lumbarbox", "Phantom"
    ds.SoftwareVersions, ds.InstitutionName = SOFTWARE, MARK
    ds.SeriesInstanceUID, ds.SeriesNumber = series.series_uid, series.number
    ds.SeriesDescription, ds.ProtocolName = series.description, series.description
    ds.BodyPartExamined, ds.PatientPosition, ds.Laterality = "LSPINE", "HFS", ""
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = (
        uid(study.truth.study_uid, "frame of reference"),
        "",
    )


def _sequence(ds: Dataset, series: RenderedSeries) -> None:
    w = series.weighting
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "SE" if w.inversion is None else "IR"]
    ds.ScanningSequence, ds.SequenceVariant = ("SE" if w.inversion is None else "IR"), "SK"
    ds.ScanOptions, ds.MRAcquisitionType, ds.SequenceName = (
        "",
        "2D",
        "tse2d1" if series.role is not Role.SAGITTAL_T1 else "se2d1",
    )
    ds.RepetitionTime, ds.EchoTime = round(w.repetition, 1), round(w.echo, 1)
    if w.inversion is not None:
        ds.InversionTime = round(w.inversion, 1)
    ds.EchoTrainLength, ds.FlipAngle, ds.NumberOfAverages = (
        (3 if series.role is Role.SAGITTAL_T1 else 17),
        series.flip,
        2,
    )
    ds.MagneticFieldStrength, ds.ImagingFrequency, ds.ImagedNucleus = 1.5, 63.87, "1H"
    ds.SliceThickness, ds.SpacingBetweenSlices = round(series.thickness, 3), round(series.spacing, 3)
    ds.InPlanePhaseEncodingDirection = "COL"


def put_plane(ds: Dataset, plane: ImagePlane) -> None:
    """Image Position, Orientation, Pixel Spacing; decimal strings hold at most 16 characters."""
    ds.ImagePositionPatient = [f"{v:.6f}" for v in plane.origin]
    ds.ImageOrientationPatient = [f"{v:.9f}" for v in (*plane.row_direction, *plane.column_direction)]
    ds.PixelSpacing = [f"{plane.row_spacing:.9f}", f"{plane.column_spacing:.9f}"]


def put_pixels(ds: Dataset, pixels: NDArray[np.integer], bits: int = 12) -> None:
    """Greyscale pixels, MONOCHROME2, `bits` stored in 16; signed where the array is."""
    signed = pixels.dtype.kind == "i"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits, bits - 1
    ds.PixelRepresentation = int(signed)
    ds.WindowCenter = int(np.percentile(pixels[..., ::4, ::4], 99)) // 2
    ds.WindowWidth = max(2 * int(ds.WindowCenter), 1)
    ds.PixelData = np.ascontiguousarray(pixels.astype("<i2" if signed else "<u2")).tobytes()
    ds["PixelData"].VR = "OW"


def picture_of(study: RenderedStudy, sop_uid: str) -> RenderedSlice:
    """The rendered slice with this UID."""
    return next(x for s in study.series for x in s.slices if x.sop_uid == sop_uid)
