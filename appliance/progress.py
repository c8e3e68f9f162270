"""Progress on the terminal: a bar where a person looks, a line a stage where a file does."""

from __future__ import annotations

from typing import TextIO

WIDTH = 24


class ProgressLine:
    """One line on `stream`, rewritten in place; `close` ends it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._live = stream.isatty()
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """`done` of `total` steps of one stage; a total of 0 means it is not known."""
        if self._live:
            self._stream.write(f"\r\033[K{self._bar(done, total)} {stage}")
        elif stage != self._stage:
            self._stream.write(f"{stage} …\n")
        self._stage = stage
        self._stream.flush()

    def close(self) -> None:
        """Leave the terminal as it was found."""
        if self._live and self._stage:
            self._stream.write("\r\033[K")
            self._stream.flush()

    @staticmethod
    def _bar(done: int, total: int) -> str:
        if total <= 0:
            return f"[{'·' * WIDTH}] {done:>4}"
        full = WIDTH * done // total
        return f"[{'█' * full}{'·' * (WIDTH - full)}] {done:>2}/{total}"
