"""How often spoilt pictures are refused, and how often good ones: the price of every check.

Real pictures are mid-sagittal T1 and T2 of SPIDER, read as series of one slice, and Sudirman's axial ones sent under a
sagittal header; studies with all series are synthetic. A place counts as refused when it got no grade, whatever the
reason: a study that is refused as a whole refuses all of its places.

SPIDER's pictures are parted by patient as for the detector: those it was trained on set the thresholds of
`appliance/core/plausibility.py` by the rules of `export/evaluation/thresholds.py`; the held-out ones are measured here.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image

from appliance.core.spine import Condition, Level, Region
from appliance.core.study import Contrast, Series, Slice, Study
from appliance.errors import InputError
from appliance.pipeline import Models, Options, read_study
from benchmarks.results import Table
from export.datasets.sample import LabelledStudy
from export.evaluation import faults, thresholds
from export.evaluation.answers import opened
from export.evaluation.intervals import wilson
from export.evaluation.motion_drawing import AMOUNTS_MM, MOTIONS, Motion
from export.evaluation.spider_midsagittal import midsagittal, placed

T1, T2 = Contrast(600.0, 10.0), Contrast(3500.0, 100.0)
_AT = datetime(2026, 1, 1, tzinfo=UTC)
_SEED = 881
_METAL_MM = 28.0
ALL, SAGITTAL = tuple(Region), (Region.CANAL, Region.FORAMINAL)


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One study, good or spoilt, and the regions that the fault concerns."""

    pictures: str
    fault: str
    study: Study
    regions: tuple[Region, ...]
    levels: tuple[Level, ...] = tuple(Level)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--studies", type=int, default=6, help="synthetic studies; seven seconds each to draw")
    parser.add_argument("--limit", type=int, help="at most so many real pictures of each sequence")
    parser.add_argument("--crops", type=Path, default=Path("runs/grader/cache"), help="train/ sets the share of black")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    models = opened(args.int8, args.fp32)[0].models
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for trial in (*real_trials(args.data, args.limit), *axial_trials(args.data, args.limit), *drawn_trials(args.studies)):
        counts[trial.pictures, trial.fault].update(answers(trial, models))
    rows = tuple((*key, *_cells(found)) for key, found in counts.items())
    columns = ("pictures", "fault", "places", "refused", "reasons, by places")
    data = ("real: SPIDER's held-out patients, who set no threshold, and Sudirman's slices; SYNTHETIC: unseen phantoms; "
            "faults are drawn")  # fmt: skip
    refused = Table("Spoilt and good pictures refused", data, args.command, columns, rows)
    return {"refusals": [refused, thresholds.table(args, models)]}


def answers(trial: Trial, models: Models) -> Counter[str]:
    """For each place the fault concerns: `graded`, or the reason why not."""
    try:
        report = read_study(trial.study, models, _AT, options=Options(refine_by_canal=False))
    except InputError as error:
        places = sum(c.region in trial.regions for c in Condition) * len(trial.levels)
        return Counter({error.code.value: places})
    concerned = [f for f in report.findings if f.condition.region in trial.regions and f.level in trial.levels]
    return Counter("graded" if f.reason is None else f.reason.value for f in concerned)


def real_trials(data: Path, limit: int | None) -> Iterator[Trial]:
    """Good T1 and T2 of held-out patients, each also under the other's header, moved, and empty."""
    seen = Counter[str]()
    for picture in midsagittal(data, held_out=True):
        seen[picture.kind] += 1
        if limit is None or seen[picture.kind] <= limit:
            yield from _of_one(picture.series, picture.kind)


def _of_one(series: Series, kind: str) -> Iterator[Trial]:
    rng = np.random.default_rng(crc32(series.series_uid.encode()))
    good, other = (T1, T2) if kind == "T1" else (T2, T1)
    region, wrong = (Region.FORAMINAL, Region.CANAL) if kind == "T1" else (Region.CANAL, Region.FORAMINAL)
    cases = [
        (f"real {kind}", "none", faults.sold_as(series, good), region),
        (f"real {kind}", f"header of the other sequence ({'T2' if kind == 'T1' else 'T1'})",
         faults.sold_as(series, other), wrong),
    ]  # fmt: skip
    cases += [
        (cases[0][0], f"{grade} motion, {mm} mm", faults.moved(cases[0][2], mm, _any_way(rng), rng), region)
        for grade, mm in AMOUNTS_MM.items()
    ]
    if kind == "T2":
        cases.append((cases[0][0], "noise alone", faults.noise(cases[0][2], rng), region))
    for pictures, fault, spoilt, concerned in cases:
        study = Study(series.series_uid, (spoilt,))
        yield Trial(pictures, fault, study, (concerned,))


