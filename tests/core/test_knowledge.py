"""Passages read from their files: whole with a source, or refused."""

from __future__ import annotations

import pytest

from appliance.core.knowledge import Passage, passages_of

TWO = """# Fruit

## Apples
id: apples
also: pomes

They grow
on trees.

They are round.

Source: A Book of Fruit, J Fruit 2008; 358:818; Another.

## Pears
id: pears
also: pyrus

They too.

Source: A Book of Fruit.
"""


def test_a_file_gives_its_passages_with_their_sources() -> None:
    apples, pears = passages_of(TWO)
    sources = ("A Book of Fruit, J Fruit 2008; 358:818", "Another")
    text = "They grow on trees.\n\nThey are round."
    assert apples == Passage("apples", "Fruit", "Apples", text, "pomes", sources)
    assert pears.topic == "Fruit" and pears.sources == ("A Book of Fruit",)


@pytest.mark.parametrize("lost", ["Source: A Book of Fruit.\n", "id: pears\n", "also: pyrus\n", "They too.\n\n"])
def test_a_passage_that_is_not_whole_is_refused(lost: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)pears"):
        passages_of(TWO.replace(lost, "") if lost != "Source: A Book of Fruit.\n" else TWO.removesuffix(lost))
