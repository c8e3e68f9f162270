"""Which language the page speaks: what the person chose, else what the browser asks for, else English.

The choice is a cookie of its own, so that it outlives a login and holds for the login page too.
"""

from __future__ import annotations

from datetime import timedelta

from babel import Locale
from flask import Blueprint, Flask, redirect, request, url_for
from flask_babel import Babel, get_locale
from werkzeug.wrappers import Response as AnyResponse

from appliance.web.paths import inside
from appliance.web.services import settings
from appliance.web.told import script_words

pages = Blueprint("language", __name__)

LANGUAGES = {
    "en": "English", "fr": "Français", "es": "Español", "pt": "Português", "sw": "Kiswahili", "ar": "العربية",
}  # fmt: skip
"""Each as it calls itself."""
COOKIE = "lumbarbox_language"
KEPT = timedelta(days=400)


def speak(app: Flask) -> None:
    """Gettext in the templates, and what a page needs to say of its own language."""
    Babel(app, locale_selector=chosen, default_translation_directories="translations")
    app.context_processor(_said_of_itself)


def chosen() -> str:
    """A key of LANGUAGES."""
    wanted = request.cookies.get(COOKIE, "")
    return wanted if wanted in LANGUAGES else request.accept_languages.best_match(list(LANGUAGES), "en") or "en"


def direction() -> str:
    """`rtl` for Arabic."""
    return (get_locale() or Locale("en")).text_direction


def _said_of_itself() -> dict[str, object]:
    return {
        "languages": LANGUAGES,
        "language": str(get_locale()),
        "direction": direction(),
        "script_words": script_words(),
        "here": _here(),
    }


def _here() -> str:
    """Where a change of language leads back to, the search in it too; nothing where there is no page to go back to."""
    rule = request.url_rule
    if request.method == "GET":
        return request.full_path.rstrip("?")
    return request.path if rule is not None and rule.methods is not None and "GET" in rule.methods else ""


@pages.post("/language")
def choose() -> AnyResponse:
    wanted = request.form.get("language", "")
    answer = redirect(inside(request.form.get("next", "")) or url_for("today.show"))
    if wanted in LANGUAGES:
        answer.set_cookie(COOKIE, wanted, max_age=KEPT, samesite="Lax", secure=settings().https, httponly=True)
    return answer
