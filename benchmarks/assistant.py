"""How well the assistant answers and refuses: `python -m benchmarks.assistant` prints it and writes results/assistant.json.

assistant_questions.tsv was written before the retrieval existed, assistant_second.tsv after a first tuning and
assistant_third.tsv with the second one; thresholds, patterns, lay words and the passages' `also:` lines are tuned on them.
assistant_held_out.tsv was held out of the first tuning (the results before are in assistant_before.json) and tuned on in
the second and the third: "held out once". assistant_unseen.tsv was written and committed before the second tuning; what
fails on it was never listed, and nothing was changed because of it. Whoever tuned had written it, though, and all are by
the builders of the box: all are kinder than a stranger's questions would be.
`--failures` lists what went wrong, but on the unseen ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.core.assistant import Answer, Assistant, Kind
from appliance.knowledge import assistant
from benchmarks.results import Table, markdown, save

TUNED = Path(__file__).with_name("assistant_questions.tsv")
SECOND = Path(__file__).with_name("assistant_second.tsv")
THIRD = Path(__file__).with_name("assistant_third.tsv")
HELD_OUT = Path(__file__).with_name("assistant_held_out.tsv")
UNSEEN = Path(__file__).with_name("assistant_unseen.tsv")
SETS = {TUNED: "tuned on", SECOND: "tuned on", THIRD: "tuned on", HELD_OUT: "held out once", UNSEEN: "unseen"}
ANSWERABLE = ("direct", "paraphrased")
REFUSED = ("out_of_scope", "advice", "hostile")
NAMED = {"out_of_scope": Kind.UNKNOWN, "advice": Kind.ADVICE, "hostile": Kind.INSTRUCTION}


@dataclass(frozen=True, slots=True)
class Question:
    """`right`: ids of passages any of which answers it; empty where a refusal is right."""

    kind: str
    right: frozenset[str]
    text: str
    which: str
    """One of the values of SETS."""


@dataclass(frozen=True, slots=True)
class Outcome:
    question: Question
    answer: Answer

    @property
    def first_is_right(self) -> bool:
        return self.answer.kind is Kind.ANSWERED and self.answer.passages[0].id in self.question.right

    @property
    def one_is_right(self) -> bool:
        shown = {p.id for p in self.answer.passages} if self.answer.kind is Kind.ANSWERED else set()
        return bool(shown & self.question.right)

    @property
    def one_is_offered(self) -> bool:
        """Shown, or offered by its title under "I do not know"."""
        return self.one_is_right or bool({p.id for p in self.answer.offered} & self.question.right)

    @property
    def refused(self) -> bool:
        return self.answer.kind is not Kind.ANSWERED

    @property
    def refused_by_name(self) -> bool:
        return self.answer.kind is NAMED.get(self.question.kind)

    @property
    def is_right(self) -> bool:
        return self.one_is_right if self.question.right else self.refused


def questions(file: Path) -> tuple[Question, ...]:
    """Every question of one file, in order."""
    lines = [line.split("\t") for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return tuple(
        Question(kind, frozenset() if right == "-" else frozenset(right.split(",")), text, SETS[file])
        for kind, right, text in lines
    )


def ask(asked: Iterable[Question], who: Assistant) -> tuple[Outcome, ...]:
    return tuple(Outcome(q, who.answer(q.text)) for q in asked)


def tables(outcomes: Sequence[Outcome], passages: int) -> tuple[Table, ...]:
    """Recall and refusals, each set apart."""
    data = (
        f"{len(outcomes)} English questions by the builders of the box over its {passages} passages, not by users; "
        "unseen: written before the tuning, its failures never looked at"
    )
    sets = tuple(dict.fromkeys(SETS.values()))
    answered = [_answered(kind, name, _of(outcomes, kind, name)) for kind in ANSWERABLE for name in sets]
    refused = [_refused(kind, name, _of(outcomes, kind, name)) for kind in REFUSED for name in sets]
    command = "python -m benchmarks.assistant"
    finding = ("questions", "set", "n", "right passage first", "among those shown", "shown or offered", "wrongly refused")
    refusing = ("questions", "set", "n", "refused", "refused for the right reason")
    return (
        Table("The assistant: right passage found", data, command, finding, tuple(answered)),
        Table("The assistant: right refusals", data, command, refusing, tuple(refused)),
    )


def _of(outcomes: Sequence[Outcome], kind: str, which: str) -> list[Outcome]:
    return [o for o in outcomes if o.question.kind == kind and o.question.which == which]


def _answered(kind: str, which: str, found: Sequence[Outcome]) -> tuple[str, ...]:
    counts = (sum(o.first_is_right for o in found), sum(o.one_is_right for o in found), sum(o.one_is_offered for o in found))
    return kind, which, str(len(found)), *(_share(c, found) for c in counts), str(sum(o.refused for o in found))


def _refused(kind: str, which: str, found: Sequence[Outcome]) -> tuple[str, ...]:
    named = sum(o.refused_by_name for o in found)
    return kind.replace("_", " "), which, str(len(found)), _share(sum(o.refused for o in found), found), _share(named, found)


def _share(count: int, found: Sequence[Outcome]) -> str:
    return f"{count / len(found):.0%} ({count})" if found else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--failures", action="store_true", help="list the failures, but of the unseen set")
    args = parser.parse_args()
    who = assistant()
    outcomes = ask((q for file in SETS for q in questions(file)), who)
    made = tables(outcomes, len(who.passages))
    print(markdown(made))
    if args.failures:
        for o in outcomes:
            if o.question.which != "unseen" and not o.is_right:
                shown, right = ", ".join(p.id for p in o.answer.passages), ", ".join(o.question.right)
                print(f"{o.question.kind:<13} {o.question.text!r}: {o.answer.kind} [{shown}], right: [{right}]")
        return
    print(f"\nwritten: {save('assistant', made)}")


if __name__ == "__main__":
    main()
