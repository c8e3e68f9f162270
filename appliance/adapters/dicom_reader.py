"""DICOM files to pictures, by pydicom and its decoders. Everything they raise ends here, as `InputError`.

One function, bytes in, values out: it may as well run in a child process.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import generate_frames
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
)
from pydicom.values import convert_value

from appliance.core import dicom_tags as tags
from appliance.core.codestream import picture_size
from appliance.core.gathering import Image
from appliance.core.limits import MIB, Limits
from appliance.core.picture import Picture
from appliance.core.series_selection import role_of
from appliance.core.study import Role, Series, Slice
from appliance.errors import Code, InputError

DECODERS = ("libjpeg", "openjpeg", "jpeg_ls")
"""Packages through which pydicom decodes JPEG, JPEG 2000 and JPEG-LS."""

PICTURES = frozenset({"MR", "CT", "SC", "OT", ""})
"""Modalities that should hold a picture; the others (SR, PR, KO, RTPLAN …) are papers about pictures."""

PREAMBLE = 128
PLAIN = frozenset(("CS", "DA", "DS", "IS", "LO", "PN", "SH", "UI", "US"))
"""Value representations whose value says everything: no items, no bytes that another attribute explains."""

BARE_STARTS = (b"\x02\x00\x00\x00", b"\x08\x00")
"""How a file without preamble begins: its meta group, or group 0008."""

PARSER_ERRORS = (
    *(BytesLengthException, InvalidDicomError, struct.error, zlib.error),
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError),
    *(MemoryError, OSError, RuntimeError, TypeError, ValueError),
)
"""All that pydicom and the decoders have been seen to raise on damaged files."""


def is_dicom(data: bytes) -> bool:
    """By content: the magic word, or the start of a file written without it."""
    return data[PREAMBLE : PREAMBLE + 4] == b"DICM" or (
        (data.startswith(BARE_STARTS) and data[4:6].isalpha()) or data.startswith(b"\x08\x00\x05\x00\x0a\x00\x00\x00")
    )


def read_dicom(name: str, data: bytes, limits: Limits) -> tuple[Picture, ...]:
    """Every picture of one file. Empty for a DICOMDIR, which is an index and not a picture."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = _parse(name, data, limits)
        try:
            if _is_index(dataset):
                return ()
            _refuse_without_pixels(name, dataset)
            _refuse_oversize(name, dataset, limits)
            return tuple(_pictures(dataset, data))
        except PARSER_ERRORS as exc:
            raise _undecodable(name, dataset, exc) from exc


def read_header(name: str, data: bytes, limits: Limits) -> Image | None:
    """Where one file belongs, its pixels not looked at. None for what is no DICOM object, or names no study."""
    if not is_dicom(data):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = _parse(name, data, limits, header_only=True)
        try:
            get = _frame_tags(dataset, 0)
            study_uid, sop_uid = tags.text(get, "StudyInstanceUID"), tags.text(get, "SOPInstanceUID")
            if not study_uid or _is_index(dataset):
                return None
            digest = hashlib.sha256(data).hexdigest()
            series_uid, modality = tags.text(get, "SeriesInstanceUID"), tags.text(get, "Modality").upper()
            return Image(name, study_uid, series_uid, sop_uid or digest, _role(get, modality), modality, digest)
        except PARSER_ERRORS as exc:
            raise _corrupt(name) from exc


def _is_index(dataset: Dataset) -> bool:
    return bool(_value(dataset.file_meta, "MediaStorageSOPClassUID") == MediaStorageDirectoryStorage)


def _role(get: tags.Tags, modality: str) -> Role:
    """What a series of such pictures could serve for, by geometry and times; the pixels do not matter."""
    rows, columns = tags.whole(get, "Rows"), tags.whole(get, "Columns")
    if not rows or not columns or modality != "MR":
        return Role.UNUSED
    picture = Slice("", np.zeros((1, 1), np.float32), tags.image_plane(get, rows, columns))
    return role_of(Series("", (picture,), tags.contrast(get)))


def _parse(name: str, data: bytes, limits: Limits, header_only: bool = False) -> FileDataset:
    try:
        meta, body_at = _meta(data)
        if meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            body = BytesIO(_inflated(name, data[body_at:], limits))
            dataset = pydicom.dcmread(body, force=True, stop_before_pixels=header_only)
            dataset.file_meta = FileMetaDataset(meta)
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        else:
            dataset = pydicom.dcmread(BytesIO(data), force=True, stop_before_pixels=header_only)
            dataset.ensure_file_meta()
        return dataset
    except PARSER_ERRORS as exc:
        raise _corrupt(name) from exc


