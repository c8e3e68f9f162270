"""Which passages a question is about: Okapi BM25 over stems and a likeness of letters, lay words understood. Pure.

BM25 as in Robertson and Zaragoza, The probabilistic relevance framework: BM25 and beyond (2009), with its usual
k1 and b. The likeness is the cosine of runs of four letters (core/letters.py); it finds other forms of a word that no
list of endings knows. `coverage` says how much of the question a passage knows; "I do not know" rests on both.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import log

from appliance.core.knowledge import Passage
from appliance.core.lay_words import COMMON, ELSEWHERE, PHRASES, STOP_WORDS, SYNONYMS
from appliance.core.letters import Letters, plain

K1, B = 1.2, 0.75
TITLE_WEIGHT = 3
"""A word of the title counts as this many in the text."""
LEAST_TO_CORRECT = 5
"""Shorter unknown words are not taken for slips of spelling: too many others are near."""
NEAR = 0.82
BODY_SHARE = 0.4
"""How much of a word is covered that stands in the text only, not in the title or among the words people ask with."""
COMMON_WEIGHT = 0.5
"""What an everyday word counts for coverage."""
LIKENESS_WEIGHT = 20.0
"""What a likeness of 1 adds to BM25."""
LONGEST_QUESTION = 500
"""Letters; the rest is not looked at."""

_WORD = re.compile(r"[a-z0-9]+(?:[/_][a-z0-9]+)*")
_ENDINGS = (
    ("ization", "ize"), ("isation", "ize"), ("isations", "ize"), ("ational", "ate"), ("ations", ""), ("ation", ""),
    ("nesses", ""), ("ness", ""), ("ically", ""), ("ings", ""), ("ing", ""), ("edly", ""), ("ied", "y"),
    ("ies", "y"), ("ed", ""), ("ers", ""), ("er", ""), ("ally", ""), ("ly", ""), ("ities", ""), ("ity", ""),
    ("es", ""), ("s", ""), ("e", ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that shares words with a question."""

    passage: Passage
    score: float
    """BM25 and likeness; larger is nearer."""
    coverage: float
    """0 to 1: the part of the question's words, weighed by rarity, that the passage knows."""
    likeness: float
    """0 to 1: how alike the letters of the question and of the passage's title and other words are."""
    strange: float
    """0 to 1: the part of the question, weighed as above, that says it is about something else: words no passage is asked
    for with, and words of another part of life that this one is not."""


class Index:
    """Made once over all passages; asked often. Holds nothing of a question."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = tuple(passages)
        self._heads = [frozenset(stems(f"{p.title} {p.also}")) for p in self._passages]
        self._counts = [_weighted(p) for p in self._passages]
        self._lengths = [sum(c.values()) for c in self._counts]
        self._mean = sum(self._lengths) / max(len(self._lengths), 1)
        self._within = Counter(stem for counts in self._counts for stem in counts)
        self._asked_with = frozenset(stem for head in self._heads for stem in head)
        self._words = sorted({*SYNONYMS, *(w for p in passages for w in _words(f"{p.title} {p.also} {p.text}"))})
        self._letters = Letters([f"{p.title} {p.also}" for p in self._passages])

    def search(self, question: str, most: int = 5) -> tuple[Hit, ...]:
        """The nearest passages, best first; none when no word of the question is known."""
        asked = self._asked(question)
        total = sum(self._weight(stem) for stem in asked)
        alike = self._letters.likeness(question[:LONGEST_QUESTION])
        hits = [
            Hit(
                passage,
                self._score(asked, n) + LIKENESS_WEIGHT * alike[n],
                self._coverage(asked, n, total),
                alike[n],
                self._strange(asked, n, total),
            )
            for n, passage in enumerate(self._passages)
            if any(stem in self._counts[n] for stem in asked)
        ]
        return tuple(sorted(hits, key=lambda h: (-h.score, h.passage.id))[:most])

    def _asked(self, question: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(stems(question[:LONGEST_QUESTION], self._spelt)))

    def _spelt(self, word: str) -> str:
        """An unknown word as the known one it is a slip of, else as it stands."""
        if word in SYNONYMS or stem(word) in self._within or len(word) < LEAST_TO_CORRECT or not word.isalpha():
            return word
        if word in STOP_WORDS or word in COMMON or word in ELSEWHERE:
            return word
        return next(iter(get_close_matches(word, self._words, 1, NEAR)), word)

    def _rarity(self, stem: str) -> float:
        """Inverse document frequency; a word no passage knows is the rarest of all."""
        have = self._within.get(stem, 0)
        return log(1 + (len(self._passages) - have + 0.5) / (have + 0.5))

    def _score(self, asked: Sequence[str], number: int) -> float:
        counts, norm = self._counts[number], 1 - B + B * self._lengths[number] / self._mean
        return sum(
            self._rarity(stem) * counts[stem] * (K1 + 1) / (counts[stem] + K1 * norm) for stem in asked if stem in counts
        )

    def _coverage(self, asked: Sequence[str], number: int, total: float) -> float:
        known = sum(self._weight(stem) * self._share(stem, number) for stem in asked)
        return known / total if total else 0.0

    def _strange(self, asked: Sequence[str], number: int, total: float) -> float:
        """Everyday words say nothing of what a question is about."""
        strange = sum(self._weight(stem) for stem in asked if self._is_strange(stem, number))
        return strange / total if total else 0.0

    def _is_strange(self, stem: str, number: int) -> bool:
        if stem in _ELSEWHERE_STEMS:
            return stem not in self._heads[number]
        return stem not in self._asked_with and stem not in _COMMON_STEMS

    def _weight(self, stem: str) -> float:
        """How much a word counts for coverage: its rarity, less for everyday words."""
        return self._rarity(stem) * (COMMON_WEIGHT if stem in _COMMON_STEMS else 1.0)

    def _share(self, stem: str, number: int) -> float:
        if stem in self._heads[number]:
            return 1.0
        return BODY_SHARE if stem in self._counts[number] else 0.0


def stems(text: str, spelt: Callable[[str], str] = str) -> list[str]:
    """Words without their endings, lay words as the field's own; what carries no meaning is left out."""
    line = " ".join(_words(text))
    for lay, proper in PHRASES.items():
        line = re.sub(rf"\b{lay}\b", proper, line)
    words = [SYNONYMS.get(word, word) for word in map(spelt, line.split())]
    return [stem(part) for word in words for part in word.split() if part not in STOP_WORDS]


def _words(text: str) -> list[str]:
    return _WORD.findall(plain(text))


def stem(word: str) -> str:
    """English endings cut off; at least three letters stay. `foramina` and other Latin plurals are in the lay words."""
    if not word.isalpha():
        return word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            cut = word[: -len(ending)] + instead
            return cut[:-1] if len(cut) > 3 and cut[-1] == cut[-2] and cut[-1] not in "ls" else cut
    return word


def _weighted(passage: Passage) -> Counter[str]:
    counts = Counter(stems(passage.text))
    for word in stems(f"{passage.title} {passage.also}"):
        counts[word] += TITLE_WEIGHT
    return counts


_COMMON_STEMS = frozenset(stem(word) for word in COMMON)
_ELSEWHERE_STEMS = frozenset(stem(word) for word in ELSEWHERE)
