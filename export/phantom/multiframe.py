"""Enhanced MR: a whole series as one multi-frame object (PS3.3 A.36), one frame per slice in geometrical order."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage

from export.phantom.dicom_writer import put_pixels
from export.phantom.quirks import DicomFile

_PER_FRAME = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
              "SpacingBetweenSlices", "RepetitionTime", "EchoTime", "InversionTime", "FlipAngle",
              "EchoTrainLength", "SliceLocation", "WindowCenter",
              "WindowWidth", "RescaleIntercept", "RescaleSlope", "RescaleType")  # fmt: skip


def combine(files: list[DicomFile]) -> DicomFile:
    """The files of one series (all of one size) as a single enhanced object."""
    first = files[0].dataset
    ds = Dataset()
    ds.update({tag: first[tag] for tag in first.keys()})  # noqa: SIM118
    ds.file_meta = type(first.file_meta)(first.file_meta)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = EnhancedMRImageStorage
    ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = first.SeriesInstanceUID[:61] + ".77"
    ds.PerFrameFunctionalGroupsSequence = Sequence([_frame(f.dataset, i) for i, f in enumerate(files)])
    ds.SharedFunctionalGroupsSequence = Sequence([_shared(first)])
    for keyword in _PER_FRAME:
        if keyword in ds:
            delattr(ds, keyword)
    stack = [np.frombuffer(f.dataset.PixelData, "<u2").reshape(first.Rows, first.Columns) for f in files]
    put_pixels(ds, np.stack(stack))
    del ds.WindowCenter, ds.WindowWidth
    ds.NumberOfFrames, ds.InstanceNumber = len(files), 1
    ds.ContentQualification, ds.PresentationLUTShape = "RESEARCH", "IDENTITY"
    return DicomFile(files[0].name, files[0].role, ds, [frame for f in files for frame in f.frames])


def _shared(first: Dataset) -> Dataset:
    group, timing = Dataset(), Dataset()
    timing.RepetitionTime, timing.FlipAngle, timing.EchoTrainLength = (
        first.RepetitionTime,
        first.FlipAngle,
        first.EchoTrainLength,
    )
    group.MRTimingAndRelatedParametersSequence = Sequence([timing])
    echo = Dataset()
    echo.EffectiveEchoTime = float(first.EchoTime)
    group.MREchoSequence = Sequence([echo])
    if "InversionTime" in first:
        modifier = Dataset()
        modifier.InversionRecovery, modifier.InversionTimes = "YES", [float(first.InversionTime)]
        group.MRModifierSequence = Sequence([modifier])
    return group


def _frame(source: Dataset, number: int) -> Dataset:
    group = Dataset()
    position, orientation, measures, content, window = (Dataset() for _ in range(5))
    position.ImagePositionPatient = source.ImagePositionPatient
    orientation.ImageOrientationPatient = source.ImageOrientationPatient
    measures.PixelSpacing, measures.SliceThickness = source.PixelSpacing, source.SliceThickness
    measures.SpacingBetweenSlices = source.SpacingBetweenSlices
    content.DimensionIndexValues, content.StackID, content.InStackPositionNumber = (
        [1, number + 1],
        "1",
        number + 1,
    )
    window.WindowCenter, window.WindowWidth = source.WindowCenter, source.WindowWidth
    group.PlanePositionSequence = Sequence([position])
    group.PlaneOrientationSequence = Sequence([orientation])
    group.PixelMeasuresSequence = Sequence([measures])
    group.FrameContentSequence = Sequence([content])
    group.FrameVOILUTSequence = Sequence([window])
    return group
