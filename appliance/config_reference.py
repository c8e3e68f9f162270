"""The tables of docs/config.md, made from the keys: `python -m appliance.config_reference` writes them anew.

`--check` only looks, and exits 1 when the document is behind.
"""

from __future__ import annotations

import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from appliance.config import PREFIX
from appliance.config_keys import SECTIONS

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "config.md"
BEGIN, END = "<!-- keys -->\n", "<!-- /keys -->"

UNITS = {"_seconds": "s", "_hours": "h", "_days": "d", "_mb": "MB"}
"""By the ending of a key's name. One MB is 1,048,576 bytes."""


def reference() -> str:
    """A table for each section."""
    return "\n".join(_section(name, cls) for name, cls in SECTIONS.items())


def renewed(text: str) -> str:
    """`text` with what stands between the two marks replaced."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{reference()}{END}{after}"


def environment_name(section: str, key: str) -> str:
    """`LUMBARBOX_WEB_PORT` of `web.port`."""
    return f"{PREFIX}{section}_{key}".upper()


def main(check: bool) -> int:
    """Exit status: 1 when `check` finds the document behind."""
    old = DOCUMENT.read_text("utf-8")
    new = renewed(old)
    if new != old:
        print(f"{'behind' if check else 'written'}: {DOCUMENT}")
        if not check:
            DOCUMENT.write_text(new, "utf-8")
    return int(check and new != old)


def _section(name: str, cls: type[Any]) -> str:
    head = "| key | default | range | meaning | in the environment |\n|---|---|---|---|---|"
    rows = [_row(name, spec) for spec in fields(cls)]
    return "\n".join([f"## `[{name}]`", "", str(cls.__doc__), "", head, *rows, ""])


def _row(section: str, spec: Any) -> str:
    default = json.dumps(list(spec.default) if isinstance(spec.default, tuple) else spec.default)
    unit = next((f" {unit}" for ending, unit in UNITS.items() if spec.name.endswith(ending)), "")
    cells = (
        f"`{section}.{spec.name}`",
        f"`{default}`{unit}",
        _range(spec, unit),
        spec.metadata["text"],
        f"`{environment_name(section, spec.name)}`",
    )
    return f"| {' | '.join(cells)} |"


def _range(spec: Any, unit: str) -> str:
    low, high, choices = (spec.metadata[k] for k in ("low", "high", "choices"))
    if choices:
        return ", ".join(choices)
    return f"{low:,} – {high:,}{unit}" if low is not None else ""


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
