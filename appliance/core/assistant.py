"""The assistant: a question in, written passages out. Pure, and so without power.

It holds passages and nothing else: no study, no report, no ledger, no file. Whatever a question says, the answer is
one of four kinds, and every word of it was written beforehand. So there is nothing an instruction could make it do;
recognising one only gives it a clearer refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from appliance.core.knowledge import Passage
from appliance.core.refusals import asks_for_advice, gives_an_order, sounds_urgent
from appliance.core.retrieval import LONGEST_QUESTION, Hit, Index

LEAST_COVERAGE = 0.45
LEAST_SCORE = 3.0
"""Below either a passage does not answer. Both tuned on benchmarks/assistant_questions.tsv, towards refusing."""
LEAST_NEAR = 0.2
"""Below this a passage is not even offered by its title."""
NEAR_THE_BEST = 0.6
MOST_SHOWN = 3
URGENT = ("cauda-equina-syndrome",)
"""Shown first whenever a question names a sign of it, whatever else was asked."""


class Kind(StrEnum):
    ANSWERED = "answered"
    UNKNOWN = "unknown"
    ADVICE = "advice"
    """Asked for a decision about a person: refused, and told who decides."""
    INSTRUCTION = "instruction"
    """Asked for a deed: refused, there is none it can do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`passages` best first: what was asked for, or, in a refusal, whom to turn to."""

    kind: Kind
    passages: tuple[Passage, ...] = ()
    offered: tuple[Passage, ...] = ()
    """With UNKNOWN: titles that may be near, for the person to choose. They are no answer."""


class Assistant:
    """Made once; the same question always gets the same answer."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._by_id = {p.id: p for p in passages}
        if len(self._by_id) != len(passages):
            raise ValueError("two passages have the same id")
        self._index = Index(passages)

    @property
    def passages(self) -> tuple[Passage, ...]:
        return tuple(self._by_id.values())

    def find(self, passage_id: str) -> Passage | None:
        return self._by_id.get(passage_id)

    def answer(self, question: str) -> Answer:
        """From passages only."""
        words = " ".join(question[:LONGEST_QUESTION].lower().split())
        if gives_an_order(words):
            return Answer(Kind.INSTRUCTION, self._named("hidden-instructions"))
        if asks_for_advice(words):
            return Answer(Kind.ADVICE, self._named(*(URGENT if sounds_urgent(words) else ()), "who-to-ask"))
        hits = self._index.search(question)
        found = [h.passage for h in hits if h.score >= NEAR_THE_BEST * hits[0].score and _is_enough(h)]
        if sounds_urgent(words):
            found = [*self._named(*URGENT), *found]
        if not found:
            return Answer(Kind.UNKNOWN, offered=tuple(h.passage for h in hits if h.coverage >= LEAST_NEAR)[:MOST_SHOWN])
        return Answer(Kind.ANSWERED, tuple(dict.fromkeys(found))[:MOST_SHOWN])

    def _named(self, *names: str) -> tuple[Passage, ...]:
        return tuple(self._by_id[name] for name in names if name in self._by_id)


def _is_enough(hit: Hit) -> bool:
    return hit.coverage >= LEAST_COVERAGE and hit.score >= LEAST_SCORE

