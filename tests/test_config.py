"""The configuration: what is accepted, what is refused, and with which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from appliance import config
from appliance.config_keys import SECTIONS
from appliance.errors import ConfigError


def test_without_a_file_everything_has_a_default() -> None:
    settings = config.load(None, {})
    assert settings.web.host == "127.0.0.1" and settings.inbox_path == Path("data/inbox")
    assert not settings.publishes and not settings.privacy.mqtt_identifiers


def test_the_environment_goes_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = tmp_path / "box.toml"
    file.write_text('[web]\nport = 1\nhost = "::1"\n[inbox]\nignore = ["*.bak"]\n')
    environment = {"LUMBARBOX_WEB_PORT": "2", "LUMBARBOX_INBOX_IGNORE": "*.old, *.tmp2", "PATH": "/bin"}
    settings = config.load(file, environment, web__port=3)
    assert (settings.web.port, settings.web.host, settings.inbox.ignore) == (3, "::1", ("*.old", "*.tmp2"))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"wep": {}}, r"\[wep\] is unknown; did you mean web"),
        ({"web": {"prot": 1}}, "web.prot is unknown; did you mean port"),
        ({"web": {"port": 70_000}}, "web.port must lie between 0 and 65535"),
        ({"web": {"port": "80"}}, "web.port must be a whole number"),
        ({"web": {"port": True}}, "web.port must be a whole number"),
        ({"web": {"enabled": 1}}, "web.enabled must be true or false"),
        ({"web": 1}, "web must be a section"),
        ({"inbox": {"poll_seconds": float("nan")}}, "inbox.poll_seconds must be a number"),
        ({"inbox": {"ignore": "x"}}, "inbox.ignore must be a list of texts"),
        ({"reader": {"device": "tpu"}}, "reader.device must be one of auto, cpu, gpu"),
        ({"box": {"node": "a/b"}}, "box.node may hold letters"),
        ({"broker": {"host": "0.0.0.0"}}, "broker.host must be a loopback address"),
        ({"disk": {"stop_mb": 9, "warn_mb": 1}}, "disk.stop_mb must not be larger"),
        ({"mqtt": {"password_file": "x"}}, "mqtt.username is empty"),
        ({"mqtt": {"ca_file": "x"}}, "nothing would be encrypted"),
        ({"mqtt": {"tls_anyone_may_pretend_to_be_the_broker": True}}, "nothing would be encrypted"),
        ({"mqtt": {"username": "u", "password_file": "x", "password_variable": "y"}}, "one password is enough"),
        ({"mqtt": {"password_credential": "x"}}, "mqtt.username is empty"),
        ({"mqtt": {"tls": True, "key_file": "x"}}, "mqtt.cert_file is empty"),
        ({"mqtt": {"commands": ["ping", "pauze"]}}, "pauze is unknown; did you mean pause"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(table: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        config.from_table(table)


def test_a_mistyped_variable_is_not_passed_over() -> None:
    for name in ("LUMBARBOX_WEB_PROT", "LUMBARBOX_WEPPORT", "LUMBARBOX_WEB_PORT"):
        with pytest.raises(ConfigError, match=name):
            config.load(None, {name: "eighty"})


def test_a_file_that_cannot_be_read_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        config.load(tmp_path / "none.toml", {})
    (tmp_path / "bad.toml").write_text("[web\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        config.load(tmp_path / "bad.toml", {})


def test_what_is_shown_can_be_loaded_again(tmp_path: Path) -> None:
    settings = config.load(None, {}, web__port=99, inbox__ignore=["a", "b"])
    (tmp_path / "shown.toml").write_text(config.to_toml(settings))
    assert config.load(tmp_path / "shown.toml", {}) == settings


def test_the_schema_describes_exactly_the_keys() -> None:
    schema = config.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    defaults = {n: {k: list(v) if isinstance(v, tuple) else v for k, v in t.items()}
                for n, t in config.to_table(config.load(None, {})).items()}  # fmt: skip
    jsonschema.validate(defaults, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"web": {"prot": 1}}, schema)
    assert set(schema["properties"]) == set(SECTIONS)
