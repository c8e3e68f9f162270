"""Puts the measured tables into the documents: `python -m benchmarks.tables` writes, `--check` only looks.

A document holds `<!-- results:NAME -->` … `<!-- /results -->`; what stands between is replaced.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from benchmarks.results import FOLDER, load, markdown

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"(<!-- results:([a-z0-9_-]+) -->\n).*?(\n?<!-- /results -->)", re.DOTALL)


def documents(root: Path = ROOT) -> list[Path]:
    """Every Markdown file that asks for a table."""
    folders = ("*.md", "docs/*.md", "benchmarks/*.md", "models_int8/*/*.md")
    found = [path for pattern in folders for path in root.glob(pattern)]
    return [path for path in found if BLOCK.search(path.read_text("utf-8"))]


def filled(text: str, results: Path = FOLDER) -> str:
    """`text` with every block renewed from `results`."""
    return BLOCK.sub(lambda m: f"{m[1]}{markdown(load(m[2], results))}{m[3]}", text)


def main(check: bool) -> int:
    """Exit status: 1 when `check` finds a stale document."""
    stale = [path for path in documents() if filled(path.read_text("utf-8")) != path.read_text("utf-8")]
    for path in stale:
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}")
        if not check:
            path.write_text(filled(path.read_text("utf-8")), "utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
