"""Texts that come ready-made in English, shown in the page's language. What they were made from is not changed.

A text that holds numbers or names is found by its pattern; what stands for `{name}` is looked up in its turn.
"""

from __future__ import annotations

import json
import re
from functools import cache

from flask_babel import get_locale, gettext

from appliance.web.told_texts import ALL, SCRIPTS

DEEPEST = 4
"""Texts inside texts: `Could not be read: {reason}` holds a reason that holds a file name."""


def told(text: str, depth: int = 0) -> str:
    """`text` itself where the page speaks English or nobody wrote a translation."""
    if not text or str(get_locale()) == "en" or depth > DEEPEST:
        return text
    found = gettext(text)
    if found != text:
        return str(found)
    for pattern, message in _patterns():
        match = pattern.fullmatch(text)
        if match:
            parts = {name: told(part, depth + 1) for name, part in match.groupdict().items()}
            return str(gettext(message)).format(**parts)
    return text


def script_words() -> str:
    """For the scripts: English to the page's language as JSON; empty in English."""
    if str(get_locale()) == "en":
        return ""
    return json.dumps({text: str(gettext(text)) for text in SCRIPTS}, ensure_ascii=False)


def lines_of(text: str) -> re.Pattern[str]:
    """What matches any text made by this pattern."""
    parts = re.split(r"\{(\w+)\}", text)
    made = "".join(f"(?P<{part}>.+?)" if n % 2 else re.escape(part) for n, part in enumerate(parts))
    return re.compile(made, re.DOTALL)


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those that say most first: `{outcome}. These images …` before `{place} cannot be used. {why}`."""
    texts = [text for text in ALL if "{" in text]
    return tuple((lines_of(t), t) for t in sorted(texts, key=lambda t: -len(re.sub(r"\{\w+\}", "", t))))
