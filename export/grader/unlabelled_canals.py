"""`python -m export.grader.unlabelled_canals`: real canals of which no grade is known, for training that needs none.

The mid-sagittal T2 of SPIDER's training patients (several makers, 1.5 and 3 T), one slice each, cut at our boxes. Their
bags' rank is 0 and means nothing; `--unlabelled` of `export.train grader` never looks at it.

    <cache>/<patient>-<image>/canal.{npy,json}
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from appliance.core.crops import cut, place_points, windows_of
from appliance.core.geometry import ImagePlane, PixelMm, Vector
from appliance.core.models import GraderSpec
from appliance.core.spine import CONDITIONS, Level, Region
from appliance.core.study import Role, Series, Slice
from export.datasets import spider
from export.datasets.sample import LabelledStudy
from export.grader.data import BagLabel, BagSet, save_bags, stacked, wide
from export.grader.model import DEFAULT_SPECS

CACHE = Path("runs/grader/cache_unlabelled")
_CONDITION = next(c for c in CONDITIONS if c.region is Region.CANAL)


def training_pictures(folder: Path) -> Iterator[tuple[LabelledStudy, PixelMm]]:
    """T2 of patients that may be trained on."""
    sizes = spider.pixel_mm(folder)
    for study in spider.midsagittal_studies(folder):
        if study.roles[study.study_id] is Role.SAGITTAL_T2 and not spider.held_out(study.patient):
            yield study, sizes[study.study_id]


def bags_of_picture(study: LabelledStudy, pixel_mm: PixelMm, spec: GraderSpec) -> BagSet:
    """One bag of one slice for each level that our boxes name and the picture holds."""
    (picture,) = study.load().series[0].slices
    row_mm, column_mm = pixel_mm
    plane = ImagePlane((0.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0), *pixel_mm, *picture.pixels.shape)
    series = Series(study.study_id, (Slice(picture.sop_uid, picture.pixels, plane),))
    discs: dict[Level, Vector] = {}
    for box in study.boxes:
        x0, y0, x1, y1 = box.box_px
        if box.level is not None:
            discs[box.level] = np.array([0.0, (x0 + x1) / 2 * column_mm, -(y0 + y1) / 2 * row_mm])
    points, windows = place_points(discs), windows_of(series)
    inside = [level for level in discs if plane.contains(points[_CONDITION, level])]
    pictures = [cut(series.slices, windows, points[_CONDITION, level], wide(spec)).crops for level in inside]
    name = f"{study.patient}-{Path(study.study_id).stem}"
    labels = [BagLabel(name, _CONDITION, level, 0, n, n + 1, (0.0,)) for n, level in enumerate(inside)]
    return BagSet(spec, stacked(pictures, spec), tuple(labels))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.grader.unlabelled_canals", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=CACHE)
    args = parser.parse_args(arguments)
    spec, count = DEFAULT_SPECS[Region.CANAL], 0
    for study, size in training_pictures(args.data / spider.MIDSAGITTAL):
        bags = bags_of_picture(study, size, spec)
        if len(bags):
            save_bags(args.cache / bags.labels[0].study, bags)
        count += len(bags)
    print(f"{count} canals without a grade in {args.cache}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