def _any_way(rng: np.random.Generator) -> Motion:
    """One of those that the check for motion is measured on."""
    return tuple(MOTIONS.values())[rng.integers(len(MOTIONS))]


def axial_trials(data: Path, limit: int | None) -> Iterator[Trial]:
    """Real axial slices and localisers under the header of a sagittal T2."""
    folder = data / "sudirman_slices"
    if not folder.exists():
        return
    with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["view_guessed"] != "sagittal"]
    for row in rows[:limit]:
        with Image.open(folder / "images" / row["image"]) as image:
            pixels = np.asarray(image.convert("L"), dtype=np.float32)
        series = placed(Series(row["image"], (Slice(row["image"], pixels, None),), T2), (0.6, 0.6))
        kind = row["view_guessed"].split("(")[0].replace("_", " ")
        yield Trial(f"real {kind} (guessed)", "header of a sagittal T2", Study(row["image"], (series,)), (Region.CANAL,))


def drawn_trials(count: int) -> Iterator[Trial]:
    """Whole studies of all series: good, T1 and T2 exchanged, metal at L4/L5, motion."""
    from export.datasets.phantom import labelled_rendering
    from export.phantom import render_study
    from export.phantom.options import PhantomOptions

    for index in range(count):
        labelled = labelled_rendering(render_study(_SEED, index, PhantomOptions()))
        yield from _of_study(labelled, labelled.load())


def _of_study(labelled: LabelledStudy, study: Study) -> Iterator[Trial]:
    rng = np.random.default_rng(crc32(labelled.study_id.encode()))
    yield Trial("synthetic study", "none", study, ALL)
    yield Trial("synthetic study", "T1 and T2 exchanged", _exchanged(study, labelled), (Region.CANAL, Region.FORAMINAL))
    center = next(np.array(x.position_mm) for x in labelled.levels if x.level is Level.L4_L5) + np.array([0.0, 22.0, 0.0])
    metal = replace(study, series=tuple(faults.void(s, center, _METAL_MM) for s in study.series))
    yield Trial("synthetic study", f"metal, a void of {2 * _METAL_MM:.0f} mm at L4/L5", metal, ALL, (Level.L4_L5,))
    yield Trial("synthetic study", "the other levels of the study with metal", metal, ALL, (Level.L1_L2, Level.L2_L3))
    for grade, mm in AMOUNTS_MM.items():
        moved = replace(study, series=tuple(faults.moved(s, mm, _any_way(rng), rng) for s in study.series))
        yield Trial("synthetic study", f"{grade} motion, {mm} mm, sagittal places", moved, SAGITTAL)
        yield Trial("synthetic study", f"{grade} motion, {mm} mm, axial places", moved, (Region.SUBARTICULAR,))


def _exchanged(study: Study, labelled: LabelledStudy) -> Study:
    """Sagittal T1 under T2's times and the other way round."""
    of_role = {"sagittal_t1": T2, "sagittal_t2": T1, "sagittal_stir": T1}
    roles = {uid: role.value for uid, role in labelled.roles.items()}
    series = (
        faults.sold_as(s, of_role[roles[s.series_uid]]) if roles.get(s.series_uid) in of_role else s for s in study.series
    )
    return replace(study, series=tuple(series))


def _cells(found: Counter[str]) -> tuple[str, ...]:
    places, refused = found.total(), found.total() - found["graded"]
    low, high = wilson(refused, places)
    why = ", ".join(f"{name} {n}" for name, n in found.most_common() if name != "graded")
    return str(places), f"{refused / places:.1%} ({low:.1%}-{high:.1%})", why or "-"
