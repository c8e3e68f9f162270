"""Passages: what the assistant may say, word for word, each with its source. Pure: text in, values out.

A file of passages is Markdown. `# Topic`, then for each passage `## Title`, a line `id: word`, a line `also: …` (other
words people ask with; never shown), the text, and a last paragraph `Source: …`; several sources are parted by semicolons.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BETWEEN_SOURCES = re.compile(r";\s+(?!\d)")
"""Not the semicolon of `N Engl J Med 2008; 358:818`."""
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Passage:
    """One answer, as it was written. It cannot be built without a source."""

    id: str
    topic: str
    title: str
    text: str
    also: str
    sources: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} is no name of a passage")
        if not (self.topic and self.title and self.text and self.sources and all(self.sources)):
            raise ValueError(f"passage {self.id} lacks its topic, title, text or source")


def passages_of(markdown: str) -> tuple[Passage, ...]:
    """Every passage of one file, in order. Raises ValueError for one that is not whole."""
    head, *parts = re.split(r"^## ", markdown, flags=re.MULTILINE)
    topic = head.strip().removeprefix("# ").strip()
    return tuple(_passage(topic, part) for part in parts)


def _passage(topic: str, part: str) -> Passage:
    head, *body = [block.strip() for block in re.split(r"\n\s*\n", part.strip())]
    title, *lines = head.splitlines()
    keys = dict(line.split(": ", 1) for line in lines if ": " in line)
    if set(keys) != {"id", "also"} or not body or not body[-1].startswith("Source: "):
        raise ValueError(f"the passage {title!r} needs `id:` and `also:` first and its source last")
    sources = tuple(_BETWEEN_SOURCES.split(_line(body[-1]).removeprefix("Source: ").rstrip(".")))
    return Passage(keys["id"], topic, title, "\n\n".join(_line(b) for b in body[:-1]), keys["also"], sources)


def _line(block: str) -> str:
    return " ".join(block.split())
