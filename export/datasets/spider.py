"""SPIDER (van der Graaf et al., CC BY 4.0): real sagittal lumbar MRI with disc masks, as `LabelledStudy`.

Two folders under the data root, both outside this repository:

* `spider_t2_space/`: T2 SPACE slices of 30 patients with per-pixel masks (1 disc, 2 vertebra, 3 canal). In the masks
  the lowest disc is L5/S1; since it can be missing from a single slice, the discs of a patient are named once, by what
  many slices agree on, and every slice takes its names from there.
* `spider_midsagittal/`: mid-sagittal T1, T2 and T2 SPACE of 171 patients, without boxes. `spider_midsagittal_boxes.csv`
  beside this file carries our own boxes: drafted by a detector trained on the masks, then checked and corrected by
  eye, not by a radiologist. Its column `who` says which T1 images were only compared with the checked T2 of the same
  patient.

Every image is one `Study` of one slice without a plane: the JPEGs carry no position, and their pixel spacing is only
known as it was acquired (`pixel_mm`), before reorientation and resampling.
"""

from __future__ import annotations

import ast
import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from appliance.core.geometry import PixelMm
from appliance.core.models import Box
from appliance.core.spine import LEVELS, Level, Structure
from appliance.core.study import Role, Series, Slice, Study
from appliance.errors import Code, InputError
from export.datasets.sample import BoxLabel, LabelledStudy

SOURCE = "spider"
SPACE, MIDSAGITTAL = "spider_t2_space", "spider_midsagittal"
SPACE_PIXEL_MM = (0.46875, 0.46875)
"""Of the masked slices, approximate as all are."""
OUR_BOXES = Path(__file__).with_name("spider_midsagittal_boxes.csv")
HELD_OUT_PERCENT = 33
"""Share of patients kept for measuring: about 50 of 171."""

_DISC = 1
_AGREEMENT = 0.3
"""A pixel belongs to a disc of the patient when this share of the slices says so."""
_SPECK_PX = 60
"""Components with fewer pixels are specks (a disc has 300 to 2500)."""
_SAME_DISC_ROWS = 36
"""Consensus components whose centres are nearer than this, in rows, are pieces of one disc (spacing is 38 to 85)."""
_ROLES = {"t1": Role.SAGITTAL_T1, "t2": Role.SAGITTAL_T2, "t2_SPACE": Role.SAGITTAL_T2}


@dataclass(frozen=True, slots=True)
class NamedDisc:
    """One disc of a patient: its level (None above L1/L2) and the rows its centre of mass lies at."""

    level: Level | None
    row: float
    column: float


def held_out(patient: str) -> bool:
    """Whether a patient is kept for measuring; the same for both folders, by a hash of the number."""
    return int(hashlib.sha256(f"spider-{patient}".encode()).hexdigest(), 16) % 100 < HELD_OUT_PERCENT


def studies(root: Path) -> tuple[LabelledStudy, ...]:
    """Everything with boxes under the data root, SPACE slices first."""
    return space_studies(root / SPACE) + midsagittal_studies(root / MIDSAGITTAL)


def space_studies(folder: Path) -> tuple[LabelledStudy, ...]:
    """The masked slices of `spider_t2_space`."""
    by_patient: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in _rows(folder / "index.csv"):
        by_patient[row["patient"]].append(row)
    return tuple(study for patient, rows in by_patient.items() for study in _space_patient(folder, patient, rows))


def midsagittal_studies(folder: Path, boxes_csv: Path = OUR_BOXES) -> tuple[LabelledStudy, ...]:
    """The images of `spider_midsagittal` that have boxes of ours."""
    boxes = read_boxes(boxes_csv)
    rows = _rows(folder / "index.csv")
    return tuple(
        _study(folder / "images" / row["image"], row["patient"], _ROLES[row["sequence"]], boxes[row["image"]])
        for row in rows
        if row["image"] in boxes
    )


def pixel_mm(folder: Path) -> dict[str, PixelMm]:
    """Row and column spacing of the images there are in `spider_midsagittal`; approximate (see the module)."""
    found = {}
    for row in _rows(folder / "index.csv"):
        image, column_mm = folder / "images" / row["image"], float(ast.literal_eval(row["pixel_spacing_as_acquired_mm"])[0])
        if image.exists():
            found[row["image"]] = column_mm * _row_to_column(image), column_mm
    return found


def _row_to_column(image: Path) -> float:
    """Row spacing over column spacing of one image file: 1 for SPACE, columns over rows for the others.

    The mid-sagittal T1 and T2 were resampled to heights that do not keep millimetres square (448 x 335 to 448 x 899
    from one scanner). Taking the acquired field as square brings disc spacing over disc depth of 312 images together
    (standard deviation of its logarithm 0.12, against 0.20 as stored).
    """
    if "SPACE" in image.name or image.parent.parent.name == SPACE:
        return 1.0
    with Image.open(image) as opened:
        columns, rows = opened.size
    return columns / rows


