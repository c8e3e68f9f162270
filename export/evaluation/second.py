"""What a second opinion is worth: the first graders, the second ones and both averaged, on the same places.

On crops already cut (`--crops`, several folders), on whole readings of drawn studies (`--studies`), and what it costs:
the built-in study read with and without it by turns, so that only the machine's own noise lies between the two.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from appliance import selftest
from appliance.adapters.openvino_model import SECOND_GRADERS, load_models, open_grader
from appliance.core.models import Grader
from appliance.core.report import Report
from appliance.core.second_opinion import Second
from appliance.core.spine import Region
from appliance.pipeline import Models, read_study
from appliance.reading import read_path
from benchmarks.results import Table
from export.datasets.sample import LabelledStudy
from export.evaluation import sources
from export.evaluation.answers import recalled
from export.evaluation.intervals import by_patient
from export.evaluation.tally import figures, intervals, paired, tally_of
from export.grader.evaluate import cached_cases
from export.metrics import Graded
from export.reading import Read, compare

NAME = "second-opinion"
WHO = ("first", "second", "both")
ALL = "all"


@dataclass(frozen=True, slots=True)
class Trio:
    """The same places, in the same order, as the first graders, the second ones and both averaged saw them."""

    first: tuple[Graded, ...]
    second: tuple[Graded, ...]
    both: tuple[Graded, ...]

    def of(self, region: Region | None) -> Trio:
        parts = (tuple(g for g in part if region in {None, g.condition.region}) for part in self)
        return Trio(*parts)

    def __iter__(self) -> Iterator[tuple[Graded, ...]]:
        return iter((self.first, self.second, self.both))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    sources.add_arguments(parser)
    parser.add_argument("--crops", type=Path, nargs="*", default=[], help="folders of cached bags")
    parser.add_argument("--answers", type=Path, default=Path("runs/evaluation"), help="what was read is kept here")
    parser.add_argument("--rounds", type=int, default=15, help="of the reading whose cost is measured")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    models, made = opened(args.int8), []
    precisions = {"INT8": models} | ({"FP32": opened(args.fp32)} if _seconds_in(args.fp32) else {})
    for folder in args.crops:
        studies = sorted(folder.glob("*"))
        for name, each in precisions.items():
            data = f"SYNTHETIC: crops of {len(studies)} studies of {folder.name}, the {name} graders alone"
            made += tables(on_crops(each, studies), f"{data}; {_versions(each)}", args.command)
    if args.studies:
        source = sources.source_of(args)
        data = f"{source.data}; whole readings, INT8; {_versions(models)}"
        made += tables(on_readings(source, models, args.answers), data, args.command)
    made.append(cost(models, args.rounds, args.command))
    if len(precisions) > 1:
        made.append(precision_cost(models, precisions["FP32"], args.rounds, args.command))
    return {NAME: made}


def _versions(models: Models) -> str:
    """Of the weights, for numbers that outlive them."""
    first, second = ({g.identity.version for g in each} for each in _both(models))
    return f"first {'/'.join(sorted(first))}, second {'/'.join(sorted(second))}"


def _both(models: Models) -> tuple[list[Grader], list[Grader]]:
    """The first and the second graders of the regions that have both."""
    return [models.graders[r] for r in models.second], [s.grader for s in models.second.values()]


def opened(folder: Path) -> Models:
    """The first graders and those second ones that are there: a region can be measured before the others are trained.

    Raises SystemExit when there is none.
    """
    loaded, there = load_models(folder), _seconds_in(folder)
    if not there:
        raise SystemExit(f"no second grader in {folder}: python -m export.second_opinion")
    second = {region: Second(open_grader(path), better=False) for region, path in there.items()}
    return Models(loaded.detector, loaded.graders, loaded.device, loaded.fallback, second)


def _seconds_in(folder: Path) -> dict[Region, Path]:
    return {r: folder / name for r, name in SECOND_GRADERS.items() if (folder / name / "model.xml").is_file()}


def on_crops(models: Models, folders: Sequence[Path]) -> Trio:
    """Both are shown the same squares, moved by the same localiser's error."""
    first = cached_cases({region: models.graders[region] for region in models.second}, folders)
    second = cached_cases({region: s.grader for region, s in models.second.items()}, folders)
    return Trio(tuple(first), tuple(second), tuple(_average(a, b) for a, b in zip(first, second, strict=True)))


