"""RSNA 2024 Lumbar Spine Degenerative Classification as Kaggle's archive unpacks, and a writer of the same form.

    train.csv                       study_id, then <condition>_<level> with Normal/Mild, Moderate, Severe or nothing
    train_label_coordinates.csv     study_id, series_id, instance_number, condition, level, x, y
    train_series_descriptions.csv   study_id, series_id, series_description
    train_images/<study_id>/<series_id>/<instance_number>.dcm

The set marks places, not discs: the disc centres that our crops start from are worked back from the marked points.
The data themselves are not in this project; their terms forbid passing them on.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from appliance.core.crops import Place, place_offset, spine_axes
from appliance.core.geometry import ImagePlane, Vector
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Region, Severity
from appliance.core.study import Role
from appliance.reading import read_path
from export.datasets.sample import LabelledStudy, LevelLabel, PlaceLabel

if TYPE_CHECKING:
    from export.phantom import RenderedSeries, RenderedSlice, RenderedStudy

SOURCE = "rsna2024"
LABELS, COORDINATES = "train.csv", "train_label_coordinates.csv"
DESCRIPTIONS, IMAGES = "train_series_descriptions.csv", "train_images"

SEVERITY_WORDS: Mapping[str, Severity] = {
    "Normal/Mild": Severity.NORMAL_MILD, "Moderate": Severity.MODERATE, "Severe": Severity.SEVERE,
}  # fmt: skip
DESCRIPTION_ROLES: Mapping[str, Role] = {
    "Sagittal T1": Role.SAGITTAL_T1,
    "Sagittal T2/STIR": Role.SAGITTAL_T2,
    "Axial T2": Role.AXIAL_T2,
}
CONDITION_WORDS: Mapping[str, Condition] = {c.value.replace("_", " ").title(): c for c in CONDITIONS}
"""As the coordinates spell them: `Left Neural Foraminal Narrowing`."""
LEVEL_WORDS: Mapping[str, Level] = {level.value.upper().replace("_", "/"): level for level in LEVELS}
REGION_ROLE: Mapping[Region, Role] = {
    Region.CANAL: Role.SAGITTAL_T2, Region.FORAMINAL: Role.SAGITTAL_T1, Region.SUBARTICULAR: Role.AXIAL_T2,
}  # fmt: skip

Row = Mapping[str, str]


def labelled_studies(folder: Path) -> Iterator[LabelledStudy]:
    """Every study of the archive, in the order of train.csv. Headers of marked pictures are read, pixels are not."""
    coordinates = _by_study(_rows(folder / COORDINATES))
    descriptions = _by_study(_rows(folder / DESCRIPTIONS))
    for row in _rows(folder / LABELS):
        study_id = row["study_id"]
        yield _labelled(folder / IMAGES / study_id, row, coordinates[study_id], descriptions[study_id])


def _labelled(images: Path, row: Row, marks: Sequence[Row], described: Sequence[Row]) -> LabelledStudy:
    marked = {_place_of(m): _marked(images, m) for m in marks}
    places = tuple(_place(c, level, row, marked.get((c, level))) for c in CONDITIONS for level in LEVELS)
    positions = {place: np.array(x[1]) for place, x in marked.items()}
    return LabelledStudy(
        source=SOURCE,
        patient=row["study_id"],  # one study for each patient, as far as the archive says
        study_id=row["study_id"],
        load=lambda: read_path(images),
        roles=_roles(images, described),
        places=places,
        levels=tuple(LevelLabel(k, _triple(p)) for k, p in disc_centres(positions).items()),
    )


def _place(condition: Condition, level: Level, row: Row, mark: tuple | None) -> PlaceLabel:  # type: ignore[type-arg]
    severity = SEVERITY_WORDS.get(row.get(f"{condition}_{level}", ""))
    sop_uid, position, center = mark or (None, None, None)
    return PlaceLabel(condition, level, severity, position, sop_uid, center)


def disc_centres(marked: Mapping[Place, Vector]) -> dict[Level, Vector]:
    """Disc centres worked back from marked points: `crops.place_points` the other way round.

    The canal's point alone where there is one, for it lies in the middle; else the mean of what the others say.
    """
    by_level: dict[Level, dict[Condition, Vector]] = defaultdict(dict)
    for (condition, level), point in marked.items():
        by_level[level][condition] = point
    middle = {level: _middle(points) for level, points in by_level.items()}
    axes = spine_axes(middle)
    centres = {}
    for level in (k for k in LEVELS if k in by_level):
        canal = {c: p for c, p in by_level[level].items() if c.region is Region.CANAL}
        used = canal or by_level[level]
        guesses = [p - np.array(place_offset(c, level)) @ np.stack(axes[level]) for c, p in used.items()]
        centres[level] = np.mean(guesses, axis=0)
    return centres


def _middle(points: Mapping[Condition, Vector]) -> Vector:
    """A point of the level near the midline: the canal's, else halfway between the sides."""
    canal = points.get(Condition.SPINAL_CANAL_STENOSIS)
    return canal if canal is not None else np.asarray(np.mean(list(points.values()), axis=0))


def _place_of(mark: Row) -> Place:
    return CONDITION_WORDS[mark["condition"]], LEVEL_WORDS[mark["level"]]


