"""A program's login: `Authorization: Bearer …`, for /api/v1 alone. It needs no origin and no form token: a browser never
sends this header by itself."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request

from appliance.core.roles import Role
from appliance.web.services import services

ROOT = "/api/"


@dataclass(frozen=True, slots=True)
class Program:
    """Shown in the audit under its token's name. It may do what a technician may."""

    name: str
    role: Role = Role.TECHNICIAN


def is_sent() -> bool:
    """Whether this request comes with a bearer token where one is allowed."""
    return request.path.startswith(ROOT) and request.headers.get("Authorization", "").startswith("Bearer ")


def program() -> Program | None:
    """Whose token it is."""
    found = services().tokens.find(request.headers["Authorization"].removeprefix("Bearer ").strip())
    return Program(f"token {found.name}") if found is not None else None
