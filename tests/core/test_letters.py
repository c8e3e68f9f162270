"""Texts alike by their letters, whatever a list of endings knows."""

from __future__ import annotations

import pytest

from appliance.core.letters import Letters


def test_another_form_of_a_word_is_near_and_a_stranger_is_not() -> None:
    share, spine = Letters(["renumbering the levels", "the lumbar spine"]).likeness("levels that were renumbered")
    assert share > 0.4 and spine < 0.2


def test_a_text_is_most_like_itself_and_nothing_is_like_nothing() -> None:
    letters = Letters(["foramen", "recess"])
    assert letters.likeness("Foramen") == pytest.approx([1, 0]) and letters.likeness("FORAMÉN")[0] == pytest.approx(1)
    assert letters.likeness("") == [0, 0] and letters.likeness("zzzz") == [0, 0] and Letters([]).likeness("x") == []


def test_letters_that_no_text_has_make_a_question_less_like_each() -> None:
    letters = Letters(["foramen", "recess"])
    assert letters.likeness("foramen of a quixotic zebra")[0] < letters.likeness("the foramen")[0]