def _marked(images: Path, mark: Row) -> tuple[str, tuple[float, float, float], tuple[float, float]]:
    """SOP UID, position in mm and pixel of one marked point."""
    path = images / mark["series_id"] / f"{mark['instance_number']}.dcm"
    header = pydicom.dcmread(path, stop_before_pixels=True)
    pixel = float(mark["x"]), float(mark["y"])
    return str(header.SOPInstanceUID), _triple(_plane(header).to_patient(pixel)), pixel


def _roles(images: Path, described: Sequence[Row]) -> dict[str, Role]:
    """Series UID to role; Kaggle names series by numbers of its own, so one header of each is read."""
    roles = {}
    for row in described:
        first = next(iter(sorted((images / row["series_id"]).glob("*.dcm"))), None)
        if first is not None:
            uid = pydicom.dcmread(first, stop_before_pixels=True, specific_tags=["SeriesInstanceUID"]).SeriesInstanceUID
            roles[str(uid)] = DESCRIPTION_ROLES[row["series_description"]]
    return roles


def _plane(header: Dataset) -> ImagePlane:
    orientation = [float(v) for v in header.ImageOrientationPatient]
    rows, columns = float(header.PixelSpacing[0]), float(header.PixelSpacing[1])
    return ImagePlane(_triple(header.ImagePositionPatient), _triple(orientation[:3]), _triple(orientation[3:]),
                      rows, columns, int(header.Rows), int(header.Columns))  # fmt: skip


def _triple(values: Iterable[float]) -> tuple[float, float, float]:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _by_study(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["study_id"]].append(row)
    return groups


# --- writing phantoms in the same form, so that the reader can be tried without the archive -----------------------
MARKED_WITHIN_MM = 5.0
"""A place is marked and graded when a slice passes this near to it, as RSNA's readers could only mark what they saw."""


def write_rsna_tree(studies: Iterable[RenderedStudy], folder: Path) -> None:
    """Phantoms as a small copy of Kaggle's tree: the three tables and train_images."""
    labels: list[dict[str, object]] = []
    coordinates: list[dict[str, object]] = []
    descriptions: list[dict[str, object]] = []
    for number, study in enumerate(studies):
        study_id = 4_003_253 + number
        numbered = {1000 * (number + 1) + n: s for n, s in enumerate(study.series)}
        for series_id, series in numbered.items():
            _write_series(study, series, folder / IMAGES / str(study_id) / str(series_id))
            word = next(w for w, role in DESCRIPTION_ROLES.items() if role.value in (series.role, _plain(series)))
            descriptions.append({"study_id": study_id, "series_id": series_id, "series_description": word})
        marks = _marks(study, numbered)
        coordinates += [{"study_id": study_id, **m} for m in marks.values()]
        labels.append({"study_id": study_id, **_label_row(study, set(marks))})
    _write_table(folder / LABELS, labels)
    _write_table(folder / COORDINATES, coordinates)
    _write_table(folder / DESCRIPTIONS, descriptions)


def _plain(series: RenderedSeries) -> str:
    """STIR is described together with T2."""
    return Role.SAGITTAL_T2.value if series.role == Role.SAGITTAL_STIR.value else series.role.value


def _write_series(study: RenderedStudy, series: RenderedSeries, folder: Path) -> None:
    from export.phantom.dicom_writer import slice_dataset

    folder.mkdir(parents=True, exist_ok=True)
    for n in range(len(series.slices)):
        slice_dataset(study, series, n).save_as(folder / f"{n + 1}.dcm", enforce_file_format=True)


def _marks(study: RenderedStudy, numbered: Mapping[int, RenderedSeries]) -> dict[Place, dict[str, object]]:
    from export.datasets.phantom import POINT_OF

    found = {}
    for condition in CONDITIONS:
        for level in LEVELS:
            point = np.array(getattr(study.truth.level(level), POINT_OF[condition]))
            near = _nearest(point, REGION_ROLE[condition.region], numbered)
            if near is not None:
                series_id, instance, picture = near
                x, y = picture.plane.to_pixel(point)
                found[condition, level] = {
                    "series_id": series_id, "instance_number": instance,
                    "condition": next(w for w, c in CONDITION_WORDS.items() if c is condition),
                    "level": next(w for w, k in LEVEL_WORDS.items() if k is level),
                    "x": float(x), "y": float(y),
                }  # fmt: skip
    return found


def _nearest(
    point: Vector, role: Role, numbered: Mapping[int, RenderedSeries]
) -> tuple[int, int, RenderedSlice] | None:
    slices = [
        (abs(x.plane.distance(point)), series_id, n + 1, x)
        for series_id, s in numbered.items() if _plain(s) == role.value
        for n, x in enumerate(s.slices) if x.plane.contains(point)
    ]  # fmt: skip
    best = min(slices, key=lambda s: s[:3], default=None)
    return best[1:] if best is not None and best[0] <= MARKED_WITHIN_MM else None


def _label_row(study: RenderedStudy, marked: set[Place]) -> dict[str, str]:
    words = {severity: word for word, severity in SEVERITY_WORDS.items()}
    return {
        f"{f.condition}_{f.level}": words[f.severity] if (f.condition, f.level) in marked else ""
        for f in study.truth.findings
    }


def _write_table(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
