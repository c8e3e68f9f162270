"""The catalogues: what the page says, in each language. `python -m appliance.web.translations` brings them up to date.

A `.po` file is edited by people; the `.mo` beside it is made from it and shipped, so that an installation needs no
compiler. tests/web/test_languages.py fails when a text is missing, fuzzy, or the two differ.
"""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from appliance.web.told_texts import ALL

FOLDER = Path(__file__).resolve().parent
WEB = FOLDER.parent
HEADER = "# Translations of Lumbarbox's page. How they were made and checked: docs/translations.md."
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Stands where gettext wants a date: the history knows the real ones."""
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {"templates/**.html": {"silent": "false", "trimmed": "true"}}


def said() -> Catalog:
    """Every text the page can say, in English: from templates, views and told_texts.py."""
    found = Catalog(project="Lumbarbox", copyright_holder="The Lumbarbox founders", charset="utf-8")
    for _, _, message, comments, context in extract_from_dir(WEB, METHODS, OPTIONS):
        found.add(message, auto_comments=comments, context=context)
    for text in ALL:
        found.add(text)
    return found


def po_file(language: str) -> Path:
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def catalogue(language: str) -> Catalog:
    """As its file holds it; empty where there is none yet."""
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def compiled(of: Catalog) -> bytes:
    out = BytesIO()
    write_mo(out, of)
    return out.getvalue()


def renew(language: str) -> int:
    """New texts in, gone ones out; nothing is guessed. The number of texts that still lack a translation."""
    found = fresh(language)
    path = po_file(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        write_po(out, found, width=0, no_location=True, sort_output=True)
    path.with_suffix(".mo").write_bytes(compiled(found))
    return sum(not is_whole(message.string) for message in found if message.id)


def fresh(language: str) -> Catalog:
    """Every text the page can say, with the translation its file holds. The same from the same, whatever the day."""
    made = Catalog(
        locale=language,
        project="Lumbarbox",
        version="1",
        header_comment=HEADER,
        creation_date=EPOCH,
        revision_date=EPOCH,
        last_translator="The Lumbarbox founders",
        language_team=language,
        fuzzy=False,
    )
    known = catalogue(language)
    for message in said():
        if message.id:
            old = known.get(message.id, message.context)
            made.add(message.id, old.string if old else None, flags=old.flags if old else (), context=message.context)
    return made


def is_whole(string: object) -> bool:
    """A translation, and of every plural form."""
    forms = string if isinstance(string, (list, tuple)) else (string,)
    return all(forms)
