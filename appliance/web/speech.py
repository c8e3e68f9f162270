"""One language of the box, by its catalogue and Babel; no request is needed, so the reader speaks it too.

A text that holds numbers or names is found by its pattern in `told_texts.py`; what stands for `{name}` is looked up in
its turn.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime
from functools import cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_decimal, format_percent
from babel.support import NullTranslations, Translations

from appliance.web.told_texts import ALL

CATALOGUES = Path(__file__).with_name("translations")
DEEPEST = 4
"""Texts inside texts: `Could not be read: {reason}` holds a reason that holds a file name."""


@cache
def speech_of(language: str) -> Speech:
    """A key of `language.LANGUAGES`."""
    return Speech(language)


class Speech:
    """Fits `core.voice.Voice`."""

    def __init__(self, language: str) -> None:
        self.language, self.locale = language, Locale(language)
        self._words: NullTranslations = Translations.load(CATALOGUES, [language])

    @property
    def right_to_left(self) -> bool:
        return self.locale.text_direction == "rtl"

    def told(self, text: str, depth: int = 0) -> str:
        """`text` itself in English, or where nobody wrote a translation."""
        if not text or self.language == "en" or depth > DEEPEST:
            return text
        found = self.message(text)
        if found != text:
            return found
        for pattern, message in _patterns():
            match = pattern.fullmatch(text)
            if match:
                parts = {name: self.told(part, depth + 1) for name, part in match.groupdict().items()}
                return self.say(message, **parts)
        return text

    def say(self, message: str, **parts: object) -> str:
        return self.message(message).format(**parts)

    def message(self, text: str) -> str:
        """Its `{name}`s still in it."""
        return str(self._words.gettext(text))

    def when(self, at: datetime) -> str:
        """In the box's own time, whatever zone the time carries."""
        day = format_date(at.date(), "medium", self.locale)
        time = format_time(at.replace(tzinfo=None), "HH:mm", locale=self.locale)
        return str(self.locale.datetime_formats["medium"]).format(time, day)

    def moment(self, text: str) -> str:
        """ISO 8601, as report.json has it."""
        with suppress(ValueError):
            return self.when(datetime.fromisoformat(text))
        return text

    def day(self, text: str) -> str:
        """DICOM's 20260302 as people write it; anything else as it stands."""
        with suppress(ValueError):
            day = date.fromisoformat(text) if len(text) == 8 else datetime.fromisoformat(text)
            return str(format_date(day, "medium", self.locale))
        return text

    def number(self, value: float, digits: int = 0) -> str:
        pattern = f"#,##0.{'0' * digits}" if digits else "#,##0"
        return str(format_decimal(round(value, digits), pattern, self.locale))

    def percent(self, share: float, digits: int = 0) -> str:
        """0.8 as `80%`, as the language writes it."""
        pattern = self.locale.percent_formats[None].pattern
        return str(format_percent(share, pattern.replace("##0", f"##0.{'0' * digits}") if digits else pattern, self.locale))


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
