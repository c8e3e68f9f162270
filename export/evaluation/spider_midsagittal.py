"""SPIDER's mid-sagittal T1 and T2 as series the reading takes: one slice, shown again to both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.core.geometry import ImagePlane, PixelMm
from appliance.core.study import Series
from export.datasets import spider


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """`kind` is T1 or T2."""

    patient: str
    kind: str
    series: Series


def midsagittal(data: Path, held_out: bool) -> Iterator[Picture]:
    """Of the patients held out of the detector's training, or of the others; nothing where the pictures are absent."""
    folder = data / spider.MIDSAGITTAL
    if not folder.exists():
        return
    sizes = spider.pixel_mm(folder)
    for study in spider.midsagittal_studies(folder):
        if "SPACE" in study.study_id or spider.held_out(study.patient) is not held_out:
            continue
        series = placed(study.load().series[0], sizes[study.study_id])
        yield Picture(study.patient, "T1" if "_t1" in study.study_id else "T2", series)


def placed(series: Series, pixel_mm: PixelMm) -> Series:
    """A single picture as a sagittal series wide enough for foramina: the one slice again every 4 mm to both sides."""
    (one,) = series.slices
    slices = tuple(
        replace(one, sop_uid=f"{one.sop_uid}.{n}", plane=ImagePlane((4.0 * n, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0),
                                                                    *pixel_mm, *one.pixels.shape))
        for n in range(-5, 6)
    )  # fmt: skip
    return replace(series, slices=slices)
