"""The administrator's part: who may log in and as what, who saw and did what, the key of the view for the wall."""

from __future__ import annotations

from flask import Blueprint, Response, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.logins import SHORTEST, name_objection
from appliance.core.roles import Role
from appliance.web.security import at_least
from appliance.web.services import services
from appliance.web.tables import csv_file

pages = Blueprint("administration", __name__)

PER_PAGE = 100
MOST_EXPORTED = 100_000
LAST_ONE = "This is the last administrator. Make another one first."


@pages.get("/accounts")
@at_least(Role.ADMINISTRATOR)
def show() -> str:
    return _page("")


@pages.post("/accounts/add")
@at_least(Role.ADMINISTRATOR)
def add() -> AnyResponse | tuple[str, int]:
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    error = name_objection(name) or services().accounts.objection(name, password, password)
    if not error and not services().accounts.add(name, password, _role()):
        error = "That name is taken."
    return (_page(error), 400) if error else _done(f"added {name} as {_role().value}")


@pages.post("/accounts/role")
@at_least(Role.ADMINISTRATOR)
def role() -> AnyResponse | tuple[str, int]:
    name = _known()
    if not services().accounts.set_role(name, _role()):
        return _page(LAST_ONE), 400
    return _done(f"changed {name} to {_role().value}")


@pages.post("/accounts/password")
@at_least(Role.ADMINISTRATOR)
def password() -> AnyResponse | tuple[str, int]:
    name, new = _known(), request.form.get("password", "")
    error = services().accounts.objection(name, new, new)
    if error:
        return _page(error), 400
    services().accounts.set_password(name, new)
    return _done(f"gave {name} a new password")


@pages.post("/accounts/remove")
@at_least(Role.ADMINISTRATOR)
def remove() -> AnyResponse | tuple[str, int]:
    name = _known()
    if not services().accounts.remove(name):
        return _page(LAST_ONE), 400
    return _done(f"removed {name}")


@pages.post("/accounts/kiosk")
@at_least(Role.ADMINISTRATOR)
def kiosk() -> AnyResponse | str:
    """A new address for the wall, shown this once; or none any more."""
    if request.form.get("end"):
        services().accounts.end_kiosk()
        return _done("closed the view for the wall")
    token = services().accounts.new_kiosk_token()
    services().accounts.note(g.user.name, "opened a view for the wall", services().clock())
    return _page("", url_for("kiosk.show", token=token, _external=True))


@pages.get("/audit")
@at_least(Role.ADMINISTRATOR)
def audit() -> str:
    page, who = min(max(request.args.get("page", 1, type=int), 1), 1_000_000), request.args.get("who", "").strip()
    lines = services().accounts.audit(PER_PAGE + 1, (page - 1) * PER_PAGE, who)
    return render_template(
        "audit.html", lines=lines[:PER_PAGE], page=page, more=len(lines) > PER_PAGE, who=who, find=services().ledger.find
    )


@pages.get("/audit.csv")
@at_least(Role.ADMINISTRATOR)
def audit_csv() -> Response:
    lines = services().accounts.audit(MOST_EXPORTED)
    services().accounts.note(g.user.name, "exported the audit", services().clock())
    return csv_file("audit.csv", (("at", "who", "what"), *lines))


def _page(error: str, kiosk_url: str = "") -> str:
    accounts = services().accounts
    return render_template(
        "accounts.html",
        users=accounts.all(),
        roles=tuple(Role),
        error=error,
        shortest=SHORTEST,
        has_kiosk=accounts.has_kiosk(),
        kiosk_url=kiosk_url,
    )


def _done(what: str) -> AnyResponse:
    services().accounts.note(g.user.name, what, services().clock())
    return redirect(url_for("administration.show"))


def _role() -> Role:
    try:
        return Role(request.form.get("role", ""))
    except ValueError:
        abort(400, "That role is unknown.")


def _known() -> str:
    name = request.form.get("name", "")
    if services().accounts.find(name) is None:
        abort(404)
    return name
