"""Tables of graded places: by condition, level, severity and place, beside the lines that need no model. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations

import numpy as np

from appliance.core.spine import CONDITIONS, LEVELS, SEVERITIES, Condition, Level, Region
from benchmarks.results import Table
from export import metrics
from export.evaluation.tally import Figures, figures, intervals, paired, tally_of
from export.metrics import Graded, always_normal, by_group, constant_prior, macro_f1_by_place
from export.reading import Read, sides_exchanged

Runs = Mapping[str, Sequence[Read]]
"""By the name of the weights; the first is what the box runs."""

CEILINGS: Mapping[Region, tuple[str, ...]] = {
    Region.CANAL: ("0.934", "0.764", "-", "-", "-/0.55/0.81", "0.84", "-", "0.259", "-"),
    Region.FORAMINAL: ("0.839", "0.701", "-", "-", "-/0.59/0.63", "0.69", "-", "0.480", "-"),
    Region.SUBARTICULAR: ("0.800", "0.689", "-", "-", "-/0.52/0.75", "0.74", "-", "0.545", "-"),
}
"""Out-of-fold predictions of a member of RSNA 2024's 4th place, over all 1,975 studies [lumbar-mri.md]."""
WINNERS_SCORE, CONSTANT_SCORE = "0.39-0.40", "0.859"
"""RSNA 2024's official score: the first places, and a constant prior [lumbar-mri.md]."""

COLUMNS = ("accuracy", "macro F1", "weighted F1", "precision normal/mod/sev", "recall normal/mod/sev", "quadratic κ",
           "linear κ", "weighted log loss", "calibration error")  # fmt: skip
_INTERVALS = ("accuracy", "macro_f1", None, None, None, "quadratic_kappa", None, "weighted_log_loss", "calibration_error")


def tables(runs: Runs, data: str, command: str, real: bool) -> list[Table]:
    """All of them. `real`: RSNA's own studies, whose ceilings are known."""
    cases = {name: [g for r in reads for g in r.graded] for name, reads in runs.items()}
    if not all(cases.values()):
        raise SystemExit("no place was graded: there is nothing to measure")
    first = next(iter(cases))
    made = [
        ("Grades by condition", *_by_condition(cases, real)),
        ("Grades by level", *_by_level(cases)),
        ("Each grade by itself", *_by_severity(cases)),
        ("The 25 places: macro F1", *_by_place(cases[first], first)),
        ("Confusion", *_confusion(cases)),
        ("Whole studies", *_whole(runs, cases, real)),
    ]
    if len(cases) > 1:
        made.append(("INT8 less FP32", *_difference(cases)))
    return [Table(title, data, command, columns, rows) for title, columns, rows in made]


Body = tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]
Cases = Mapping[str, Sequence[Graded]]


def _by_condition(cases: Cases, real: bool) -> Body:
    groups = [(c.label, lambda g, c=c: g.condition is c, None) for c in CONDITIONS]
    groups += [(f"region: {r}", lambda g, r=r: g.condition.region is r, r) for r in Region]
    groups += [("all", lambda g: True, None)]
    rows: list[tuple[str, ...]] = []
    for name, belongs, region in groups:
        own = {model: [g for g in each if belongs(g)] for model, each in cases.items()}
        rows += _rows(name, own)
        if real and region is not None:
            rows.append((name, "RSNA 4th place", "-", *CEILINGS[region]))
    return ("condition", "model", "places", *COLUMNS), tuple(rows)


def _by_level(cases: Cases) -> Body:
    rows: list[tuple[str, ...]] = []
    for level in LEVELS:
        rows += _rows(level.label, {model: [g for g in each if g.level is level] for model, each in cases.items()})
    return ("level", "model", "places", *COLUMNS), tuple(rows)


def _rows(name: str, cases: Cases) -> list[tuple[str, ...]]:
    """Each model with its intervals, then the two lines that look at no picture."""
    if not all(cases.values()):
        return []
    rows = [(name, model, str(len(each)), *_cells(each)) for model, each in cases.items()]
    first = next(iter(cases.values()))
    zero = [("always normal", always_normal(first)), ("constant prior", constant_prior(first))]
    return rows + [(name, model, str(len(each)), *_cells(each, sure=False)) for model, each in zero]


def _cells(cases: Sequence[Graded], sure: bool = True) -> tuple[str, ...]:
    tally = tally_of(cases)
    found, between = figures(tally), intervals(tally) if sure else {}
    texts = [_number(found, key) for key in ("accuracy", "macro_f1", "weighted_f1")]
    texts += ["/".join(_text(found[f"{kind}_{s}"], 2) for s in SEVERITIES) for kind in ("precision", "recall")]
    keys = ("quadratic_kappa", "linear_kappa", "weighted_log_loss", "calibration_error")
    texts += [_number(found, key) for key in keys]
    return tuple(
        f"{text} ({between[key][0]:.3f}-{between[key][1]:.3f})" if key in between else text
        for text, key in zip(texts, _INTERVALS, strict=True)
    )


