"""The passages that are shipped: each with a source that exists, every error code among them, and measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from appliance.core.assistant import Kind
from appliance.errors import Code
from appliance.knowledge import assistant
from benchmarks.assistant import SETS, UNSEEN, Question, ask, questions

ROOT = Path(__file__).resolve().parents[1]
OURS = re.compile(r"^(docs/\w+\.md|README\.md|ARCHITECTURE\.md|appliance/[\w/]+\.py|models_int8)\b")
PASSAGES = assistant().passages


def test_there_is_enough_to_ask_about() -> None:
    assert len(PASSAGES) >= 140 and len({p.topic for p in PASSAGES}) == 10


@pytest.mark.parametrize("passage", PASSAGES, ids=lambda p: p.id)
def test_a_source_of_our_own_exists(passage: object) -> None:
    manual = (ROOT / "appliance/web/manual.py").read_text("utf-8")
    for source in passage.sources:  # type: ignore[attr-defined]
        if found := OURS.match(source.removeprefix("Lumbarbox ")):
            assert (ROOT / found[1]).exists(), source
        if source.startswith("Lumbarbox manual, "):
            for section in re.findall(r'"([^"]+)"', source):
                assert f'"{section.rstrip(".")}"' in manual, f"the manual has no section {section}"


def test_every_error_code_is_explained_under_its_name() -> None:
    titles = " ".join(p.title for p in PASSAGES if p.id.startswith("error-"))
    found = set(re.findall(r"[a-z]+(?:_[a-z]+)*", " ".join(re.findall(r"\(([^)]+)\)", titles))))
    assert found | {"empty"} >= {code.value for code in Code}


def test_passages_stay_short_enough_to_read() -> None:
    assert all(len(p.text.split()) <= 110 for p in PASSAGES)


def test_no_passage_tells_anyone_to_take_or_give_anything() -> None:
    forbidden = re.compile(r"\b\d+ ?mg\b|\b(?:take|give) (?:a |the )?(?:pill|drug|dose|medicine)|should be operated")
    assert not [p.id for p in PASSAGES if forbidden.search(p.text.lower())]


def share(of: list[Question], right: str) -> float:
    found = ask(of, assistant())
    return sum(bool(getattr(o, right)) for o in found) / len(found)


def test_the_question_sets_are_large_enough_and_name_passages_that_exist() -> None:
    everything = [q for file in SETS for q in questions(file)]
    assert len(everything) >= 300 and len(questions(UNSEEN)) >= 100
    assert len({q.text for q in everything}) == len(everything)
    known = {p.id for p in PASSAGES}
    assert all(q.right <= known for q in everything)


def test_recall_and_refusals_do_not_fall_behind_what_was_measured() -> None:
    """Floors a little below benchmarks/results/assistant.json; not the measurement itself."""
    unseen = questions(UNSEEN)
    assert share([q for q in unseen if q.kind == "direct"], "one_is_right") >= 0.95
    assert share([q for q in unseen if q.kind == "paraphrased"], "one_is_right") >= 0.75
    assert share([q for q in unseen if q.kind == "paraphrased"], "one_is_offered") >= 0.85
    assert share([q for q in unseen if q.kind in ("out_of_scope", "hostile")], "refused") >= 0.85
    assert share([q for q in unseen if q.kind == "advice"], "refused") >= 0.98
    assert share([q for file in SETS if file != UNSEEN for q in questions(file) if q.kind == "advice"], "refused") == 1


def test_an_answer_to_a_question_about_a_person_is_never_a_medicine_or_an_operation() -> None:
    """Also where a question slips past the refusals: there is no passage that could advise."""
    for outcome in ask((q for f in SETS for q in questions(f) if q.kind == "advice"), assistant()):
        if outcome.answer.kind is Kind.ANSWERED:
            text = " ".join(p.text for p in outcome.answer.passages).lower()
            assert not re.search(r"\brecommend|\byou should (?:operate|inject|treat)", text)
