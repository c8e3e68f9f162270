"""The documents against the program: everything there is stands in them, and everything in them is there."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from appliance import config, config_reference
from appliance.cli import build_parser
from appliance.config_keys import SECTIONS
from appliance.core.commands import VERBS
from appliance.core.health import ALARM_CODES
from appliance.core.jobs import Event, State
from appliance.core.mqtt_payloads import PAYLOADS
from appliance.core.report import Reason
from appliance.core.report_json import report_schema
from appliance.errors import Code
from appliance.schemas import SCHEMAS

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "models_int8/*/*.md", "systemd/*.md")
    for path in ROOT.glob(pattern)
)
each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))


def doc(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def words(text: str) -> set[str]:
    """Everything set as code in a line."""
    return set(re.findall(r"`([^`\n]+)`", text))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def section(text: str, heading: str) -> str:
    """From a heading to the next of its rank."""
    return re.split(r"^## ", text[text.index(heading) + len(heading) :], maxsplit=1, flags=re.MULTILINE)[0]


# --- configuration -------------------------------------------------------------------------------------------------


def test_the_tables_of_the_keys_are_fresh() -> None:
    assert config_reference.renewed(doc("config.md")) == doc("config.md"), "run: python -m appliance.config_reference"


def test_a_key_named_anywhere_exists() -> None:
    keys = {f"{section}.{key}" for section, keys in config.to_table(config.load(None, {})).items() for key in keys}
    for document in DOCUMENTS:
        text = document.read_text("utf-8")
        named = {w for w in words(text) if re.fullmatch(r"[a-z]+\.[a-z_]+", w) and w.split(".")[0] in SECTIONS}
        assert named <= keys, f"{document.name}: {named - keys}"


def test_a_variable_named_anywhere_exists() -> None:
    known = {config_reference.environment_name(section, key) for section in SECTIONS for key in fields_of(section)}
    for document in DOCUMENTS:
        named = set(re.findall(r"LUMBARBOX_[A-Z_]+", document.read_text("utf-8"))) - {"LUMBARBOX_SECTION_KEY"}
        assert named <= known, f"{document.name}: {named - known}"


def fields_of(section_name: str) -> list[str]:
    return list(config.to_table(config.load(None, {}))[section_name])


@each_document
def test_every_configuration_shown_is_right(document: Path) -> None:
    for block in blocks(document.read_text("utf-8"), "toml"):
        config.from_table(tomllib.loads(block))


# --- commands ------------------------------------------------------------------------------------------------------


def commands(parser: argparse.ArgumentParser, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and verb, with its parser."""
    yield path, parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                yield from commands(sub, (*path, name))


COMMANDS = dict(commands(build_parser()))


def command_section(name: str) -> str:
    text = doc("commands.md")
    heading = next((h for h in re.findall(r"^## .*$", text, re.MULTILINE) if f"`{name}`" in h or f"x {name}" in h), None)
    assert heading, f"docs/commands.md has no section on {name}"
    return heading + section(text, heading)


@pytest.mark.parametrize("path", [p for p in COMMANDS if p], ids=" ".join)
def test_every_command_verb_and_flag_is_documented(path: tuple[str, ...]) -> None:
    text = command_section(path[0])
    for verb in path[1:]:
        assert re.search(rf"\b{verb}\b", text), f"{' '.join(path)} is not documented"
    for action in COMMANDS[path]._actions:
        for flag in action.option_strings:
            assert flag in {"-h", "--help"} or re.search(rf"{flag}\b", text), f"{' '.join(path)} {flag}"


def test_every_flag_and_command_documented_exists() -> None:
    text = doc("commands.md")
    flags = {flag for parser in COMMANDS.values() for action in parser._actions for flag in action.option_strings}
    named = {w.split()[0] for w in words(text) if w.startswith("--")}
    assert named <= flags, named - flags
    for heading in re.findall(r"^## `lumbarbox (\w+)", text, re.MULTILINE):
        assert (heading,) in COMMANDS, heading


