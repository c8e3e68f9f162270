"""Writing a rendered study: OUT/<study>/<series>/<file> and OUT/<study>/truth.json."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np

from export.phantom.dicom_writer import slice_dataset
from export.phantom.multiframe import combine
from export.phantom.options import Role, stream
from export.phantom.quirks import QUIRKS, DicomFile
from export.phantom.study import RenderedStudy
from export.phantom.truth import BoxTruth, PhantomTruth, moved


def write_study(study: RenderedStudy, folder: Path) -> PhantomTruth:
    """Write all files and the truth into `folder`; returns the truth as written (quirks may rename or rescale)."""
    files = apply_quirks(study)
    for f in files:
        path = folder / f.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_encoded(f))
    truth = replace(study.truth, boxes=tuple(_follow(study.truth.boxes, files)))
    truth.save(folder / "truth.json")
    return truth


def planned_files(study: RenderedStudy) -> list[DicomFile]:
    """The files of an ordinary study, no quirk applied."""
    return [
        DicomFile(f"{s.folder}/{i + 1:04d}.dcm", s.role, slice_dataset(study, s, i), [(x.sop_uid, 1.0)])
        for s in study.series
        for i, x in enumerate(s.slices)
    ]


def apply_quirks(study: RenderedStudy) -> list[DicomFile]:
    """The files as they will be written."""
    files = planned_files(study)
    rng = stream(study.seed, study.index, "quirk details")
    if "enhanced_multiframe" in study.quirks:
        files = _as_multiframe(files)
    for name, quirk in QUIRKS.items():
        if name in study.quirks and not _clashes(name, study.quirks):
            files = quirk(files, rng)
    return _renamed(files)


def _clashes(name: str, quirks: tuple[str, ...]) -> bool:
    """Quirks of single slices spare multi-frame objects; of the three pixel formats only one applies."""
    by_slice = {
        "mixed_spacing",
        "secondary_capture",
        "monochrome1",
        "signed",
        "sixteen_bit",
        "missing_instance_number",
    }
    order = [q for q in ("monochrome1", "signed", "sixteen_bit") if q in quirks]
    return ("enhanced_multiframe" in quirks and name in by_slice) or name in order[1:]


def _as_multiframe(files: list[DicomFile]) -> list[DicomFile]:
    groups: dict[str, list[DicomFile]] = defaultdict(list)
    for f in files:
        groups[f.dataset.SeriesInstanceUID].append(f)
    return [combine(group) for group in groups.values()]


def _renamed(files: list[DicomFile]) -> list[DicomFile]:
    """Copies keep beside the original: `copy_of_02_x/0005.dcm` becomes `02_x/copy_of_0005.dcm`."""
    for f in files:
        if f.name.startswith("copy_of_") and "/" in f.name:
            folder, name = f.name.removeprefix("copy_of_").split("/")
            f.name = f"{folder}/copy_of_{name}"
    return files


def _encoded(f: DicomFile) -> bytes:
    buffer = BytesIO()
    f.dataset.save_as(buffer, enforce_file_format=True)
    data = buffer.getvalue()
    return data[: int(len(data) * f.keep_bytes)]


def _follow(boxes: Iterable[BoxTruth], files: list[DicomFile]) -> list[BoxTruth]:
    """Boxes in the images as written."""
    place = {
        sop: (f.dataset.SOPInstanceUID, number, scale)
        for f in files
        for number, (sop, scale) in enumerate(f.frames)
    }  # fmt: skip
    return [moved(b, *place[b.sop_uid]) if place[b.sop_uid] != (b.sop_uid, 0, 1.0) else b for b in boxes]


def series_of(study: RenderedStudy, role: Role) -> np.ndarray:
    """All pictures of a role as one array (slices, rows, columns); empty when there is none."""
    pictures = [x.pixels for s in study.of_role(role) for x in s.slices]
    return np.stack(pictures) if pictures else np.zeros((0, 0, 0), np.uint16)
