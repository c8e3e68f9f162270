"""What the assistant knows: passages written for this box, each with its source, as Markdown files beside this one."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from appliance.core.assistant import Assistant
from appliance.core.knowledge import passages_of

FOLDER = Path(__file__).resolve().parent


@cache
def assistant() -> Assistant:
    """Over every passage shipped."""
    files = sorted(FOLDER.glob("*.md"))
    return Assistant([passage for file in files for passage in passages_of(file.read_text("utf-8"))])
