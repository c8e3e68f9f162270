"""create_app: the one place where the page is put together."""

from __future__ import annotations

from flask import Flask, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from appliance.errors import LumbarboxError
from appliance.web import (
    account,
    administration,
    api,
    assistant,
    bearer,
    compare,
    history,
    kiosk,
    language,
    manual,
    operations,
    review,
    security,
    study,
    today,
    tokens,
    upload,
    viewer,
)
from appliance.web.formatting import add_filters
from appliance.web.services import PageSettings, Services

PARTS = (
    *(today, upload, study, viewer, review, compare, history, manual, assistant, language),
    *(account, administration, tokens, kiosk, api, operations),
)
MOST_FORM_PARTS = 20_000
FORM_FIELD_BYTES = 100_000


def create_app(services: Services, settings: PageSettings) -> Flask:
    """The application; it holds no state of its own."""
    app = Flask(__name__)
    app.extensions |= {"services": services, "settings": settings}
    app.config.update(
        SECRET_KEY=settings.secret,
        SESSION_COOKIE_NAME="lumbarbox",
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.https,
        PERMANENT_SESSION_LIFETIME=settings.session,
        SESSION_REFRESH_EACH_REQUEST=False,  # a page left open asks for news for ever: it must not prolong a login
        MAX_CONTENT_LENGTH=settings.upload_bytes,
        MAX_FORM_PARTS=MOST_FORM_PARTS,
        MAX_FORM_MEMORY_SIZE=FORM_FIELD_BYTES,
    )
    add_filters(app)
    language.speak(app)
    security.guard(app)
    for part in PARTS:
        app.register_blueprint(part.pages)
    app.register_error_handler(HTTPException, _told)
    app.register_error_handler(LumbarboxError, _ours)
    return app


def _told(error: HTTPException) -> tuple[AnyResponse | str, int]:
    if request.path.startswith(bearer.ROOT):
        return api.told(error)
    words = {
        400: "The page did not understand that.",
        403: "That is not allowed.",
        404: "There is nothing here.",
        405: "That is not possible here.",
        413: "That is more than this box takes at once.",
    }
    code = error.code or 500
    said = words.get(code, "Something went wrong on the box. It is written in its log.")
    detail = error.description if code in (400, 403, 413) and error.description else ""
    return render_template("error.html", code=code, words=said, detail=detail), code


def _ours(error: LumbarboxError) -> tuple[AnyResponse | str, int]:
    if request.path.startswith(bearer.ROOT):
        return api.ours(error)
    return render_template("error.html", code=503, words=error.message, detail=error.action), 503
