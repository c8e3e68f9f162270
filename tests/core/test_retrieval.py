"""Which passage a question is about: stems, lay words, slips of spelling, rarity."""

from __future__ import annotations

import pytest

from appliance.core.knowledge import Passage
from appliance.core.retrieval import LONGEST_QUESTION, Index, stem, stems


def passage(name: str, title: str, text: str) -> Passage:
    return Passage(name, "topic", title, text, "other words", ("a book",))


SHELF = (
    passage("disc", "The intervertebral disc", "A cushion of water between two bodies. Herniation is one that leaves."),
    passage("foramen", "The foramen", "Where a root leaves, surrounded by fat."),
    passage("share", "The shared folder", "Copy the study into it; the box has its own copy."),
)


PAIRS = (("discs", "disc"), ("grading", "grades"), ("copied", "copy"), ("leaves", "leave"), ("slices", "slice"))


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_endings_do_not_matter(one: str, other: str) -> None:
    assert stem(one) == stem(other) or stems(one) == stems(other)


def test_lay_words_and_slips_of_spelling_find_the_passage() -> None:
    index = Index(SHELF)
    for question in ("slipped disk", "the intervertebrl cushon", "HERNIATION?!", "what is a disc"):
        assert index.search(question)[0].passage.id == "disc", question


def test_a_slip_of_spelling_in_a_lay_word_is_understood() -> None:
    assert "foramen" in stems("foraminal")
    assert Index(SHELF).search("foramnal")[0].passage.id == "foramen"


def test_a_word_of_another_part_of_life_is_strange_unless_the_passage_is_about_it() -> None:
    knee = passage("knee", "The knee", "It lies between two bodies.")
    found = {hit.passage.id: hit.strange for hit in Index((*SHELF, knee)).search("disc of the knee")}
    assert found["disc"] > 0.3 and found["knee"] == 0


def test_a_rare_word_weighs_more_than_a_frequent_one() -> None:
    assert Index(SHELF).search("the fat of a body that leaves")[0].passage.id == "foramen"


def test_coverage_says_how_much_of_the_question_is_known() -> None:
    index = Index(SHELF)
    assert index.search("intervertebral disc")[0].coverage == pytest.approx(1)
    assert index.search("intervertebral disc in a zebra crossing")[0].coverage < 0.6
    assert index.search("zebra crossing") == () and index.search("") == () and index.search("?? …") == ()


def test_a_long_question_costs_no_more_than_a_short_one() -> None:
    index = Index(SHELF)
    assert index.search("x " * LONGEST_QUESTION + "disc") == ()
