"""Are the measured numbers stable? A second run beside the recorded one: `python -m benchmarks.again FOLDER`.

FOLDER is what `python -m benchmarks.accuracy --results FOLDER` wrote. A number that was recorded with its interval is
stable when the second run puts it inside; rows are matched by what stands in them beside such numbers. The exit status
is 1 when one lies outside, or a row is in only one of the two.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import FOLDER, Table, load, save

MEASURED = re.compile(r"(?P<value>[+-]?[\d.]+)%? \((?P<low>[+-]?[\d.]+)%?(?:-| to )(?P<high>[+-]?[\d.]+)%?\)")
"""`96.5% (90%-98%)`, `0.37 (0.33-0.40)`, `-1.8 (-5.6 to +0.0)`."""
ROUNDED = 0.5
"""Percent: ends of intervals of shares are shown without decimals."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One file of results, in numbers that have an interval."""

    name: str
    same: int
    """To the last digit."""
    inside: int
    outside: tuple[str, ...]
    lost: int
    """Rows that only one of the two has."""


def compared(name: str, before: Sequence[Table], after: Sequence[Table]) -> Compared:
    was, now = dict(_measured(before)), dict(_measured(after))
    both = [(key, was[key], now[key]) for key in was if key in now]
    inside = [key for key, old, new in both if old != new and is_inside(old, new)]
    outside = [f"{' / '.join(key)}: {old}, then {new}" for key, old, new in both if not is_inside(old, new)]
    same = len(both) - len(inside) - len(outside)
    return Compared(name, same, len(inside), tuple(outside), len(was.keys() ^ now.keys()))


def is_inside(before: str, after: str) -> bool:
    """Whether the second value lies in the first one's interval. What is the same is inside."""
    old, new = MEASURED.fullmatch(before), MEASURED.fullmatch(after)
    assert old and new
    slack = ROUNDED if "%" in before else 0.0
    return before == after or float(old["low"]) - slack <= float(new["value"]) <= float(old["high"]) + slack


def _measured(tables: Sequence[Table]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each number with an interval, by table, row and column."""
    for table in tables:
        for row in table.rows:
            names = [cell for cell in row if not MEASURED.fullmatch(cell)]
            yield from (
                ((table.title, *names, column), cell)
                for column, cell in zip(table.columns, row, strict=True)
                if MEASURED.fullmatch(cell)
            )


def table_of(found: Sequence[Compared], command: str) -> Table:
    rows = tuple((c.name, *map(str, (c.same, c.inside, len(c.outside), c.lost))) for c in found)
    columns = ("results", "the same to the last digit", "inside the recorded interval", "outside", "in one run only")
    return Table("The whole evaluation once more", "numbers recorded with an interval, from an empty `runs/evaluation`",
                 command, columns, rows)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.again", description=__doc__)
    parser.add_argument("folder", type=Path, help="results of the second run")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/again.json")
    args = parser.parse_args(arguments)
    names = sorted(p.stem for p in args.folder.glob("*.json") if (FOLDER / p.name).exists() and p.stem != "again")
    found = [compared(name, load(name), load(name, args.folder)) for name in names]
    found = [c for c in found if c.same or c.inside or c.outside or c.lost]
    for one in found:
        print(f"{one.name}: {one.same} the same, {one.inside} inside, {len(one.outside)} outside, {one.lost} in one only")
        print(*(f"  {line}" for line in one.outside), sep="\n", end="\n" if one.outside else "")
    if args.record:
        save("again", [table_of(found, "python -m benchmarks.again FOLDER --record")])
    return int(any(one.outside or one.lost for one in found))


if __name__ == "__main__":
    sys.exit(main())
