"""Texts that come ready-made in English, shown in the page's language. What they were made from is not changed."""

from __future__ import annotations

import json

from flask_babel import get_locale

from appliance.web.speech import Speech, speech_of
from appliance.web.told_texts import SCRIPTS


def here() -> Speech:
    """The language of the request at hand; English where there is none."""
    return speech_of(str(get_locale() or "en"))


def told(text: str) -> str:
    """`text` itself where the page speaks English or nobody wrote a translation."""
    return here().told(text)


def script_words() -> str:
    """For the scripts: English to the page's language as JSON; empty in English."""
    speech = here()
    if speech.language == "en":
        return ""
    return json.dumps({text: speech.message(text) for text in SCRIPTS}, ensure_ascii=False)
