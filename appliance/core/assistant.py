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

LEAST_SURE = 0.68
"""Below this none of the best passages answers: coverage and twice the likeness, less STRANGENESS of what is strange.
Tuned on the questions named so in benchmarks/assistant.py, towards refusing."""
STRANGENESS = 0.25
LEAST_NEAR = 0.2
"""Below this coverage a passage is not even offered by its title."""
NEAR_THE_BEST = 0.4
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
    """With UNKNOWN and ADVICE: titles that may be near, for the person to choose. They are no answer."""


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
        urgent = self._named(*URGENT) if sounds_urgent(words) else ()
        hits = self._index.search(question)[:MOST_SHOWN]
        near = tuple(h.passage for h in hits if h.coverage >= LEAST_NEAR)
        if asks_for_advice(words):
            told = (*urgent, *self._named("who-to-ask"))
            return Answer(Kind.ADVICE, told, tuple(p for p in near if p not in told))
        found = [h.passage for h in hits if h.score >= NEAR_THE_BEST * hits[0].score] if _is_enough(hits) else []
        if not (urgent or found):
            return Answer(Kind.UNKNOWN, offered=near)
        return Answer(Kind.ANSWERED, tuple(dict.fromkeys((*urgent, *found)))[:MOST_SHOWN])

    def _named(self, *names: str) -> tuple[Passage, ...]:
        return tuple(self._by_id[name] for name in names if name in self._by_id)


def _is_enough(hits: Sequence[Hit]) -> bool:
    return any(hit.coverage + 2 * hit.likeness - STRANGENESS * hit.strange >= LEAST_SURE for hit in hits)