def _meta(data: bytes) -> tuple[Dataset, int]:
    """Group 0002 and where it ends, of a file that may be deflated; empty for all others."""
    stream = BytesIO(data)
    if data[PREAMBLE : PREAMBLE + 4] != b"DICM" or DeflatedExplicitVRLittleEndian.encode() not in data[:1024]:
        return Dataset(), 0
    stream.seek(PREAMBLE + 4)
    meta = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=_past_meta)
    return meta, stream.tell()


def _past_meta(tag: int, vr: str | None, length: int) -> bool:
    return tag >> 16 != 2


def _inflated(name: str, body: bytes, limits: Limits) -> bytes:
    """Grown no further than the limits allow: pydicom would inflate without end."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(body, limits.file_bytes)
    except MemoryError as exc:
        what = f"{name} needs more memory to open than is allowed."
        raise InputError(Code.TOO_LARGE, what, "Leave it out, or raise limits.decode_memory_mb.") from exc
    if inflater.unconsumed_tail:
        raise _too_large(name, f"unpacks to more than {limits.file_bytes // MIB} MB")
    return plain


def _refuse_without_pixels(name: str, dataset: Dataset) -> None:
    if "PixelData" in dataset and _value(dataset, "Rows"):
        return
    modality = tags.text(_told(dataset), "Modality")
    if modality not in PICTURES and "Rows" not in dataset:
        message = f"{name} is not a picture ({modality or 'no modality'})."
    else:
        message = f"{name} has no image in it: only a header, or a file that was cut off."
    raise InputError(Code.NO_PIXELS, message, "Export the study again with its images.")


def _refuse_oversize(name: str, dataset: Dataset, limits: Limits) -> None:
    """What the header claims, then what the compressed pictures themselves say."""
    get = _told(dataset)
    rows, columns = tags.whole(get, "Rows") or 0, tags.whole(get, "Columns") or 0
    frames = tags.whole(get, "NumberOfFrames") or 1
    if frames > limits.frames:
        raise _too_large(name, f"holds {frames} pictures; at most {limits.frames} are read")
    if rows * columns * frames * 4 > limits.decoded_bytes:
        raise _too_large(name, f"decodes to more than {limits.decoded_bytes // MIB} MB")
    for height, width in ((rows, columns), *_real_sizes(dataset, frames)):
        if height > limits.rows or width > limits.columns:
            raise _too_large(name, f"is {height} x {width}; at most {limits.rows} x {limits.columns} is read")


def _real_sizes(dataset: Dataset, frames: int) -> list[tuple[int, int]]:
    try:
        if not UID(dataset.file_meta.TransferSyntaxUID).is_encapsulated:
            return []
        found = [picture_size(f) for f in generate_frames(dataset.PixelData, number_of_frames=frames)]
    except PARSER_ERRORS:
        return []  # the decoder will stumble over the same fault and say so
    return [size for size in found if size is not None]


def _pictures(dataset: Dataset, data: bytes) -> Iterator[Picture]:
    rows, columns = int(_value(dataset, "Rows")), int(_value(dataset, "Columns"))
    top = _told(dataset)
    study, series_uid = tags.study_facts(top), tags.text(top, "SeriesInstanceUID")
    modality, number = tags.text(top, "Modality").upper(), tags.whole(top, "InstanceNumber")
    sop_uid = tags.text(top, "SOPInstanceUID")
    sop_class_uid = tags.text(top, "SOPClassUID") if sop_uid else ""
    for index in range(tags.whole(top, "NumberOfFrames") or 1):
        get = _frame_tags(dataset, index)
        picture = Slice(
            sop_uid=sop_uid or _made_up_uid(data),
            pixels=_grey(dataset, index, get),
            plane=tags.image_plane(get, rows, columns),
            frame=index + 1,
            instance_number=number,
            sop_class_uid=sop_class_uid,
        )
        body_part = tags.text(get, "BodyPartExamined")
        yield Picture(study, series_uid, picture, tags.contrast(get), modality, body_part)


def _frame_tags(dataset: Dataset, index: int) -> tags.Tags:
    """An enhanced object says some things per frame, some for all frames, the rest at the top."""
    per_frame = _value(dataset, "PerFrameFunctionalGroupsSequence") or []
    groups = [*per_frame[index : index + 1], *(_value(dataset, "SharedFunctionalGroupsSequence") or [])]
    top = _told(dataset)
    if not groups:
        return top
    flat: dict[str, object] = {}
    for group in groups:
        for element in group:
            for item in element.value if element.VR == "SQ" else ():
                for inner in item:
                    flat.setdefault(inner.keyword, inner.value)
    return lambda keyword: flat[keyword] if keyword in flat else top(keyword)


def _told(dataset: Dataset) -> tags.Tags:
    """An attribute whose value makes no sense counts as not said: it costs a fact, not the picture."""

    def get(keyword: str) -> object:
        try:
            return _value(dataset, keyword)
        except PARSER_ERRORS:
            return None

    return get


def _value(dataset: Dataset, keyword: str) -> Any:
    """`dataset.get(keyword)` at a third of its cost, since the element itself is neither made nor kept."""
    tag = tag_for_keyword(keyword) or 0
    found = dataset.get_item(tag)
    if isinstance(found, RawDataElement):
        vr = found.VR or dictionary_VR(tag)
        if vr in PLAIN:
            return convert_value(vr, found, dataset.original_character_set)
    return None if found is None else dataset[tag].value


def _grey(dataset: Dataset, index: int, get: tags.Tags) -> NDArray[np.float32]:
    """One frame, bright = high, Rescale applied where it is given."""
    stored = _plain(dataset)
    if stored is None:
        stored = pixel_array(dataset, index=index)
    kind = tags.text(get, "PhotometricInterpretation")
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)
    grey = stored.astype(np.float32)
    if grey.ndim == 3:
        grey = grey.mean(axis=2)
    if kind == "MONOCHROME1":
        signed = tags.whole(get, "PixelRepresentation") == 1
        grey = (-1.0 if signed else 2.0 ** int(dataset.BitsStored) - 1) - grey
    slope = tags.number(get, "RescaleSlope")
    if slope is not None and slope > 0:
        grey = grey * np.float32(slope) + np.float32(tags.number(get, "RescaleIntercept") or 0.0)
    return np.ascontiguousarray(grey, dtype=np.float32)


def _plain(dataset: Dataset) -> NDArray[np.uint16] | None:
    """The most common picture of all, read without pydicom's general machinery: one frame of unsigned 16-bit words."""
    if _value(dataset.file_meta, "TransferSyntaxUID") not in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        return None
    rows, columns = _value(dataset, "Rows"), _value(dataset, "Columns")
    told = tuple(_value(dataset, keyword) for keyword in ("BitsAllocated", "PixelRepresentation", "SamplesPerPixel"))
    words = dataset.PixelData
    if told != (16, 0, 1) or len(words) != rows * columns * 2:
        return None
    stored = np.frombuffer(words, dtype="<u2").reshape(rows, columns)
    in_use = 2 ** _value(dataset, "BitsStored")
    return stored if int(stored.max()) < in_use else None  # something else hides in the unused bits


def _made_up_uid(data: bytes) -> str:
    """For a file without SOP Instance UID: the same for the same bytes."""
    return f"2.25.{int.from_bytes(hashlib.sha256(data).digest()[:15])}"


def _undecodable(name: str, dataset: Dataset, exc: BaseException) -> InputError:
    """No plugin for the syntax is another thing than a damaged picture."""
    syntax = UID(tags.text(_told(dataset.file_meta), "TransferSyntaxUID"))
    if isinstance(exc, NotImplementedError) or "missing dependencies" in str(exc):
        return InputError(
            Code.UNSUPPORTED,
            f"{name} is compressed in a way this box cannot read ({syntax.name or 'unnamed'}).",
            "Export the study uncompressed or as JPEG 2000, and send it again.",
        )
    return _corrupt(name)


def _corrupt(name: str) -> InputError:
    return InputError(
        Code.CORRUPT, f"{name} is damaged or was cut off while it was copied.", "Copy it again from the scanner."
    )


def _too_large(name: str, what: str) -> InputError:
    return InputError(
        Code.TOO_LARGE, f"{name} {what}.", "Send one lumbar-spine study, or raise the limit in the configuration."
    )
