"""From the configuration to the objects that read: limits, models, folders. Shared by every command."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, fields
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from appliance import config
from appliance.adapters.openvino_model import load_models
from appliance.config import Config
from appliance.config_keys import Mqtt
from appliance.core.limits import MIB, Limits
from appliance.errors import Code, ConfigError
from appliance.pipeline import Models

PACKAGE = Path(__file__).resolve().parent
USUAL_CONFIGS = (Path("lumbarbox.toml"), Path("/etc/lumbarbox/lumbarbox.toml"))


def read_config(path: str | None, data: str | None = None, **overrides: Any) -> Config:
    """The file named, else one of the usual places, else the defaults; environment, then `section__key` over it.

    `data`: what `--data` says, over box.data.
    """
    if data:
        overrides["box__data"] = str(Path(data).resolve())
    chosen = Path(path) if path else next((p for p in USUAL_CONFIGS if p.is_file()), None)
    return config.load(chosen, os.environ, **overrides)


def limits_of(settings: Config) -> Limits:
    """The configured walls; megabytes become bytes."""
    values = asdict(settings.limits)
    sizes = {"file_bytes": "file_mb", "total_bytes": "study_mb", "decoded_bytes": "decoded_mb"}
    in_bytes = {name: values.pop(key) * MIB for name, key in sizes.items()}
    known = {f.name for f in fields(Limits)}
    return Limits(**in_bytes, **{name: value for name, value in values.items() if name in known})


def models_folder(settings: Config) -> Path:
    """The configured one, else the one inside the installed package, else the repository's."""
    if settings.reader.models:
        return Path(settings.reader.models)
    return _first_with_manifest((PACKAGE / "models_int8", PACKAGE.parent / "models_int8"))


def models_of(settings: Config, cache: Path | None = None) -> Models:
    """Verified and compiled. Raises ModelError."""
    reader = settings.reader
    loaded = load_models(models_folder(settings), reader.device, reader.threads, cache, reader.second_opinion)
    return Models(loaded.detector, loaded.graders, loaded.device, loaded.fallback, loaded.second)


def password_of(mqtt: Mqtt) -> tuple[str, str]:
    """The broker's password: the file it stands in, or itself. Raises ConfigError when it is nowhere."""
    if mqtt.password_credential:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            what = "mqtt.password_credential is set, but systemd handed over no credential (LoadCredential=)"
            raise ConfigError(Code.CONFIG, what)
        return str(Path(folder) / mqtt.password_credential), ""
    if mqtt.password_variable:
        try:
            return "", os.environ[mqtt.password_variable]
        except KeyError as exc:
            what = f"mqtt.password_variable names {mqtt.password_variable}, which is not in the environment"
            raise ConfigError(Code.CONFIG, what) from exc
    return mqtt.password_file, ""


def _first_with_manifest(folders: Iterable[Path]) -> Path:
    *others, last = folders
    return next((f for f in others if (f / "MANIFEST.json").is_file()), last)


@cache
def program_version() -> str:
    """Of the installed package; `0` where it only lies there."""
    try:
        return version("lumbarbox")
    except PackageNotFoundError:
        return "0"
