"""Work one step ahead, in a thread: the next crops are cut while the grader, in native code, is busy with these."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def one_ahead(items: Iterator[T]) -> Iterator[Iterator[T]]:
    """The same items in the same order, each begun before it is asked for. What it raises comes out here."""
    with ThreadPoolExecutor(1, "ahead") as pool:
        yield _drain(items, pool)


def _drain(items: Iterator[T], pool: ThreadPoolExecutor) -> Iterator[T]:
    coming: Future[list[T]] = pool.submit(_next, items)
    while item := coming.result():
        coming = pool.submit(_next, items)
        yield item[0]


def _next(items: Iterator[T]) -> list[T]:
    """The next item in a list, or an empty list: a StopIteration must not cross threads."""
    for item in items:
        return [item]
    return []
