"""From DICOM attributes to our own words. Pure: an attribute is asked for by its keyword through a `Tags` function.

Every value is doubted: what is missing, empty, not a number or not finite counts as not said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import numpy as np

from appliance.core.geometry import ImagePlane
from appliance.core.picture import StudyFacts
from appliance.core.study import Contrast, Patient

Tags = Callable[[str], object]
"""Keyword to value, None when absent. Looks in the frame's own functional groups, the shared ones, then the top."""

LONGEST_TEXT = 256


def text(tags: Tags, keyword: str) -> str:
    """As one line without control characters, cut to a bearable length."""
    value = tags(keyword)
    line = "" if value is None else str(value)
    if not line.isprintable():
        line = "".join(filter(str.isprintable, line))
    return line.strip()[:LONGEST_TEXT]


def numbers(tags: Tags, keyword: str, count: int) -> tuple[float, ...] | None:
    """Exactly `count` finite numbers, or None."""
    value = tags(keyword)
    if value is None or isinstance(value, str | bytes):
        return _all_finite([value] if value else [], count)
    return _all_finite(value if isinstance(value, Iterable) else [value], count)


def number(tags: Tags, keyword: str) -> float | None:
    """One finite number: the first where several are given."""
    value = tags(keyword)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        value = next(iter(value), None)
    found = _all_finite([value] if value is not None else [], 1)
    return found[0] if found else None


def whole(tags: Tags, keyword: str) -> int | None:
    value = number(tags, keyword)
    return int(value) if value is not None else None


def study_facts(tags: Tags) -> StudyFacts:
    patient = Patient(
        patient_id=text(tags, "PatientID"),
        name=text(tags, "PatientName"),
        birth_date=text(tags, "PatientBirthDate"),
        sex=text(tags, "PatientSex"),
    )
    return StudyFacts(
        study_uid=text(tags, "StudyInstanceUID"),
        patient=patient,
        study_date=text(tags, "StudyDate"),
        description=text(tags, "StudyDescription"),
        accession_number=text(tags, "AccessionNumber"),
    )


def contrast(tags: Tags) -> Contrast:
    """Times in milliseconds; an inversion time of zero means none."""
    echo = number(tags, "EchoTime")
    inversion = number(tags, "InversionTime") or number(tags, "InversionTimes")
    return Contrast(
        repetition_time=number(tags, "RepetitionTime"),
        echo_time=echo if echo is not None else number(tags, "EffectiveEchoTime"),
        inversion_time=inversion or None,
        description=f"{text(tags, 'SeriesDescription')} {text(tags, 'ProtocolName')}".strip(),
    )


def image_plane(tags: Tags, rows: int, columns: int) -> ImagePlane | None:
    """None when the file does not say where it lies, or says what cannot be."""
    origin = numbers(tags, "ImagePositionPatient", 3)
    directions = numbers(tags, "ImageOrientationPatient", 6)
    spacing = numbers(tags, "PixelSpacing", 2)
    if origin is None or directions is None or spacing is None:
        return None
    along_row, along_column = _unit(directions[:3]), _unit(directions[3:])
    with suppress(ValueError):
        return ImagePlane(_triple(origin), along_row, along_column, spacing[0], spacing[1], rows, columns)
    return None


def _unit(vector: tuple[float, ...]) -> tuple[float, float, float]:
    """Scaled to length one where it was rounded in the header; left alone where it is nonsense."""
    v = np.asarray(vector)
    length = float(np.linalg.norm(v))
    return _triple((v / length if 0.9 < length < 1.1 else v).tolist())


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z


def _all_finite(values: Iterable[object], count: int) -> tuple[float, ...] | None:
    found: list[float] = []
    for value in values:
        try:
            found.append(float(str(value)))
        except (ValueError, OverflowError):
            return None
    return tuple(found) if len(found) == count and all(map(math.isfinite, found)) else None