def _average(a: Graded, b: Graded) -> Graded:
    normal, moderate, severe = np.mean([a.probabilities, b.probabilities], axis=0).tolist()
    return replace(a, probabilities=(normal, moderate, severe))


def on_readings(source: sources.Source, models: Models, folder: Path) -> Trio:
    """Each study is read once, as the box does with `reader.second_opinion`; the votes tell the graders apart."""
    folder.mkdir(parents=True, exist_ok=True)
    mark = "-".join(identity.sha256[:6] for identity in models.identities)
    paths = {who: folder / f"second-{source.name}-{mark}-{who}.jsonl" for who in WHO}
    kept = {who: {read.study_id: read for read in recalled(path)} for who, path in paths.items()}
    cases: dict[str, list[Graded]] = {who: [] for who in WHO}
    for study_id, load in source.studies():
        if not all(study_id in known for known in kept.values()):
            for who, read in _read(load(), models).items():
                kept[who][study_id] = read
                with paths[who].open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(read)) + "\n")
            print(f"second {source.name} {study_id}", flush=True)
        for who in WHO:
            cases[who] += [g for g in kept[who][study_id].graded if g.condition.region in models.second]
    return Trio(*(tuple(cases[who]) for who in WHO))


def _read(labelled: LabelledStudy, models: Models) -> dict[str, Read]:
    report = read_study(labelled.load(), models, datetime(2026, 1, 1, tzinfo=UTC))
    firsts = {grader.identity.name for grader in models.graders.values()}
    alone = {"first": _alone(report, firsts, True), "second": _alone(report, firsts, False), "both": report}
    return {who: compare(labelled, one) for who, one in alone.items()}


def _alone(report: Report, firsts: set[str], first: bool) -> Report:
    """The report as one of the two models would have graded it."""
    findings = []
    for finding in report.findings:
        vote = next((v for v in finding.votes if (v.model in firsts) is first), None)
        findings.append(replace(finding, probabilities=vote.probabilities, votes=()) if vote else finding)
    return replace(report, findings=tuple(findings))


def tables(trio: Trio, data: str, command: str) -> list[Table]:
    parts = [(region.value, part) for region in Region if (part := trio.of(region)).first]
    parts += [(ALL, trio)] if len(parts) > 1 else []
    worth = ("region", "graders", "places", "accuracy", "macro F1", "weighted log loss", "macro F1 less the first's, points")
    where = ("region", "places", "disagree", "of these: the first right", "the second right", "the average right",
             "the first's mistakes that are flagged")  # fmt: skip
    return [
        Table("What a second opinion changes", data, command, worth, tuple(r for n, p in parts for r in _worth(n, p))),
        Table("Where the two disagree", data, command, where, tuple(_disagreements(n, p) for n, p in parts)),
    ]


def _worth(name: str, trio: Trio) -> Iterator[tuple[str, ...]]:
    first = tally_of(trio.first)
    for who, cases in zip(WHO, trio, strict=True):
        tally = tally_of(cases)
        found, between = figures(tally), intervals(tally)
        gain, sure = found["macro_f1"] - figures(first)["macro_f1"], paired(tally, first)["macro_f1"]
        keys = ("accuracy", "macro_f1", "weighted_log_loss")
        told = (f"{found[k]:.3f} ({between[k][0]:.3f}-{between[k][1]:.3f})" for k in keys)
        less = "-" if who == "first" else f"{100 * gain:+.2f} ({100 * sure[0]:+.2f} to {100 * sure[1]:+.2f})"
        yield (name, who, str(len(cases)), *told, less)


@dataclass(frozen=True, slots=True)
class _Place:
    """One place: whether the two differ, and who is right."""

    differs: bool
    right: tuple[bool, bool, bool]


