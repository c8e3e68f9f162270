"""The JSON Schemas as shipped, made from the types. `python -m appliance.schemas` writes them anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from appliance.core.json_schema import schema_of
from appliance.core.mqtt_payloads import PAYLOADS
from appliance.core.report_json import report_schema

FOLDER = Path(__file__).resolve().parent

SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "report.schema.json": report_schema,
    **{
        f"mqtt.{name}.schema.json": partial(schema_of, kind, f"Lumbarbox MQTT {name}, version 1")
        for name, kind in PAYLOADS.items()
    },
}


def text_of(name: str) -> str:
    """One schema as its file holds it."""
    return json.dumps(SCHEMAS[name](), indent=2, ensure_ascii=False) + "\n"


def write_all() -> tuple[Path, ...]:
    """Every schema into this folder."""
    paths = tuple(FOLDER / name for name in SCHEMAS)
    for path in paths:
        path.write_text(text_of(path.name), "utf-8")
    return paths
