"""One form for every measured table: written by the script that measured it, shown by `benchmarks.tables`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Table:
    """Numbers and what they stand on. A cell is text as it is shown."""

    title: str
    data: str
    """Which data and which split (by patient), and whether it is synthetic."""
    command: str
    """What anyone can run to get these numbers."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.title}: a row does not fit the columns")


def save(name: str, tables: Sequence[Table], folder: Path = FOLDER) -> Path:
    """`results/<name>.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps([asdict(t) for t in tables], indent=1, ensure_ascii=False) + "\n", "utf-8")
    return path


def load(name: str, folder: Path = FOLDER) -> tuple[Table, ...]:
    """Raises FileNotFoundError when it was never measured."""
    raw = json.loads((folder / f"{name}.json").read_text("utf-8"))
    return tuple(
        Table(t["title"], t["data"], t["command"], tuple(t["columns"]), tuple(tuple(row) for row in t["rows"]))
        for t in raw
    )


def markdown(tables: Sequence[Table]) -> str:
    """Each with its data and its command, so that no number stands alone."""
    return "\n\n".join(_markdown(t) for t in tables)


def _markdown(table: Table) -> str:
    head = f"**{table.title}** — {table.data}. From `{table.command}`."
    rule = "|".join("---" for _ in table.columns)
    lines = [" | ".join(row) for row in (table.columns, *table.rows)]
    body = "\n".join(f"| {line} |" for line in lines[1:])
    return f"{head}\n\n| {lines[0]} |\n|{rule}|\n{body}"
