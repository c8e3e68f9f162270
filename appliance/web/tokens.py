"""Tokens: an administrator lets programs in at /api/v1, and out again."""

from __future__ import annotations

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.logins import LONGEST_NAME, is_a_name
from appliance.core.roles import Role
from appliance.web.security import at_least
from appliance.web.services import services

pages = Blueprint("tokens", __name__, url_prefix="/tokens")


@pages.get("")
@at_least(Role.ADMINISTRATOR)
def show() -> str:
    return _page()


@pages.post("")
@at_least(Role.ADMINISTRATOR)
def make() -> str | tuple[str, int]:
    """Shown once, in the answer itself: it stands in no address and in no session."""
    name = request.form.get("name", "").strip()
    if not is_a_name(name):
        return _page(error=_("Say in at most 64 letters which program it is for.")), 400
    token = services().tokens.make(name, g.user.name, services().clock())
    services().accounts.note(g.user.name, f"made the token {name}", services().clock())
    return _page(made=token)


@pages.post("/<int:number>/revoke")
@at_least(Role.ADMINISTRATOR)
def revoke(number: int) -> AnyResponse:
    if not services().tokens.revoke(number):
        abort(404)
    services().accounts.note(g.user.name, f"revoked token {number}", services().clock())
    return redirect(url_for("tokens.show"))


def _page(made: str = "", error: str = "") -> str:
    return render_template("tokens.html", tokens=services().tokens.all(), made=made, error=error, longest=LONGEST_NAME)
