"""Work ahead changes the time, never the result."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from appliance.ahead import one_ahead


def test_the_same_items_in_the_same_order() -> None:
    with one_ahead(iter(range(5))) as items:
        assert list(items) == [0, 1, 2, 3, 4]
    with one_ahead(iter(())) as items:
        assert list(items) == []


def test_false_things_do_not_end_it_early() -> None:
    with one_ahead(iter([0, None, "", []])) as items:
        assert len(list(items)) == 4


def test_what_goes_wrong_in_the_thread_comes_out_here() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"), one_ahead(failing()) as items:
        list(items)


def test_leaving_early_is_allowed() -> None:
    with one_ahead(iter(range(1000))) as items:
        assert next(items) == 0