@each_document
def test_every_lumbarbox_command_written_anywhere_exists(document: Path) -> None:
    for line in words(document.read_text("utf-8")):
        found = re.match(r"(?:\S+/)?lumbarbox (?:--\w+ \S+ )?([a-z]+)(?: ([a-z]+))?\b(?![-_.])", line)
        if found and "|" not in line:
            assert (found[1],) in COMMANDS, line
            verbs = {p[1] for p in COMMANDS if len(p) == 2 and p[0] == found[1]}
            assert not found[2] or not verbs or found[2] in verbs, line


PROGRAMS = {
    "apt-get", "cd", "chgrp", "chmod", "chown", "git", "install", "journalctl", "ln", "mosquitto_passwd", "mosquitto_pub",
    "mosquitto_sub", "mount", "nmblookup", "smbclient", "smbpasswd", "systemctl", "systemd-sysusers", "systemd-tmpfiles",
    "mv", "testparm", "touch", "useradd", "usermod", "chromium", "curl", "cp", "mkdir", "openssl",
}  # fmt: skip
"""What a Debian with the packages of docs/deploy.md has."""


@each_document
def test_every_command_line_shown_names_something_real(document: Path) -> None:
    for block in blocks(document.read_text("utf-8"), "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            _check_line(shlex.split(line, comments=True))


def _check_line(line: list[str]) -> None:
    if line[:1] == ["sudo"]:
        line = line[3:] if line[1:2] == ["-u"] else line[1:]
    if not line:
        return
    program, rest = line[0].rsplit("/", 1)[-1], line[1:]
    if program in {"python", "python3"}:
        _check_module(rest)
    elif program == "lumbarbox":
        until = next((i for i, word in enumerate(rest) if word in {">", "|", "&"}), len(rest))
        build_parser().parse_args(rest[:until])
    elif program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert {w for w in rest if "=" not in w} <= set(targets), rest
    elif not (ROOT / line[0]).is_file():
        assert program in PROGRAMS | {"pip", "ruff", "mypy", "pytest"}, f"what is {program}?"


def _check_module(rest: list[str]) -> None:
    if rest[:1] != ["-m"] or rest[1] in {"venv", "pytest", "pip"}:
        return
    base = ROOT.joinpath(*rest[1].split("."))
    assert base.with_suffix(".py").is_file() or (base / "__main__.py").is_file(), f"no module {rest[1]}"


@each_document
def test_every_module_written_anywhere_exists(document: Path) -> None:
    for module in re.findall(r"python3? -m ([a-z_0-9.]+)", document.read_text("utf-8")):
        _check_module(["-m", module.rstrip(".")])


# --- errors, states, reasons ---------------------------------------------------------------------------------------


def test_every_error_code_is_documented_once_and_every_documented_one_exists() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", doc("errors.md"), re.MULTILINE)
    assert sorted(rows) == sorted(c.value for c in Code)


def test_every_reason_for_a_place_not_assessed_is_documented() -> None:
    text = section(doc("errors.md"), "## What is not an error")
    assert words(text) >= {r.value for r in Reason}


def test_every_state_and_event_of_a_study_is_documented() -> None:
    text = words(section(doc("commands.md"), "## `lumbarbox jobs"))
    assert text >= {s.value for s in State} | {e.value for e in Event}


def test_the_exit_codes_are_those_of_the_program() -> None:
    from appliance import cli

    rows = re.findall(r"^\| (\d) \| (\w+)", section(doc("commands.md"), "## Exit codes"), re.MULTILINE)
    assert {word: int(code) for code, word in rows} == {
        "well": cli.WELL, "fault": cli.FAULT, "usage": cli.USAGE,
        "configuration": cli.CONFIGURATION, "degraded": cli.DEGRADED,
    }  # fmt: skip


# --- MQTT ----------------------------------------------------------------------------------------------------------


def is_topics(called: ast.Attribute) -> bool:
    """`topics.of`, `Topics(...).of` or its own `self.of`, not another object's."""
    owner = ast.unparse(called.value).lower()
    return called.attr == "of" and ("topics" in owner or owner == "self")


def topics_in_the_source() -> set[str]:
    """Every `topics.of(...)`; what is not written out counts as `<>`."""
    found = set()
    for path in (ROOT / "appliance").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_topics(node.func):
                parts = [a.value if isinstance(a, ast.Constant) and a.value != "+" else "<>" for a in node.args]
                found.add("/".join(str(p) for p in parts))
    return found


def topic_rows() -> dict[str, tuple[str, str]]:
    """Topic to (QoS, retained) of the table in docs/mqtt.md."""
    rows = re.findall(r"^\| `([\w/<>]+)` \| (\d) \| (yes|no) \|", doc("mqtt.md"), re.MULTILINE)
    return {re.sub(r"<\w+>", "<>", topic): (qos, kept) for topic, qos, kept in rows}


def test_every_topic_is_documented_and_every_documented_one_exists() -> None:
    assert set(topic_rows()) == topics_in_the_source()


def test_every_payload_is_documented() -> None:
    named = set(re.findall(r'"schema": "(lumbarbox\.\w+/\d)"', doc("mqtt.md")))
    assert named == {f"lumbarbox.{kind}/1" for kind in PAYLOADS if kind != "command"}


def test_every_alarm_and_every_command_is_documented() -> None:
    text = words(doc("mqtt.md"))
    assert text >= ALARM_CODES | VERBS.keys()


@pytest.mark.parametrize("name", PAYLOADS)
def test_every_field_of_every_payload_is_documented(name: str) -> None:
    text = doc("mqtt.md")
    assert f"mqtt.{name}.schema.json" in text
    described = SCHEMAS[f"mqtt.{name}.schema.json"]()["properties"]
    assert not [field for field in described if f"`{field}`" not in text and f'"{field}": ' not in text]


# --- the report ----------------------------------------------------------------------------------------------------


def fields(schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """`findings[].evidence.attention` and its like."""
    for choice in schema.get("anyOf", ()):
        yield from fields(choice, path)
    if schema.get("type") == "array" and "items" in schema:
        yield from fields(schema["items"], f"{path}[]")
    for name, of in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here
        yield from fields(of, here)


def test_every_field_of_the_report_is_documented_and_every_documented_one_exists() -> None:
    table = section(doc("report.md"), "## report.json")
    cells = " ".join(line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `"))
    assert words(cells) == set(fields(report_schema()))


# --- links ---------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@each_document
def test_internal_links_lead_somewhere(document: Path) -> None:
    text = document.read_text("utf-8")
    for target in re.findall(r"(?:\]\(|src=\")([^)\"\s]+)[)\"]", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = unquote(target).partition("#")
        there = document.parent / name if name else document
        assert there.exists(), f"{document.name}: {target}"
        if anchor:
            assert anchor in anchors(there.read_text("utf-8")), f"{document.name}: {target}"


def test_every_document_is_reached_from_the_readme() -> None:
    seen, open_ = set(), [ROOT / "README.md"]
    while open_:
        document = open_.pop()
        seen.add(document)
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text("utf-8")):
            there = (document.parent / target).resolve()
            if there.suffix == ".md" and there.exists() and there not in seen:
                open_.append(there)
    assert {d for d in DOCUMENTS if d.parent.name == "docs"} <= seen


def test_paths_named_in_the_source_exist() -> None:
    """Messages send people to docs/…; the file must be there."""
    for path in (ROOT / "appliance").rglob("*.py"):
        for name in re.findall(r"docs/[\w-]+\.md", path.read_text("utf-8")):
            assert (ROOT / name).is_file(), f"{path.name}: {name}"