def _by_severity(cases: Cases) -> Body:
    rows = []
    for name, belongs in [*((c.label, _is(c)) for c in CONDITIONS), ("all", lambda g: True)]:
        for model, each in cases.items():
            own = [g for g in each if belongs(g)]
            if not own:
                continue
            found = figures(tally_of(own))
            for s in SEVERITIES:
                count = sum(g.truth is s for g in own)
                cells = (_text(found[f"{kind}_{s}"]) for kind in ("precision", "recall", "f1"))
                rows.append((name, s.label, model, str(count), *cells))
    return ("condition", "severity", "model", "places", "precision", "recall", "F1"), tuple(rows)


def _is(condition: Condition):  # type: ignore[no-untyped-def]
    return lambda g: g.condition is condition


def _by_place(cases: Sequence[Graded], model: str) -> Body:
    scores = macro_f1_by_place(cases)
    rows = tuple((c.label, *(_text(scores.get((c, level), np.nan), 2) for level in LEVELS)) for c in CONDITIONS)
    return (model, *(level.label for level in LEVELS)), rows


def _confusion(cases: Cases) -> Body:
    rows = []
    for model, each in cases.items():
        for region, own in by_group(each, "region").items():
            truth, probabilities = metrics.arrays(own)
            counts = metrics.confusion(truth, probabilities.argmax(axis=1))
            rows += [(region, model, s.label, *(str(n) for n in row)) for s, row in zip(SEVERITIES, counts, strict=True)]
    return ("region", "model", "truth", "said normal/mild", "said moderate", "said severe"), tuple(rows)


def _whole(runs: Runs, cases: Cases, real: bool) -> Body:
    first = next(iter(cases.values()))
    lines = {"always normal": always_normal(first), "constant prior": constant_prior(first)}
    rows = [_study_row(model, each, runs[model]) for model, each in cases.items()]
    rows += [_study_row(model, each, ()) for model, each in lines.items()]
    if real:
        rows.append(("RSNA 2024's winners", WINNERS_SCORE, *("-",) * 7))
        rows.append(("constant prior over all 1,975 studies", CONSTANT_SCORE, *("-",) * 7))
    columns = ("model", "RSNA's score (lower is better)", "any severe canal: sensitivity", "specificity",
               "studies with / without", "mean macro F1 of the 25 places", "sides exchanged / one-sided pairs",
               "places not assessed", "level centre error, mm (median / 95 %)")  # fmt: skip
    return columns, tuple(rows)


def _study_row(model: str, cases: Sequence[Graded], reads: Sequence[Read]) -> tuple[str, ...]:
    tally = tally_of(cases)
    found, between = figures(tally), intervals(tally) if reads else {}
    keys = ("score", "any_severe_sensitivity", "any_severe_specificity")
    counts = metrics.any_severe_counts(cases).sum(axis=1)
    return (
        model,
        *(_text(found[k]) + (f" ({between[k][0]:.3f}-{between[k][1]:.3f})" if k in between else "") for k in keys),
        f"{counts[1]} / {counts[0]}",
        _text(float(np.mean(list(macro_f1_by_place(cases).values())))),
        "{} / {}".format(*sides_exchanged(cases)),
        str(sum(r.not_assessed for r in reads)) if reads else "-",
        _errors(reads),
    )


def _errors(reads: Iterable[Read]) -> str:
    errors = [e for r in reads for e in r.level_errors_mm]
    return f"{np.median(errors):.2f} / {np.percentile(errors, 95):.2f}" if errors else "-"


def _difference(cases: Cases) -> Body:
    """Points of the first model less the second's on the same patients: negative where INT8 is worse."""
    (a, first), (b, second), *_ = cases.items()
    patients = sorted({g.group for g in [*first, *second]})
    groups = [("all", lambda g: True), *((r.value, _of(r)) for r in Region), *((c.label, _is(c)) for c in CONDITIONS)]
    rows: list[tuple[str, ...]] = []
    for name, belongs in groups:
        one, other = ([g for g in each if belongs(g)] for each in (first, second))
        if one and other:
            rows += [(name, *row) for row in _compared(one, other, patients)]
    return ("places", "figure", a, b, "difference, points", "95 % by patient"), tuple(rows)


def _of(region: Region):  # type: ignore[no-untyped-def]
    return lambda g: g.condition.region is region


def _compared(one: Sequence[Graded], other: Sequence[Graded], patients: Sequence[str]) -> list[tuple[str, ...]]:
    """Each figure of both; then the places that only one of them names rightly, which is what a difference stands on."""
    pair = tally_of(one, patients), tally_of(other, patients)
    between = paired(*pair)
    mine, theirs = figures(pair[0]), figures(pair[1])
    rows = [
        (key.replace("_", " "), _text(mine[key]), _text(theirs[key]), f"{100 * (mine[key] - theirs[key]):+.2f}",
         f"{100 * between[key][0]:+.2f} to {100 * between[key][1]:+.2f}")
        for key in ("accuracy", "macro_f1", "weighted_f1", "quadratic_kappa", "linear_kappa", "weighted_log_loss",
                    "calibration_error")
    ]  # fmt: skip
    alone = [str(len(a - b)) for a, b in permutations((_right(one), _right(other)), 2)]
    return [*rows, (f"right alone, of {len(one)} places", *alone, "-", "-")]


def _right(cases: Sequence[Graded]) -> set[tuple[str, Condition, Level]]:
    return {(g.study_id, g.condition, g.level) for g in cases if int(np.argmax(g.probabilities)) == g.truth.rank}


def _number(found: Figures, key: str) -> str:
    return _text(found[key])


def _text(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"
