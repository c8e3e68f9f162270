"""What made each SPIDER picture (maker, scanner, field, sequence, thickness), and the groups that can be left out whole.

Pure but for reading the two `index.csv`. A picture whose facts are not known is an error, never "not of the group".
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from export.datasets import spider

Facts = Mapping[str, str]
"""Of one picture: the keys of `KEYS`, its `patient`, and `folder` (`spider.MIDSAGITTAL` or `spider.SPACE`)."""
KEYS = {"sequence": "sequence", "maker": "manufacturer", "scanner": "model", "field, T": "field_tesla",
        "slice thickness, mm": "slice_thickness_mm"}  # fmt: skip
MAKERS = {"SIEMENS": "Siemens", "Philips Healthcare": "Philips", "Philips Medical Systems": "Philips"}
_SPACE = "t2_SPACE"


@dataclass(frozen=True, slots=True)
class Group:
    """Every picture whose fact `key` is `value`."""

    name: str
    key: str
    value: str

    def has(self, facts: Facts) -> bool:
        return facts[self.key] == self.value


GROUPS = (
    Group("Philips", "maker", "Philips"),
    Group("Siemens", "maker", "Siemens"),
    Group("T1", "sequence", "t1"),
    Group("T2 SPACE", "sequence", _SPACE),
    Group("T2", "sequence", "t2"),
    Group("3 T", "field, T", "3.0"),
    Group("1.5 T", "field, T", "1.5"),
)
"""One maker, one sequence, one field strength at a time."""


def facts_of(data: Path) -> dict[str, Facts]:
    """Image name to its facts, both SPIDER folders under `data`; makers by one name each.

    The masked SPACE slices carry no header of their own: they have the scanner of their patient's mid-sagittal
    pictures, of whom SPIDER has one examination each. Raises KeyError for a patient without one.
    """
    rows = _rows(data / spider.MIDSAGITTAL / "index.csv")
    facts = {
        row["image"]: {
            "patient": row["patient"], "folder": spider.MIDSAGITTAL,
            **{name: _plain(row[key]) for name, key in KEYS.items()},
        }
        for row in rows
    }  # fmt: skip
    # A patient's SPACE row last: where there is one its thickness is that of the slices too.
    rows.sort(key=lambda row: row["sequence"] == _SPACE)
    of_patient = {row["patient"]: facts[row["image"]] for row in rows}
    for row in _rows(data / spider.SPACE / "index.csv"):
        facts[row["image"]] = {**of_patient[row["patient"]], "sequence": _SPACE, "folder": spider.SPACE}
    return dict(facts)


def _plain(value: str) -> str:
    """Header spellings to words: makers by name, thickness to a tenth."""
    if value in MAKERS:
        return MAKERS[value]
    try:
        return f"{float(value):.1f}"
    except ValueError:
        return value


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
