"""Accuracy of the shipped INT8 models beside their FP32 selves: `python -m benchmarks.accuracy levels|grades`.

Runs on a workbench (it draws synthetic studies and, for `levels`, reads the real held-out images), through the same
adapter and the same pipeline as the box. Writes `results/detector.json` and `results/grading.json`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from appliance.adapters.openvino_model import load_models, open_detector
from appliance.core.spine import LEVELS, SEVERITIES, Condition, Region
from appliance.pipeline import Models, Options
from benchmarks.results import Table, save
from export.detector.evaluate import all_cases, evaluate, summarise
from export.metrics import (
    Graded,
    always_normal,
    arrays,
    by_group,
    confusion,
    macro_f1_by_place,
    official_score,
    summary,
)
from export.phantom.options import Balance
from export.reading import Read, read_all, sides_exchanged, unseen

INT8, FP32 = Path("models_int8"), Path("runs/fp32")
DETECTOR = "yolov8n-spine"


def levels(args: argparse.Namespace) -> list[Table]:
    """The whole chain of finding and naming: letterbox, network, decoding, numbering."""
    cases = all_cases(args.data, args.studies)
    rows = []
    for precision, folder in _precisions(args):
        for s in summarise(evaluate(open_detector(folder / DETECTOR), cases)):
            sure, mm = f"{s.wrong_and_sure:.1%}", f"{s.median_mm:.2f} / {s.p95_mm:.2f}"
            rows.append((s.kind, precision, str(s.pictures), f"{s.all_right:.1%}", f"{s.levels_right:.1%}",
                         f"{s.uncertain:.1%}", sure, mm))  # fmt: skip
    kinds = list(dict.fromkeys(case.kind for case in cases))
    rows.sort(key=lambda row: kinds.index(row[0]))
    columns = ("pictures", "model", "n", "all five right", "levels right", "called uncertain",
               "wrong without a warning", "centre error, mm (median / 95 %)")  # fmt: skip
    data = (
        "t1, t2, t2_SPACE and fields: real images of held-out SPIDER patients, truth boxed by eye by the project "
        "(not by a radiologist), masks for `space`; phantom: synthetic studies never seen in training"
    )
    command = "python -m benchmarks.accuracy levels"
    return [Table("Levels found and named, one picture at a time", data, command, columns, tuple(rows))]


def grades(args: argparse.Namespace) -> list[Table]:
    """The whole reading of studies never seen, in the training's balance of grades and in nature's."""
    tables = []
    for balance in (Balance.TRAINING, Balance.NATURAL):
        runs = {precision: _read(folder, args, balance) for precision, folder in _precisions(args)}
        tables += [_grade_table(balance, runs, args), _reading_table(balance, runs, args)]
        if balance is Balance.TRAINING:
            tables += [_place_table(runs["INT8"], args), _confusion_table(runs["INT8"], args)]
    return tables


def _precisions(args: argparse.Namespace) -> list[tuple[str, Path]]:
    return [(name, folder) for name, folder in (("INT8", args.int8), ("FP32", args.fp32)) if folder.exists()]


def _read(folder: Path, args: argparse.Namespace, balance: Balance) -> list[Read]:
    loaded = load_models(folder)
    models = Models(loaded.detector, loaded.graders, loaded.device, loaded.fallback)
    options = Options(refine_by_canal=args.refine)
    reads = []
    for read, _ in read_all(unseen(args.studies, balance), models, options):
        reads.append(read)
        print(f"{folder} {balance} {len(reads)}/{args.studies}", flush=True)
    return reads


def _grade_table(balance: Balance, runs: dict[str, list[Read]], args: argparse.Namespace) -> Table:
    columns = ("condition", "model", "places", "accuracy", "always-normal accuracy", "macro F1", "recall mod/sev",
               "quadratic κ", "weighted log loss", "calibration error")  # fmt: skip
    rows = []
    for region in (*Region, None):
        for precision, reads in runs.items():
            cases = [g for r in reads for g in r.graded if region in {None, g.condition.region}]
            rows.append(_grade_row(region.value if region else "all", precision, cases))
        zero = always_normal([g for r in runs["INT8"] for g in r.graded if region in {None, g.condition.region}])
        rows.append(_grade_row(region.value if region else "all", "always normal", zero))
    title = f"Grades, {balance} balance of grades"
    return Table(title, _data(args), _command(args), columns, tuple(rows))


def _grade_row(name: str, model: str, cases: Sequence[Graded]) -> tuple[str, ...]:
    s = summary(cases)
    recalls: list[float] = s["recall"]  # type: ignore[assignment]
    return (
        name, model, str(s["cases"]), f"{s['accuracy']:.3f}", f"{s['always_normal_accuracy']:.3f}",
        f"{s['macro_f1']:.3f}", f"{recalls[1]:.2f}/{recalls[2]:.2f}", f"{s['quadratic_kappa']:.2f}",
        f"{s['weighted_log_loss']:.3f}", f"{s['calibration_error']:.3f}",
    )  # fmt: skip


def _reading_table(balance: Balance, runs: dict[str, list[Read]], args: argparse.Namespace) -> Table:
    columns = ("whole reading", *runs)
    each = {p: [g for r in reads for g in r.graded] for p, reads in runs.items()}
    rows = [
        ("mean macro F1 of the 25 places", *(f"{_mean_place_f1(c):.3f}" for c in each.values())),
        ("RSNA's score", *(f"{official_score(c)['score']:.3f}" for c in each.values())),
        ("sides exchanged / one-sided pairs", *("{} / {}".format(*sides_exchanged(c)) for c in each.values())),
        ("places not assessed", *(str(sum(r.not_assessed for r in reads)) for reads in runs.values())),
        ("levels not found", *(str(sum(r.levels_missing for r in reads)) for reads in runs.values())),
        ("level centre error, mm (median / 95 %)", *(_errors(reads) for reads in runs.values())),
    ]
    title = f"The reading as a whole, {balance} balance of grades"
    return Table(title, _data(args), _command(args), columns, tuple(rows))


def _place_table(reads: list[Read], args: argparse.Namespace) -> Table:
    scores = macro_f1_by_place([g for r in reads for g in r.graded])
    rows = tuple((c.label, *(f"{scores[c, level]:.2f}" for level in LEVELS)) for c in Condition)
    columns = ("macro F1 of each place, INT8", *(level.label for level in LEVELS))
    return Table("The 25 places", _data(args), _command(args), columns, rows)


def _confusion_table(reads: list[Read], args: argparse.Namespace) -> Table:
    rows = []
    for region, cases in by_group([g for r in reads for g in r.graded], "region").items():
        truth, probabilities = arrays(cases)
        counts = confusion(truth, probabilities.argmax(axis=1))
        rows += [(region, s.label, *(str(n) for n in row)) for s, row in zip(SEVERITIES, counts, strict=True)]
    columns = ("region", "truth (INT8)", "said normal/mild", "said moderate", "said severe")
    return Table("Confusion", _data(args), _command(args), columns, tuple(rows))


def _mean_place_f1(cases: Sequence[Graded]) -> float:
    return float(np.mean(list(macro_f1_by_place(cases).values())))


def _errors(reads: Sequence[Read]) -> str:
    errors = [e for r in reads for e in r.level_errors_mm]
    return f"{np.median(errors):.2f} / {np.percentile(errors, 95):.2f}"


def _data(args: argparse.Namespace) -> str:
    return f"SYNTHETIC: {args.studies} phantom studies never seen in training or calibration, each read as a whole"


def _command(args: argparse.Namespace) -> str:
    return f"python -m benchmarks.accuracy grades --studies {args.studies}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("levels", "grades"))
    parser.add_argument("--int8", type=Path, default=INT8)
    parser.add_argument("--fp32", type=Path, default=FP32)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--studies", type=int, default=40)
    parser.add_argument("--refine", action="store_true", help="also look for the canal on axial slices")
    args = parser.parse_args()
    print(save("detector", levels(args)) if args.what == "levels" else save("grading", grades(args)))


if __name__ == "__main__":
    main()
