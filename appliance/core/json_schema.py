"""JSON Schema from TypedDicts: one source for what is written and what is promised. Pure."""

from __future__ import annotations

from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

_PLAIN: dict[object, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    NoneType: {"type": "null"},
}


def schema_of(kind: Any, title: str) -> dict[str, Any]:
    """The whole document for one TypedDict."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **_schema(kind)}


def _schema(kind: Any) -> dict[str, Any]:
    if kind is Any:
        return {}
    if kind in _PLAIN:
        return dict(_PLAIN[kind])
    if is_typeddict(kind):
        return _object(kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return {"type": "string", "enum": [member.value for member in kind]}
    return _generic(get_origin(kind), get_args(kind))


def _generic(origin: Any, of: tuple[Any, ...]) -> dict[str, Any]:
    if origin is Literal:
        return {"const": of[0]} if len(of) == 1 else {"enum": list(of)}
    if origin in (Union, UnionType):
        return {"anyOf": [_schema(one) for one in of]}
    if origin is list:
        return {"type": "array", "items": _schema(of[0])}
    if origin is tuple:
        return {"type": "array", "prefixItems": [_schema(o) for o in of], "minItems": len(of), "maxItems": len(of)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _schema(of[1])}
    raise TypeError(f"no JSON Schema for {origin} of {of}")


def _object(kind: Any) -> dict[str, Any]:
    fields = get_type_hints(kind)
    marked = get_type_hints(kind, include_extras=True)  # __required_keys__ does not see through postponed annotations
    described = {"description": kind.__doc__} if kind.__doc__ and not kind.__doc__.startswith("dict(") else {}
    return {
        "type": "object",
        **described,
        "properties": {name: _schema(of) for name, of in fields.items()},
        "required": sorted(name for name in fields if get_origin(marked[name]) is not NotRequired),
        "additionalProperties": False,
    }