def read_boxes(path: Path) -> dict[str, tuple[BoxLabel, ...]]:
    """Our own boxes by image name; empty when the file is not there."""
    if not path.exists():
        return {}
    found: dict[str, list[BoxLabel]] = defaultdict(list)
    for row in _rows(path):
        level = Level(row["level"]) if row["level"] else None
        x0, y0, x1, y1 = (float(row[k]) for k in ("x0", "y0", "x1", "y1"))
        found[row["image"]].append(_label(row["image"], level, (x0, y0, x1, y1)))
    return {image: tuple(labels) for image, labels in found.items()}


def consensus(masks: Sequence[NDArray[np.integer]]) -> tuple[NamedDisc, ...]:
    """The discs that the masks of one patient agree on, from the head down, counted upward from the lowest."""
    votes = np.mean([mask == _DISC for mask in masks], axis=0)
    labelled, count = ndimage.label(votes > _AGREEMENT)
    sizes = ndimage.sum_labels(np.ones_like(labelled), labelled, range(1, count + 1))
    kept = [i + 1 for i, size in enumerate(sizes) if size >= _SPECK_PX]
    centers = sorted(ndimage.center_of_mass(votes, labelled, kept)) if kept else []
    merged = _merge_pieces([(float(row), float(column)) for row, column in centers])
    return tuple(
        NamedDisc(LEVELS[len(LEVELS) - len(merged) + i] if len(merged) - i <= len(LEVELS) else None, row, column)
        for i, (row, column) in enumerate(merged)
    )


def disc_boxes(mask: NDArray[np.integer], discs: Sequence[NamedDisc], name: str) -> tuple[BoxLabel, ...]:
    """The boxes of one slice: components named after the nearest disc of the patient, pieces of one disc united."""
    labelled, _ = ndimage.label(mask == _DISC)
    pieces: dict[int, list[Box]] = defaultdict(list)
    for index, found in enumerate(ndimage.find_objects(labelled), start=1):
        if (labelled[found] == index).sum() < _SPECK_PX:
            continue
        rows, columns = found
        box = (columns.start - 0.5, rows.start - 0.5, columns.stop - 0.5, rows.stop - 0.5)
        nearest = _nearest_disc(discs, ((box[1] + box[3]) / 2, (box[0] + box[2]) / 2))
        if nearest is not None:
            pieces[nearest].append(box)
    return tuple(_label(name, discs[i].level, _union(boxes)) for i, boxes in sorted(pieces.items()))


def _space_patient(folder: Path, patient: str, rows: Sequence[Mapping[str, str]]) -> Iterable[LabelledStudy]:
    masks = [np.asarray(Image.open(folder / "masks" / row["mask"])) for row in rows]
    discs = consensus(masks)
    for row, mask in zip(rows, masks, strict=True):
        boxes = disc_boxes(mask, discs, row["image"])
        yield _study(folder / "images" / row["image"], patient, Role.SAGITTAL_T2, boxes)


def _study(path: Path, patient: str, role: Role, boxes: tuple[BoxLabel, ...]) -> LabelledStudy:
    return LabelledStudy(
        source=SOURCE, patient=patient, study_id=path.name, load=partial(_load, path),
        roles={path.name: role}, boxes=boxes,
    )


def _load(path: Path) -> Study:
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("L"), dtype=np.float32)
    except (OSError, ImportError) as exc:  # ultralytics, once imported, makes Image.open ask for more decoders
        raise InputError(Code.CORRUPT, f"cannot read {path.name}: {exc}") from exc
    series = Series(path.name, (Slice(path.name, pixels, plane=None),))
    return Study(path.name, (series,))


def _label(name: str, level: Level | None, box: Box) -> BoxLabel:
    structure = Structure.LUMBOSACRAL_DISC if level is Level.L5_S1 else Structure.DISC
    return BoxLabel(name, structure, box, level)


def _nearest_disc(discs: Sequence[NamedDisc], at: tuple[float, float]) -> int | None:
    """Index of the disc whose row is nearest; None when it is farther than discs lie apart."""
    if not discs:
        return None
    distances = [float(np.hypot(d.row - at[0], d.column - at[1])) for d in discs]
    nearest = int(np.argmin(distances))
    return nearest if distances[nearest] < 2 * _SAME_DISC_ROWS else None


def _merge_pieces(centers: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for center in centers:
        if merged and center[0] - merged[-1][0] < _SAME_DISC_ROWS:
            merged[-1] = ((merged[-1][0] + center[0]) / 2, (merged[-1][1] + center[1]) / 2)
        else:
            merged.append(center)
    return merged


def _union(boxes: Sequence[Box]) -> Box:
    return (
        min(b[0] for b in boxes), min(b[1] for b in boxes), max(b[2] for b in boxes), max(b[3] for b in boxes)
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
