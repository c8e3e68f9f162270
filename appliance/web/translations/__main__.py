"""Brings every catalogue up to date and says what is still missing."""

from __future__ import annotations

from appliance.web.language import LANGUAGES
from appliance.web.translations import po_file, renew

for language in LANGUAGES:
    if language != "en":
        missing = renew(language)
        print(f"{po_file(language)}: {'whole' if not missing else f'{missing} texts are missing'}")