def _disagreements(name: str, trio: Trio) -> tuple[str, ...]:
    rows: dict[str, list[_Place]] = {}
    for graded in zip(*trio, strict=True):
        said = [int(np.argmax(np.round(g.probabilities, 6))) for g in graded]
        right = (said[0] == graded[0].truth.rank, said[1] == graded[0].truth.rank, said[2] == graded[0].truth.rank)
        rows.setdefault(graded[0].group, []).append(_Place(said[0] != said[1], right))
    cells = [_share(rows, lambda p: True, lambda p: p.differs)]
    cells += [_share(rows, lambda p: p.differs, lambda p, i=i: p.right[i]) for i in range(3)]
    cells.append(_share(rows, lambda p: not p.right[0], lambda p: p.differs))
    return (name, str(len(trio.first)), *cells)


def _share(rows: Mapping[str, Sequence[_Place]], of, what) -> str:  # type: ignore[no-untyped-def]
    def figure(places: Sequence[_Place]) -> float:
        chosen = [what(p) for p in places if of(p)]
        return sum(chosen) / len(chosen) if chosen else float("nan")

    everything = [place for places in rows.values() for place in places]
    low, high = by_patient(rows, figure)
    count = sum(of(p) for p in everything)
    return f"{figure(everything):.1%} ({low:.0%}-{high:.0%}) of {count}" if count else "-"


def cost(models: Models, rounds: int, command: str) -> Table:
    """Medians; the ratio is of each pair of readings, made one right after the other."""
    study, now = read_path(selftest.STUDY), datetime.now(UTC)
    single = replace(models, second={})

    def milliseconds(which: Models) -> dict[str, float]:
        return dict(read_study(study, which, now).runtime.milliseconds)

    milliseconds(models)
    pairs = [(milliseconds(single), milliseconds(models)) for _ in range(rounds)]
    regions = [region.value for region in Region if region in pairs[0][0]]
    rows = [_cost_row(f"grading, {region}", [(a[region], b[region]) for a, b in pairs]) for region in regions]
    rows.append(_cost_row("grading, all 25 places", [tuple(sum(x[r] for r in regions) for x in p) for p in pairs]))
    rows.append(_cost_row("the whole reading", [(sum(a.values()), sum(b.values())) for a, b in pairs]))
    asked = "every region" if len(models.second) == len(Region) else ", ".join(models.second)
    data = f"SYNTHETIC: the built-in study, INT8 on CPU, read {rounds} times with and without by turns; second: {asked}"
    columns = ("what", "first alone, ms", "both, ms", "more, ms", "both / first alone")
    return Table("What a second opinion costs", data, command, columns, tuple(rows))


def precision_cost(int8: Models, fp32: Models, rounds: int, command: str) -> Table:
    """Whether INT8 buys time: one place of five slices, both precisions by turns."""
    rows = []
    for who, eights, fulls in zip(WHO, _both(int8), _both(fp32), strict=False):
        for a, b in zip(eights, fulls, strict=True):
            shape = (a.spec.slices, a.spec.size_px, a.spec.size_px)
            crops = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
            pairs = [(_seconds(a, crops), _seconds(b, crops)) for _ in range(5 * rounds)][rounds:]
            eight, full = median(p[0] for p in pairs), median(p[1] for p in pairs)
            ratio = median(p[0] / p[1] for p in pairs)
            rows.append((who, a.spec.region.value, f"{1000 * eight:.1f}", f"{1000 * full:.1f}", f"{ratio:.2f}"))
    columns = ("grader", "region", "INT8, ms", "FP32, ms", "INT8 / FP32")
    return Table("INT8 against FP32, one place of five slices", f"noise; {_versions(int8)}", command, columns, tuple(rows))


def _seconds(grader: Grader, crops: NDArray[np.uint8]) -> float:
    started = perf_counter()
    grader.grade(crops)
    return perf_counter() - started


def _cost_row(name: str, pairs: Sequence[tuple[float, ...]]) -> tuple[str, ...]:
    alone, both = median(p[0] for p in pairs), median(p[1] for p in pairs)
    more, ratio = median(p[1] - p[0] for p in pairs), median(p[1] / p[0] for p in pairs)
    return (name, f"{alone:.0f}", f"{both:.0f}", f"{more:+.0f}", f"{ratio:.2f}")
