"""`python -m export.grader.evaluate`: what the graders are worth on studies they never saw.

Any `appliance.core.models.Grader` is judged by the same code: the torch weights here, or the INT8 models of the box
(`--models models_int8`). Crops are cut round disc centres that are wrong by a localiser's error.

Macro F1 "over the 25 places": macro F1 of the three grades at each place (condition and level) by itself, then the
mean over the places; beside it, macro F1 of all cases of a condition pooled.
"""

from __future__ import annotations

import argparse
import json
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
from export import metrics
from export.datasets.sample import LabelledStudy
from export.grader.data import BagSet, load_bags, middle, reading_slices, series_for
from export.grader.model import export_module, load_grader
from export.grader.prepare import CACHE
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


def evaluation(cases: Sequence[Graded]) -> dict[str, object]:
    """All figures of a set of cases, ready for JSON."""
    by_place = metrics.macro_f1_by_place(cases)
    pooled = {name: metrics.summary(own) for name, own in metrics.by_group(cases, "condition").items()}
    nothing, prior = metrics.always_normal(cases), metrics.constant_prior(cases)
    return {
        "studies": len({c.study_id for c in cases}),
        "macro_f1_over_25_places": float(np.mean(list(by_place.values()))),
        "macro_f1_over_conditions": float(np.mean([s["macro_f1"] for s in pooled.values()])),
        "macro_f1_by_place": {f"{c.value}/{level.value}": v for (c, level), v in sorted(by_place.items())},
        "all": metrics.summary(cases),
        "by_region": {k: metrics.summary(v) for k, v in metrics.by_group(cases, "region").items()},
        "by_condition": pooled,
        "by_level": {k: metrics.summary(v) for k, v in metrics.by_group(cases, "level").items()},
        "rsna_score": metrics.official_score(cases),
        "always_normal": {
            "macro_f1_over_25_places": float(np.mean(list(metrics.macro_f1_by_place(nothing).values()))),
            "accuracy": metrics.summary(nothing)["accuracy"],
            "rsna_score": metrics.official_score(nothing),
        },
        "constant_prior": {"rsna_score": metrics.official_score(prior)},
    }


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


def to_markdown(found: Mapping[str, Mapping]) -> str:  # type: ignore[type-arg]
    """A page for people: one table for each set of studies."""
    lines = ["# The graders on unseen phantoms", "", __doc__.split("\n\n", 1)[1].strip(), ""]
    for name, e in found.items():
        if name == "sides":
            lines += [f"Left and right: of {e['one_sided']} one-sided places {e['exchanged']} were exchanged, "
                      f"{e['severe_side_missed']} severe sides called normal/mild.", ""]  # fmt: skip
            continue
        lines += [
            f"## {name}: {e['studies']} studies, {e['all']['cases']} places",
            "",
            f"Macro F1 over the 25 places **{e['macro_f1_over_25_places']:.3f}** (always normal: "
            f"{e['always_normal']['macro_f1_over_25_places']:.3f}), over the five conditions pooled "
            f"{e['macro_f1_over_conditions']:.3f}. RSNA score {e['rsna_score']['score']:.3f} "
            f"(best constant answer {e['constant_prior']['rsna_score']['score']:.3f}).",
            "",
            "| | cases | always-normal accuracy | accuracy | macro F1 | recall normal/moderate/severe | quadratic κ "
            "| weighted log loss | calibration error |",
            "|---|---|---|---|---|---|---|---|---|",
            *(_row(key, s) for key, s in [*e["by_condition"].items(), *e["by_region"].items(), ("all", e["all"])]),
            "",
        ]
    return "\n".join(lines) + "\n"


def _row(name: str, s: Mapping) -> str:  # type: ignore[type-arg]
    recall = "/".join(f"{r:.2f}" for r in s["recall"])
    return (f"| {name} | {s['cases']} | {s['always_normal_accuracy']:.3f} | {s['accuracy']:.3f} | {s['macro_f1']:.3f} "
            f"| {recall} | {s['quadratic_kappa']:.3f} | {s['weighted_log_loss']:.3f} "
            f"| {s['calibration_error']:.3f} |")  # fmt: skip


def openvino_graders(folder: Path) -> dict[Region, Grader]:
    """The box's own INT8 models."""
    from appliance.adapters.openvino_model import load_models

    return dict(load_models(folder).graders)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.grader.evaluate", description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path("runs/grader"), help="holds <region>/best.pt")
    parser.add_argument("--models", type=Path, default=None, help="a models_int8 folder: evaluate those instead")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--splits", nargs="*", default=["test", "test_natural"])
    parser.add_argument("--one-sided", type=int, default=6, help="studies of the left/right test; 0 leaves it out")
    parser.add_argument("--out", type=Path, default=Path("runs/grader/evaluation"), help="writes .json and .md")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    graders = openvino_graders(args.models) if args.models else _weights(args.weights)
    found: dict[str, object] = {}
    for split in args.splits:
        cases = cached_cases(graders, sorted((args.cache / split).glob("*")))
        if cases:
            found[split] = evaluation(cases)
    if args.one_sided:
        found["sides"] = exchanged_sides(graded_cases(graders, one_sided_studies(args.one_sided)))
    args.out.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    page = to_markdown(found)  # type: ignore[arg-type]
    args.out.with_suffix(".md").write_text(page, encoding="utf-8")
    print(page)
    return 0


def _weights(folder: Path) -> dict[Region, Grader]:
    paths = {region: folder / region.value / "best.pt" for region in Region}
    return {region: torch_grader(path) for region, path in paths.items() if path.exists()}


if __name__ == "__main__":
    raise SystemExit(main())
