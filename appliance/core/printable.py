"""File names as any screen, database and message takes them. Pure.

On Linux a name is bytes: one that is no UTF-8 (an umlaut of an old Windows program) reaches Python with lone surrogates,
which nothing that writes text accepts.
"""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_UNDECODABLE = re.compile("[\udc80-\udcff]")
_KEPT = re.compile("//([0-9a-f]{2})")


def printable(text: str) -> str:
    """For people: on one line, with � for what is no letter."""
    return _CONTROL.sub(" ", _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text))


def as_text(path: str) -> str:
    """A relative path, or several joined by `/`, as text that can be kept; `from_text` gives back the very same.

    `//` stands in no such path, so it marks a byte that is no letter.
    """
    return _UNDECODABLE.sub(lambda found: f"//{ord(found.group()) - 0xDC00:02x}", path)


def from_text(text: str) -> str:
    """What `as_text` was given."""
    return _KEPT.sub(lambda found: chr(0xDC00 + int(found.group(1), 16)), text)
