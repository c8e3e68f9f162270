"""Pictures as plain text and bytes, to cross from the decoding process to ours, and back into values that check themselves.

The decoding process may have been taken over by the file it read: nothing that comes from it is trusted more than the
file was. So no pickle: JSON, numbers and sizes checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from appliance.core.geometry import ImagePlane
from appliance.core.picture import Picture, StudyFacts
from appliance.core.study import Contrast, Patient, Slice

PIXEL = np.dtype("<f4")


def to_wire(pictures: Sequence[Picture]) -> tuple[list[dict[str, Any]], bytes]:
    """What is said of each picture, and all pixels one after the other: float32, little endian, row by row."""
    told = [
        {
            "study": asdict(p.study),
            "series_uid": p.series_uid,
            "contrast": asdict(p.contrast),
            "modality": p.modality,
            "body_part": p.body_part,
            "sop_uid": p.slice.sop_uid,
            "frame": p.slice.frame,
            "instance_number": p.slice.instance_number,
            "sop_class_uid": p.slice.sop_class_uid,
            "plane": asdict(p.slice.plane) if p.slice.plane is not None else None,
            "shape": list(p.slice.pixels.shape),
        }
        for p in pictures
    ]
    return told, b"".join(p.slice.pixels.astype(PIXEL, copy=False).tobytes() for p in pictures)


def from_wire(told: Sequence[Mapping[str, Any]], pixels: bytes) -> tuple[Picture, ...]:
    """Raises ValueError, TypeError, KeyError or AttributeError when it is not what `to_wire` makes."""
    pictures, at = [], 0
    for one in told:
        rows, columns = (int(n) for n in one["shape"])
        if rows < 1 or columns < 1:
            raise ValueError("a picture without pixels")
        flat = np.frombuffer(pixels, PIXEL, rows * columns, at)
        at += flat.nbytes
        pictures.append(_picture(one, flat.reshape(rows, columns)))
    if at != len(pixels):
        raise ValueError("pixels that belong to no picture")
    return tuple(pictures)


def _picture(one: Mapping[str, Any], pixels: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Picture:
    facts = {**one["study"], "patient": Patient(**_texts(one["study"]["patient"]))}
    number = one["instance_number"]
    return Picture(
        study=StudyFacts(**facts),
        series_uid=str(one["series_uid"]),
        slice=Slice(
            str(one["sop_uid"]),
            pixels,
            _plane(one["plane"]),
            int(one["frame"]),
            None if number is None else int(number),
            str(one["sop_class_uid"]),
        ),
        contrast=_contrast(one["contrast"]),
        modality=str(one["modality"]),
        body_part=str(one["body_part"]),
    )


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _contrast(values: Mapping[str, Any]) -> Contrast:
    times = {name: None if value is None else float(value) for name, value in values.items() if name != "description"}
    return Contrast(**times, description=str(values["description"]))


def _plane(values: Mapping[str, Any] | None) -> ImagePlane | None:
    if values is None:
        return None
    return ImagePlane(
        _triple(values["origin"]),
        _triple(values["row_direction"]),
        _triple(values["column_direction"]),
        float(values["row_spacing"]),
        float(values["column_spacing"]),
        int(values["rows"]),
        int(values["columns"]),
    )


def _triple(values: Sequence[Any]) -> tuple[float, float, float]:
    x, y, z = map(float, values)
    return x, y, z
