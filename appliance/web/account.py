"""Logging in and out, and the first administrator."""

from __future__ import annotations

import hmac
from math import ceil

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.logins import SHORTEST, name_objection
from appliance.web.paths import inside
from appliance.web.security import begin_session, end_session
from appliance.web.services import services, settings

pages = Blueprint("account", __name__)

LOOPBACK = ("127.0.0.1", "::1")


@pages.route("/login", methods=["GET", "POST"])
def login() -> AnyResponse | str | tuple[str, int]:
    if services().accounts.is_empty():
        return redirect(url_for("account.setup"))
    if request.method == "GET":
        return render_template("login.html", error="", next=inside(request.args.get("next", "")))
    name, now = request.form.get("name", "").strip(), services().clock()
    user = services().accounts.login(name, request.form.get("password", ""), now)
    wanted = inside(request.form.get("next", ""))
    if user is None:
        services().accounts.note(name[:64], "login refused", now)
        words = _locked(name) or "Name or password is wrong. After several wrong tries the name is locked for a while."
        return render_template("login.html", error=words, next=wanted), 401
    services().accounts.note(user.name, "logged in", now)
    begin_session(user.name)
    return redirect(wanted or url_for("today.show"))


@pages.post("/logout")
def logout() -> AnyResponse:
    services().accounts.note(g.user.name, "logged out", services().clock())
    end_session()
    return redirect(url_for("account.login"))


@pages.route("/setup", methods=["GET", "POST"])
def setup() -> AnyResponse | str | tuple[str, int]:
    """Once: the administrator. Only on the box itself, with the code its terminal shows."""
    accounts = services().accounts
    if not accounts.is_empty():
        return redirect(url_for("account.login"))
    if request.remote_addr not in LOOPBACK:
        abort(403, "The first login is set up on the box itself.")
    if request.method == "GET":
        return render_template("setup.html", error="", code=request.args.get("code", ""), shortest=SHORTEST)
    name, password = request.form.get("name", "").strip(), request.form.get("password", "")
    error = _objection(request.form.get("code", ""), name, password, request.form.get("again", ""))
    if error:
        shown = {"code": request.form.get("code", ""), "shortest": SHORTEST}
        return render_template("setup.html", error=error, **shown), 400
    if not accounts.add_first(name, password):
        return redirect(url_for("account.login"))
    accounts.note(name, "set up as administrator", services().clock())
    begin_session(name)
    return redirect(url_for("today.show"))


@pages.route("/account", methods=["GET", "POST"])
def mine() -> AnyResponse | str | tuple[str, int]:
    """Whoever is logged in: a new password. Every other session of theirs ends."""
    if request.method == "GET":
        return render_template("account.html", error="", done=request.args.get("done", ""), shortest=SHORTEST)
    accounts, now, name = services().accounts, services().clock(), g.user.name
    password, again = request.form.get("password", ""), request.form.get("again", "")
    right = accounts.login(name, request.form.get("old", ""), now) is not None
    if not right:
        accounts.note(name, "gave a wrong old password", now)
    error = accounts.objection(name, password, again) if right else _locked(name) or "The old password is wrong."
    if error:
        return render_template("account.html", error=error, done="", shortest=SHORTEST), 400
    accounts.set_password(name, password)
    accounts.note(name, "changed their password", now)
    begin_session(name)
    return redirect(url_for("account.mine", done=1))


def _locked(name: str) -> str:
    left = ceil(services().accounts.locked_for(name, services().clock()).total_seconds())
    if not left:
        return ""
    shown = f"{left} s" if left < 120 else f"{ceil(left / 60)} min"
    return f"Too many wrong tries: this name is locked for another {shown}. Then try again."


def _objection(code: str, name: str, password: str, again: str) -> str:
    if not hmac.compare_digest(code.strip().encode(), settings().setup_code.encode()):
        return "The code is not the one shown on the box's terminal."
    return name_objection(name) or services().accounts.objection(name, password, again)
