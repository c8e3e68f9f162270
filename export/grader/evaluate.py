"""What the graders say of studies they never saw: any `appliance.core.models.Grader`, torch or INT8, by the same code.

Crops are cut round disc centres that are wrong by a localiser's error. The tables are made by
`python -m export.evaluate grades --crops runs/grader/cache/test`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from appliance.core.crops import Place, cut_place, place_points, windows_of
from appliance.core.geometry import Vector
from appliance.core.models import Grade, Grader, GraderSpec, ModelIdentity
from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES, Region, Side
from appliance.core.study import Study
from export.datasets.sample import LabelledStudy
from export.grader.data import BagSet, load_bags, middle, reading_slices, series_for
from export.grader.model import export_module, load_grader
from export.metrics import Graded

LOCALISER_SD_MM = 1.5
"""What the localiser is taken to miss a disc's centre by, in each direction in the picture."""
Graders = Mapping[Region, Grader]


@dataclass(frozen=True, slots=True)
class TorchGrader:
    """A grader in torch, behind the appliance's own protocol."""

    spec: GraderSpec
    identity: ModelIdentity
    module: torch.nn.Module

    @torch.no_grad()
    def grade(self, crops: NDArray[np.uint8]) -> Grade:
        probabilities, attention = self.module(torch.from_numpy(np.array(crops)).float())
        p = probabilities.double()
        p = (p / p.sum()).tolist()
        return Grade((p[0], p[1], p[2]), tuple(attention.tolist()))


def torch_grader(path: Path) -> TorchGrader:
    """The grader that `export.train` left at `path`."""
    net = load_grader(path)
    identity = ModelIdentity(f"grader-{net.spec.region.value}", "torch", "", "FP32")
    return TorchGrader(net.spec, identity, export_module(net))


def grade_study(
    graders: Graders, labelled: LabelledStudy, study: Study, rng: np.random.Generator | None = None
) -> dict[Place, Grade]:
    """Every place a slice passes through, as the reading would; `rng` makes the disc centres wrong."""
    centres = {x.level: np.array(x.position_mm) + _miss(rng) for x in labelled.levels}
    grades: dict[Place, Grade] = {}
    for region, grader in graders.items():
        series = series_for(study, labelled.roles, region)
        windows = windows_of(series)
        for (condition, level), point in place_points(centres).items():
            if condition.region is region:
                bag = cut_place(series, windows, condition, point, grader.spec)
                if bag is not None:
                    grades[condition, level] = grader.grade(bag.crops)
    return grades


def _miss(rng: np.random.Generator | None) -> Vector:
    return rng.normal(0, LOCALISER_SD_MM, 3) if rng is not None else np.zeros(3)


def graded_cases(graders: Graders, studies: Iterable[LabelledStudy], seed: int | None = 0) -> list[Graded]:
    """Truth and answer of every place that could be graded; `seed=None`: exact disc centres."""
    cases: list[Graded] = []
    for n, labelled in enumerate(studies):
        rng = np.random.default_rng([seed, n]) if seed is not None else None
        grades = grade_study(graders, labelled, labelled.load(), rng)
        for place in labelled.places:
            grade = grades.get((place.condition, place.level))
            if grade is not None and place.severity is not None:
                answer = Graded(labelled.study_id, place.condition, place.level, place.severity, grade.probabilities)
                cases.append(answer)
    return cases


def cached_cases(graders: Graders, folders: Iterable[Path], seed: int | None = 0) -> list[Graded]:
    """The same from cached crops, which need no study: the localiser's error moves the square inside them."""
    folders = list(folders)
    cases: list[Graded] = []
    for grader in graders.values():
        bags = load_bags(folders, grader.spec)
        rng = np.random.default_rng(seed) if seed is not None else None
        for n, label in enumerate(bags.labels):
            grade = grader.grade(_shifted_crops(bags, n, rng))
            truth = SEVERITIES[label.rank]
            cases.append(Graded(label.study, label.condition, label.level, truth, grade.probabilities))
    return cases


def _shifted_crops(bags: BagSet, n: int, rng: np.random.Generator | None) -> NDArray[np.uint8]:
    label, size = bags.labels[n], bags.spec.size_px
    if rng is None:
        return middle(bags.pictures[reading_slices(label, bags.spec)], size)
    across, down, along = rng.normal(0, LOCALISER_SD_MM, 3)
    margin, per_mm = (bags.pictures.shape[-1] - size) // 2, size / bags.spec.crop_mm
    x, y = (int(np.clip(margin + round(v * per_mm), 0, 2 * margin)) for v in (across, down))
    wide = bags.pictures[reading_slices(label, bags.spec, float(along))]
    return np.ascontiguousarray(wide[:, y : y + size, x : x + size])


def exchanged_sides(cases: Sequence[Graded]) -> dict[str, int]:
    """One-sided places (one side severe, the other normal/mild), and how often the normal side was said graver."""
    answers = {(c.study_id, c.condition, c.level): c for c in cases}
    found = {"one_sided": 0, "exchanged": 0, "severe_side_missed": 0}
    for (study, condition, level), left in answers.items():
        if condition.side is not Side.LEFT or (study, condition.mirrored, level) not in answers:
            continue
        pair = sorted([left, answers[study, condition.mirrored, level]], key=lambda c: c.truth.rank)
        if (pair[0].truth.rank, pair[1].truth.rank) == (0, 2):
            normal, severe = (expected_rank(c.probabilities) for c in pair)
            found["one_sided"] += 1
            found["exchanged"] += int(normal > severe)
            found["severe_side_missed"] += int(severe < 0.5)
    return found


def expected_rank(probabilities: Sequence[float]) -> float:
    """Mean grade: 0 normal/mild to 2 severe."""
    return float(probabilities[1] + 2 * probabilities[2])


def one_sided_studies(count: int, seed: int = 77) -> Iterator[LabelledStudy]:
    """Phantoms narrowed on one side only, severely, at every level; left and right by turns."""
    from export.datasets.phantom import labelled_rendering
    from export.grader.focus import render_for_crops
    from export.phantom.grades import parameter_of
    from export.phantom.options import Balance, PhantomOptions

    for index in range(count):
        side = (Side.LEFT, Side.RIGHT)[index % 2]
        override = []
        for condition in (c for c in CONDITIONS if c.side is not None):
            parameter = parameter_of(condition)
            value = 0.7 * parameter.moderate_from if condition.side is side else 1.25 * parameter.normal_from
            override += [(condition, level, value) for level in LEVELS]
        options = PhantomOptions(balance=Balance.NATURAL, quirks=False, override=tuple(override))
        yield labelled_rendering(render_for_crops(seed, index, options))
