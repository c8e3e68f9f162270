"""The configuration: one TOML file and `LUMBARBOX_SECTION_KEY` in the environment, checked whole, then frozen.

Nothing else in the box reads the environment or a settings file; values are passed down. The keys themselves stand in
`config_keys.py`.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from appliance.config_keys import SECTIONS, Config, Mqtt
from appliance.core.commands import VERBS
from appliance.errors import Code, ConfigError

__all__ = ["Config", "from_table", "load", "schema", "to_table", "to_toml"]

PREFIX = "LUMBARBOX_"


def load(path: Path | None, environment: Mapping[str, str], **overrides: Any) -> Config:
    """The file, then the environment over it, then `section__key=value` over both. Raises ConfigError."""
    table = _read_file(path) if path is not None else {}
    for (section, key), value in _from_environment(environment).items():
        table.setdefault(section, {})[key] = value
    for name, value in overrides.items():
        section, key = name.split("__", 1)
        table.setdefault(section, {})[key] = value
    return from_table(table)


def from_table(table: Mapping[str, Any]) -> Config:
    """A parsed TOML table to a checked Config."""
    for section in table:
        if section not in SECTIONS:
            raise _unknown(f"[{section}]", section, SECTIONS)
    config = Config(**{name: _section(name, table.get(name, {})) for name in SECTIONS})
    _check_whole(config)
    return config


def to_table(config: Config) -> dict[str, dict[str, Any]]:
    """Back to plain values; there is no secret in it, since passwords live in files of their own."""
    return {
        name: {f.name: getattr(getattr(config, name), f.name) for f in fields(cls)} for name, cls in SECTIONS.items()
    }


def to_toml(config: Config) -> str:
    """As a file one could load again."""
    blocks = []
    for name, keys in to_table(config).items():
        lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
        blocks.append("\n".join([f"[{name}]", *lines]))
    return "\n\n".join(blocks) + "\n"


def schema() -> dict[str, Any]:
    """JSON Schema of the file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lumbarbox configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _section_schema(cls) for name, cls in SECTIONS.items()},
    }


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise ConfigError(Code.CONFIG, f"{path} cannot be read: {exc.strerror}") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(Code.CONFIG, f"{path} is not valid TOML: {exc}") from exc


def _from_environment(environment: Mapping[str, str]) -> dict[tuple[str, str], Any]:
    found: dict[tuple[str, str], Any] = {}
    for name, text in environment.items():
        if not name.startswith(PREFIX):
            continue
        section, _, key = name.removeprefix(PREFIX).lower().partition("_")
        if section not in SECTIONS:
            raise _unknown(name, section, SECTIONS)
        spec = {f.name: f for f in fields(SECTIONS[section])}.get(key)
        if spec is None:
            raise _unknown(name, key, [f.name for f in fields(SECTIONS[section])])
        found[section, key] = _from_text(name, text, spec.default)
    return found


def _from_text(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in words:
            raise ConfigError(Code.CONFIG, f"{name} must be true or false, not {text!r}")
        return words[text.lower()]
    if isinstance(default, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError as exc:
            raise ConfigError(Code.CONFIG, f"{name} must be a number, not {text!r}") from exc
    return text


def _section(name: str, values: Any) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(Code.CONFIG, f"{name} must be a section, as [{name}]")
    known = {f.name: f for f in fields(SECTIONS[name])}
    for key in values:
        if key not in known:
            raise _unknown(f"{name}.{key}", key, known)
    return SECTIONS[name](**{key: _checked(f"{name}.{key}", value, known[key]) for key, value in values.items()})


def _checked(name: str, value: Any, spec: Any) -> Any:
    value = _right_type(name, value, spec.default)
    low, high, choices = (spec.metadata[k] for k in ("low", "high", "choices"))
    if (low is not None and value < low) or (high is not None and value > high):
        raise ConfigError(Code.CONFIG, f"{name} must lie between {low:g} and {high:g}, not {value!r}")
    if choices and value not in choices:
        raise ConfigError(Code.CONFIG, f"{name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def _right_type(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, tuple):
        if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise ConfigError(Code.CONFIG, f'{name} must be a list of texts, as ["a", "b"]')
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default) or value != value:
        kind = {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false"}
        raise ConfigError(Code.CONFIG, f"{name} must be {kind[type(default).__name__]}, not {value!r}")
    return value


def _unknown(shown: str, word: str, known: Any) -> ConfigError:
    near = difflib.get_close_matches(word, list(known), n=1)
    hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
    return ConfigError(Code.CONFIG, f"{shown} is unknown{hint}")


def _check_whole(config: Config) -> None:
    """Rules between keys."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", config.box.node):
        raise ConfigError(Code.CONFIG, f"box.node may hold letters, digits, - and _ only, not {config.box.node!r}")
    if not _is_loopback(config.broker.host):
        raise ConfigError(
            Code.CONFIG,
            "broker.host must be a loopback address: the embedded broker knows no passwords. "
            "Install Mosquitto to serve a network (docs/mqtt.md)",
        )
    if config.disk.stop_mb > config.disk.warn_mb:
        raise ConfigError(Code.CONFIG, "disk.stop_mb must not be larger than disk.warn_mb")
    _check_mqtt(config.mqtt)


def _check_mqtt(mqtt: Mqtt) -> None:
    passwords = [k for k in ("password_file", "password_credential", "password_variable") if getattr(mqtt, k)]
    if len(passwords) > 1:
        raise ConfigError(Code.CONFIG, f"mqtt.{passwords[0]} and mqtt.{passwords[1]} are both set: one password is enough")
    if passwords and not mqtt.username:
        raise ConfigError(Code.CONFIG, f"mqtt.{passwords[0]} is set but mqtt.username is empty")
    for key in ("ca_file", "cert_file", "tls_anyone_may_pretend_to_be_the_broker"):
        if getattr(mqtt, key) and not mqtt.tls:
            raise ConfigError(Code.CONFIG, f"mqtt.{key} is set but mqtt.tls is off: nothing would be encrypted")
    if mqtt.key_file and not mqtt.cert_file:
        raise ConfigError(Code.CONFIG, "mqtt.key_file is set but mqtt.cert_file is empty")
    for verb in mqtt.commands:
        if verb not in VERBS:
            raise _unknown(f"mqtt.commands: {verb}", verb, VERBS)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _section_schema(cls: type[Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": cls.__doc__,
        "additionalProperties": False,
        "properties": {f.name: _key_schema(f) for f in fields(cls)},
    }


def _key_schema(spec: Any) -> dict[str, Any]:
    kinds = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "tuple": "array"}
    found: dict[str, Any] = {"type": kinds[type(spec.default).__name__], "description": spec.metadata["text"]}
    found["default"] = list(spec.default) if isinstance(spec.default, tuple) else spec.default
    if isinstance(spec.default, tuple):
        found["items"] = {"type": "string"}
    for word, limit in (("minimum", "low"), ("maximum", "high")):
        if spec.metadata[limit] is not None:
            found[word] = spec.metadata[limit]
    if spec.metadata["choices"]:
        found["enum"] = list(spec.metadata["choices"])
    return found
