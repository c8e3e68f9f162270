"""What detectors read that never saw a group, beside one that saw everything: the tables. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.results import Table
from export.datasets import spider
from export.datasets.spider_groups import Facts, Group
from export.detector.evaluate import Outcome
from export.evaluation import level_cells
from export.evaluation.intervals import by_patient

_COLUMNS = (*level_cells.COLUMNS, "five discs seen, whatever called")
REFERENCE = "nothing"
"""What the reference's training left out (the held-out patients apart)."""
_SLICES = "space slices"
"""`Outcome.kind` of the masked slices; all other kinds are mid-sagittal."""
_TRUTH = (
    "real SPIDER pictures that show all five levels; truth of the mid-sagittal ones boxed by eye by the project, of the "
    "SPACE slices (every third, off the midline too) from SPIDER's masks; FP32 in torch, the box's numbering"
)
_COMPARED = (
    "held-out patients are in no training; the other patients of a left-out sequence were trained on in their other "
    f"sequences; {level_cells.SAID}"
)


@dataclass(frozen=True, slots=True)
class Run:
    """One trained detector: the group it never saw (None: the reference), what it saw, what it read."""

    group: Group | None
    trained_on: tuple[str, ...]
    """Names of the pictures its batches were drawn from."""
    outcomes: tuple[Outcome, ...]

    @property
    def name(self) -> str:
        return self.group.name if self.group else REFERENCE


def tables(runs: Sequence[Run], facts: Mapping[str, Facts], trained: str, command: str) -> list[Table]:
    """Groups left out, the same by sequence, what each training drew from, and how the groups coincide.

    `trained` says how, in words. `runs` begin with the reference.
    """
    reference, without = runs[0], runs[1:]
    head = ("left out", "read", "of", "trained without", *_COLUMNS)
    gain = "all five right, less the reference's, points"
    main = [row for run in without for row in _main_rows(run, reference, facts)]
    kinds = [row for run in without for row in _sequence_rows(run, facts)]
    data = f"{_TRUTH}; {trained}; {_COMPARED}"
    return [
        Table("Whole groups left out of training", data, command, (*head, gain), tuple(main)),
        Table("Left-out groups by sequence", f"{_TRUTH}; {trained}; {_COMPARED}", command, head[:1] + head[1:3] + head[4:],
              tuple(kinds)),
        Table("What each training drew from", f"SPIDER without the held-out patients; {trained}", command,
              ("left out", "patients", "mid-sagittal pictures", "SPACE slices"),
              tuple(_drawn_from(run, facts) for run in runs)),
        Table("Makers and field strengths of the pictures", "SPIDER's mid-sagittal pictures, in brackets those of "
              "held-out patients", command, ("maker", "field, T", "patients", "T1", "T2", "T2 SPACE", "SPACE slices"),
              tuple(_coincidence(facts))),
    ]  # fmt: skip


def paired_points(ours: Sequence[Outcome], theirs: Sequence[Outcome], facts: Mapping[str, Facts]) -> str:
    """Share all right of ours less theirs on the same pictures, with its interval by patient, in percentage points."""
    other = {o.name: o for o in theirs}
    gains: dict[str, list[int]] = {}
    for o in ours:
        gains.setdefault(facts[o.name]["patient"], []).append(o.perfect - other[o.name].perfect)

    def mean(values: Sequence[int]) -> float:
        return 100 * sum(values) / len(values)

    low, high = by_patient(gains, mean)
    return f"{mean([v for own in gains.values() for v in own]):+.1f} ({low:+.1f} to {high:+.1f})"


def _cells(outcomes: Sequence[Outcome], facts: Mapping[str, Facts]) -> tuple[str, ...]:
    """The values of `_COLUMNS`."""
    seen = sum(set(o.seen) == set(o.visible) for o in outcomes)
    return (*level_cells.cells(outcomes, facts), level_cells.share(seen, len(outcomes)))


def _main_rows(run: Run, reference: Run, facts: Mapping[str, Facts]) -> Iterator[tuple[str, ...]]:
    for read, outcomes in _parts(run, facts):
        unseen = [o for o in outcomes if spider.held_out(facts[o.name]["patient"])]
        same = {o.name for o in unseen}
        theirs = [o for o in reference.outcomes if o.name in same]
        if unseen:
            row = (run.name, read, "held-out patients")
            yield (*row, run.name, *_cells(unseen, facts), paired_points(unseen, theirs, facts))
            yield (*row, REFERENCE, *_cells(theirs, facts), "-")
        if len(unseen) < len(outcomes):
            yield (run.name, read, "all patients", run.name, *_cells(outcomes, facts), "-")


def _parts(run: Run, facts: Mapping[str, Facts]) -> Iterator[tuple[str, list[Outcome]]]:
    """The group's mid-sagittal pictures, its SPACE slices, and for comparison the mid-sagittal ones outside of it."""
    assert run.group is not None
    own = [o for o in run.outcomes if run.group.has(facts[o.name])]
    names = {o.name for o in own}
    parts = {
        run.name: [o for o in own if o.kind != _SLICES],
        f"{run.name}, SPACE slices": [o for o in own if o.kind == _SLICES],
        "every other group": [o for o in run.outcomes if o.name not in names and o.kind != _SLICES],
    }
    yield from ((read, found) for read, found in parts.items() if found)


def _sequence_rows(run: Run, facts: Mapping[str, Facts]) -> Iterator[tuple[str, ...]]:
    """Of makers and field strengths; a sequence has one."""
    assert run.group is not None
    if run.group.key == "sequence":
        return
    for sequence in ("t1", "t2", "t2_SPACE"):
        own = [
            o for o in run.outcomes
            if run.group.has(facts[o.name]) and facts[o.name]["sequence"] == sequence and o.kind != _SLICES
        ]  # fmt: skip
        if own:
            yield (run.name, sequence, "all patients", *_cells(own, facts))


def _drawn_from(run: Run, facts: Mapping[str, Facts]) -> tuple[str, ...]:
    own = [name for name in run.trained_on if name in facts]
    slices = sum(facts[name]["folder"] == spider.SPACE for name in own)
    return run.name, str(len({facts[n]["patient"] for n in own})), str(len(own) - slices), str(slices)


def _coincidence(facts: Mapping[str, Facts]) -> Iterator[tuple[str, ...]]:
    kinds = [(spider.MIDSAGITTAL, s) for s in ("t1", "t2", "t2_SPACE")] + [(spider.SPACE, "t2_SPACE")]
    for maker, field in sorted({(f["maker"], f["field, T"]) for f in facts.values()}):
        own = [f for f in facts.values() if (f["maker"], f["field, T"]) == (maker, field)]
        counts = [_counted([f["patient"] for f in own if (f["folder"], f["sequence"]) == kind]) for kind in kinds]
        yield (maker, field, _counted({f["patient"] for f in own}), *counts)


def _counted(patients: Collection[str]) -> str:
    return f"{len(patients)} ({sum(map(spider.held_out, patients))})"
