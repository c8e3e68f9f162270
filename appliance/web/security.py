"""Who may do what: right host, same origin, CSRF token, login; and the headers of every answer. Before any view."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, redirect, request, session, url_for
from werkzeug.wrappers import Response as AnyResponse

from appliance.core.roles import Role
from appliance.web import bearer
from appliance.web.services import User, services, settings

View = TypeVar("View", bound=Callable[..., Any])

OPEN = frozenset(
    {
        *("static", "account.login", "account.setup", "language.choose", "kiosk.show", "kiosk.events"),
        *("operations.healthz", "operations.readyz", "operations.metrics"),
    }
)
"""Reachable without a login; none of them names a study. The kiosk asks for its own key."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


def guard(app: Flask) -> None:
    """In this order; the body of a request is read only after a login."""
    app.before_request(_right_host)
    app.before_request(_same_origin)
    app.before_request(_logged_in)
    app.before_request(_csrf)
    app.after_request(_headers)
    app.context_processor(lambda: {"csrf": csrf_token, "user": g.get("user"), "may": may, "node": settings().node})


def at_least(needed: Role) -> Callable[[View], View]:
    """A view for this role and those above it."""

    def guarded(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            if not g.user.role.may_act_as(needed):
                services().accounts.note(g.user.name, f"was refused what needs: {needed.value}", services().clock())
                abort(403, f"To do this, log in as {needed.value}.")
            return view(*args, **kwargs)

        return cast(View, checked)

    return guarded


def may(needed: str) -> bool:
    """For templates: whether whoever is logged in may act as this role."""
    return g.get("user") is not None and g.user.role.may_act_as(Role(needed))


def csrf_token() -> str:
    """Belongs to the session; every form carries it."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(24)
    return str(session["csrf"])


def begin_session(name: str) -> None:
    """A new session, nothing of the old one in it."""
    session.clear()
    session.permanent = True
    session["key"] = services().accounts.begin_session(name, services().clock(), settings().session)


def end_session() -> None:
    """On the box too: a copy of its cookie opens nothing any more."""
    services().accounts.end_session(str(session.get("key", "")))
    session.clear()


def _right_host() -> None:
    """A page of another name that resolves here (DNS rebinding) gets nothing; an address literal cannot be rebound."""
    host = urlsplit(f"//{request.host}").hostname or ""
    if host == "localhost" or host in settings().names:
        return
    try:
        ipaddress.ip_address(host)
    except ValueError:
        abort(400, f"This box does not answer to the name {host!r}. Add it to web.names.")


def _same_origin() -> None:
    if request.method in ("GET", "HEAD", "OPTIONS") or bearer.is_sent():
        return
    site = request.headers.get("Sec-Fetch-Site")
    source = request.headers.get("Origin") or request.headers.get("Referer") or ""
    if site not in (None, "same-origin") or urlsplit(source).netloc != request.host:
        abort(403, "The request came from another site.")


def _logged_in() -> AnyResponse | None:
    g.user = bearer.program() if bearer.is_sent() else _user()
    if g.user is not None or request.endpoint in OPEN:
        return None
    if request.endpoint is None:
        abort(404)
    if request.path.startswith(bearer.ROOT):
        abort(401, "Log in, or send a token that is known.")
    where = "account.setup" if services().accounts.is_empty() else "account.login"
    if request.method != "GET" or request.accept_mimetypes.best == "text/event-stream":
        abort(403, "Please log in again.")
    return redirect(url_for(where, next=request.path))


def _user() -> User | None:
    key = session.get("key")
    return services().accounts.of_session(str(key), services().clock()) if key else None


def _csrf() -> None:
    if request.method in ("GET", "HEAD", "OPTIONS") or bearer.is_sent():
        return
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
    if not hmac.compare_digest(sent.encode(), csrf_token().encode()):
        abort(403, "The page was open too long. Load it again and repeat.")


def _headers(response: Response) -> Response:
    response.headers.extend(HEADERS)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"  # nothing of a patient stays on a shared computer
    return response
