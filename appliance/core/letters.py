"""How alike two texts are by their runs of four letters. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from math import log, sqrt

RUN = 4
_WORD = re.compile(r"[a-z0-9]+")


def plain(text: str) -> str:
    """Lower case, without accents."""
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()


class Letters:
    """Texts, each as a vector of its runs, weighed by rarity. Made once, asked often."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [_runs(text) for text in texts]
        within = Counter(run for found in counts for run in found)
        self._rarity = {run: log(1 + len(texts) / have) for run, have in within.items()}
        self._unknown = log(1 + len(texts))
        self._where: dict[str, list[tuple[int, float]]] = {}
        lengths = [sqrt(sum(self._weight(run, n) ** 2 for run, n in found.items())) for found in counts]
        for number, found in enumerate(counts):
            for run, n in found.items():
                self._where.setdefault(run, []).append((number, self._weight(run, n) / lengths[number]))
        self._size = len(texts)

    def likeness(self, question: str) -> list[float]:
        """The cosine with each text, 0 to 1."""
        asked = {run: self._weight(run, n) for run, n in _runs(question).items()}
        length = sqrt(sum(weight**2 for weight in asked.values())) or 1.0
        found = [0.0] * self._size
        for run, weight in asked.items():
            for number, there in self._where.get(run, ()):
                found[number] += weight * there / length
        return found

    def _weight(self, run: str, count: int) -> float:
        return (1 + log(count)) * self._rarity.get(run, self._unknown)


def _runs(text: str) -> Counter[str]:
    line = f" {' '.join(_WORD.findall(plain(text)))} "
    return Counter(line[at : at + RUN] for at in range(len(line) - RUN + 1))
