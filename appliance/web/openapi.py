"""The OpenAPI document, made from the routes themselves: a route that does not say what it answers cannot be served."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask

from appliance.core.api_json import ProblemJson
from appliance.core.json_schema import schema_of

View = TypeVar("View", bound=Callable[..., Any])

BLUEPRINT = "api"
_MARK = "__openapi__"
PROBLEMS = {
    400: "What was sent cannot be used.",
    401: "No login, or a token that is not known.",
    403: "Not allowed, or the form's token or origin is missing.",
    404: "There is nothing here.",
    405: "Not possible here.",
    413: "More than this box takes at once.",
    415: "Sent in another form than is asked for.",
    503: "The box cannot do this now; it says why.",
}
_ALWAYS = (401, 503)


@dataclass(frozen=True, slots=True)
class Operation:
    """What one route says of itself. `answers` is a TypedDict or a ready JSON Schema."""

    summary: str
    answers: Any
    status: int = 200
    fails: tuple[int, ...] = ()
    query: tuple[Mapping[str, Any], ...] = ()
    body: Mapping[str, Any] | None = None
    media: str = "application/json"


def says(operation: Operation) -> Callable[[View], View]:
    """Above a route of the API."""

    def marked(view: View) -> View:
        setattr(view, _MARK, operation)
        return view

    return marked


def document(app: Flask, version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of every route of the API blueprint. Raises AttributeError for one that says nothing."""
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda r: r.rule):
        if rule.endpoint.startswith(f"{BLUEPRINT}."):
            operation: Operation = getattr(app.view_functions[rule.endpoint], _MARK)
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                paths.setdefault(path, {})[method.lower()] = _operation(rule.endpoint, operation, sorted(rule.arguments))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lumbarbox",
            "version": version,
            "description": "What the page shows, as JSON. A pre-screening aid, never a diagnosis.",
            "license": {"name": "AGPL-3.0-only", "identifier": "AGPL-3.0-only"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": plain(ProblemJson)},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Made by an administrator under Tokens."},
                "session": {"type": "apiKey", "in": "cookie", "name": app.config["SESSION_COOKIE_NAME"]},
            },
        },
    }


def _operation(endpoint: str, said: Operation, arguments: list[str]) -> dict[str, Any]:
    found = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in arguments]
    answers = {str(said.status): {"description": "Well.", "content": {said.media: {"schema": plain(said.answers)}}}}
    for code in sorted({*_ALWAYS, *said.fails}):
        problem = {"$ref": "#/components/schemas/Problem"}
        answers[str(code)] = {"description": PROBLEMS[code], "content": _json(problem)}
    made: dict[str, Any] = {
        "operationId": endpoint.removeprefix(f"{BLUEPRINT}."),
        "summary": said.summary,
        "parameters": [*found, *said.query],
        "responses": answers,
    }
    return made | ({"requestBody": {"required": True, "content": said.body}} if said.body else {})


def plain(kind: Any) -> dict[str, Any]:
    """A schema without the heading that belongs to a document of its own."""
    schema = dict(kind) if isinstance(kind, Mapping) else schema_of(kind, "")
    return {key: _even(value) for key, value in schema.items() if key not in ("$schema", "title")}


def _even(schema: Any) -> Any:
    """Tuples of one kind as arrays of a fixed length: many readers of OpenAPI stumble over `prefixItems`."""
    if isinstance(schema, list):
        return [_even(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    of = schema.get("prefixItems", ())
    if of and all(one == of[0] for one in of):
        schema = {key: value for key, value in schema.items() if key != "prefixItems"} | {"items": of[0]}
    return {key: _even(value) for key, value in schema.items()}


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
