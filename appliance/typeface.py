"""The letters the sheet and the pictures are printed in: DejaVu, from Debian's `fonts-dejavu-core`.

It holds Latin, Greek, Cyrillic and Arabic, and its licence lets it lie inside a PDF. It is not shipped with the box:
Debian keeps it. Without it the sheet is printed in the fonts every PDF reader has, which know no Arabic.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from appliance.core.voice import ENGLISH, Typeface, Voice

FOLDER = Path("/usr/share/fonts/truetype/dejavu")


@cache
def typeface(folder: Path = FOLDER) -> Typeface | None:
    """None where it is not installed."""
    regular, bold = folder / "DejaVuSans.ttf", folder / "DejaVuSans-Bold.ttf"
    return Typeface(str(regular), str(bold)) if regular.is_file() and bold.is_file() else None


def printable(voice: Voice, letters: Typeface | None) -> Voice:
    """English where the letters of that language are not there: better read than guessed."""
    return ENGLISH if voice.right_to_left and letters is None else voice
