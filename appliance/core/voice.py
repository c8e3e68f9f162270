"""The language something is told in, as those see it who lay it out: `web/speech.py` speaks the six of the box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Typeface:
    """Files of one family's letters."""

    regular: str
    bold: str


class Voice(Protocol):
    """Texts are looked up by their English; one that nobody translated stays English."""

    @property
    def language(self) -> str: ...
    @property
    def right_to_left(self) -> bool: ...
    def told(self, text: str) -> str:
        """A ready-made English text."""
        ...

    def say(self, message: str, **parts: object) -> str:
        """A message with `{name}` in it, its parts put in."""
        ...

    def percent(self, share: float) -> str: ...
    def day(self, text: str) -> str:
        """DICOM's `20260302`."""
        ...

    def moment(self, text: str) -> str:
        """ISO 8601."""
        ...


class English:
    """Needs no catalogue; dates as ISO writes them, the same everywhere."""

    language, right_to_left = "en", False

    def told(self, text: str) -> str:
        return text

    def say(self, message: str, **parts: object) -> str:
        return message.format(**parts)

    def percent(self, share: float) -> str:
        return f"{share:.0%}"

    def day(self, text: str) -> str:
        return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 else text

    def moment(self, text: str) -> str:
        return text[:16].replace("T", " ")


ENGLISH = English()
