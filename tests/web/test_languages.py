"""Every text in every language; what comes in English from the core is translated on the page and nowhere else."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from babel.messages import Catalog
from flask import Flask
from flask.testing import FlaskClient

from appliance.adapters.accounts import Accounts
from appliance.core import findings, numbering, single_image
from appliance.core.jobs import Event, State
from appliance.core.report import NOTICE, Reason
from appliance.core.spine import CONDITIONS, SEVERITIES
from appliance.core.words import OUTCOMES, STAGES
from appliance.reading import AS_EXPORTED
from appliance.web.language import COOKIE, LANGUAGES
from appliance.web.speech import lines_of
from appliance.web.told import told
from appliance.web.told_texts import ALL, AUDIT, SCRIPTS
from appliance.web.translations import catalogue, compiled, fresh, is_whole, po_file, said
from tests.fakes import SmallBox
from tests.web.conftest import ORIGIN, PASSWORD, token

ROOT = Path(__file__).resolve().parents[2]
OTHERS = tuple(code for code in LANGUAGES if code != "en")
ERRORS = {"InputError", "SystemicError", "ModelError", "DeliveryError", "Reason", "_too_large", "_unsafe", "abort"}
WORDS = re.compile(r"[a-z]{2,}.*[a-z]{2,}")
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")


def read(box: SmallBox, name: str, text: str) -> None:
    box.drop(name, a=text)
    box.turn()


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_is_missing_or_guessed(language: str) -> None:
    known = catalogue(language)
    lacking = [m.id for m in said() if m.id and not _is_there(known, m.id)]
    assert not lacking, "translate them (docs/translations.md), then: python -m appliance.web.translations"
    assert not [m.id for m in known if m.fuzzy]


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_shipped_is_what_was_written(language: str) -> None:
    assert po_file(language).with_suffix(".mo").read_bytes() == compiled(fresh(language)), "run the command again"
    assert {m.id for m in catalogue(language)} == {m.id for m in fresh(language)}, "texts that are no longer said"


@pytest.mark.parametrize("language", OTHERS)
def test_placeholders_and_tags_survive(language: str) -> None:
    for message in catalogue(language):
        forms = message.string if isinstance(message.string, tuple) else (message.string,)
        wanted = message.id[-1] if isinstance(message.id, tuple) else message.id
        for form in forms if wanted else ():
            # A plural form may leave the number out (`a day`); nothing else.
            lost = set(PLACEHOLDER.findall(wanted)) - set(PLACEHOLDER.findall(form)) - ({"%(count)s"} & _numbers(message.id))
            assert not lost and not set(PLACEHOLDER.findall(form)) - set(PLACEHOLDER.findall(wanted)), form
            assert sorted(re.findall(r"</?\w+", form)) == sorted(re.findall(r"</?\w+", wanted)), form


def test_every_ready_made_text_of_the_core_is_in_the_catalogue() -> None:
    known = set(ALL)
    texts = {NOTICE, *(reason.label for reason in Reason), *OUTCOMES.values(), *STAGES.values(), *State, *Event}
    texts |= {c.label for c in CONDITIONS} | {s.label for s in SEVERITIES} | {s.label.lower() for s in SEVERITIES}
    texts |= {numbering.NO_DISC, numbering.NO_SACRUM, numbering.TWO_NUMBERINGS, numbering.CUT_BELOW}
    texts |= {numbering.DISC_BELOW, numbering.SHORT_DISC}
    texts |= {findings.MAY_BE_ONE_OFF, single_image.BANNER, single_image.AXIAL_BANNER}
    assert not texts - known
    assert any(lines_of(text).fullmatch(numbering.MISSING.format("L1/L2, L2/L3")) for text in known if "{" in text)


def test_every_error_that_can_reach_the_page_is_in_the_catalogue() -> None:
    """Read off the source: the words of every error raised in the appliance."""
    patterns = [lines_of(text) for text in ALL]
    unknown = {
        text
        for path in sorted((ROOT / "appliance").rglob("*.py"))
        if not path.name.startswith(("backup", "commands_", "config", "demo", "api.py", "cli", "running"))
        for text in _words_of(ast.parse(path.read_text("utf-8")))
        if not any(p.fullmatch(text) or p.fullmatch(f"x {text}.") for p in patterns)
    }
    assert not unknown, "add them to appliance/web/told_texts.py"


def test_what_scripts_say_is_in_the_catalogue() -> None:
    scripts = (ROOT / "appliance/web/static").glob("*.js")
    said_there = {m[1] for path in scripts for m in re.finditer(r'\bt\("([^"]+)"', path.read_text("utf-8"))}
    assert said_there and said_there <= set(SCRIPTS)


def test_a_text_with_names_and_numbers_is_found_by_its_pattern(app: Flask) -> None:
    with app.test_request_context(headers={"Accept-Language": "fr"}):
        assert told("Severe spinal canal stenosis at L4/L5.") == "Sténose sévère du canal rachidien en L4/L5."
        assert told("Could not be read: a.dcm is damaged or was cut off while it was copied.") == (
            "N'a pas pu être lu : a.dcm est endommagé ou a été tronqué pendant la copie."
        )
        assert told("Read; gravest finding: moderate. These images were read before: the earlier report is shown") == (
            "Lu ; résultat le plus grave : modéré. Ces images avaient déjà été lues : le compte rendu antérieur est montré"
        )
        assert told("words nobody translated {why}") == "words nobody translated {why}"


def test_the_browser_is_asked_and_a_choice_holds_longer_than_a_login(client: FlaskClient) -> None:
    assert '<html lang="en" dir="ltr">' in client.get("/today", headers={"Accept-Language": "de"}).text
    assert 'lang="sw"' in client.get("/today", headers={"Accept-Language": "de, sw;q=0.8, en;q=0.5"}).text
    form = {"csrf": token(client, "/today"), "language": "ar", "next": "/today"}
    assert client.post("/language", data=form, headers=ORIGIN).location == "/today"
    assert '<html lang="ar" dir="rtl">' in client.get("/today", headers={"Accept-Language": "fr"}).text
    client.post("/logout", data=form, headers=ORIGIN)
    assert 'dir="rtl"' in client.get("/login").text


def test_two_who_watch_in_two_languages_each_see_their_own(client: FlaskClient, box: SmallBox) -> None:
    """The live part is drawn once for many; never in the language of whoever came first."""
    read(box, "a", "partly")
    for language, words in (("en", "gravest finding: severe"), ("fr", "résultat le plus grave : sévère"), ("sw", "kali")):
        assert words in client.get("/today/events", headers={"Accept-Language": language}).text


def test_a_change_of_language_leads_back_to_the_same_search_and_the_same_form(client: FlaskClient) -> None:
    def leads(page: str) -> str:
        found = re.search(r'name="next" value="([^"]*)"', page.split("<footer>")[1])
        return found[1] if found else "?"

    assert leads(client.get("/history?severity=severe&page=1").text) == "/history?severity=severe&amp;page=1"
    form = {"csrf": token(client, "/ask"), "question": "what is a disc"}
    assert leads(client.post("/ask", data=form, headers=ORIGIN).text) == "/ask"
    kiosk = client.post("/accounts/kiosk", data={"csrf": token(client, "/today")}, headers=ORIGIN).text
    assert leads(kiosk) == ""


def test_a_choice_that_is_none_changes_nothing_and_leads_nowhere_outside(client: FlaskClient) -> None:
    form = {"csrf": token(client, "/today"), "language": "xx", "next": "//evil.example"}
    assert client.post("/language", data=form, headers=ORIGIN).location == "/today"
    assert client.get_cookie(COOKIE) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_report_says_the_same_in_every_language_and_its_files_stay_english(
    client: FlaskClient, box: SmallBox, language: str
) -> None:
    read(box, "Visit 8", "partly")
    page = client.get("/study/job0001", headers={"Accept-Language": language}).text
    with client.application.test_request_context(headers={"Accept-Language": language}):
        words = [told(word) for word in ("Normal/mild", "Severe", NOTICE, Reason.NO_AXIAL_T2.label)]
        words.append(told("Severe spinal canal stenosis at L4/L5"))
    shown = page.replace("&#39;", "'")
    assert all(word in shown for word in words)
    assert shown.count(f'class="sev">{words[0]}') == 14 and "L4/L5" in page
    report = client.get("/study/job0001/report.json", headers={"Accept-Language": language})
    assert json.loads(report.data)["notice"] == NOTICE


@pytest.mark.parametrize("language", OTHERS)
def test_what_happened_to_a_study_and_what_to_do_is_told_in_the_page_s_language(
    client: FlaskClient, box: SmallBox, language: str
) -> None:
    """Notes and advice are kept in English; none of their words may stand on the page of a study."""
    box.drop("Anna", a="study 1.2 sagittal_t1")
    box.turn(40)
    read(box, "b", "corrupt")
    for job in box.ledger.newest(9):
        for step in box.ledger.history(job.id):
            with client.application.test_request_context(headers={"Accept-Language": language}):
                assert told(step.note) != step.note or not re.search(r"[a-z]{3,} [a-z]{3,}", step.note), step.note
    with client.application.test_request_context(headers={"Accept-Language": language}):
        for text in (AS_EXPORTED, "names no study", "a person said so", "read now", "without sagittal T2, axial T2"):
            assert told(text) != text and "without" not in told(text)


@pytest.mark.parametrize("language", OTHERS)
def test_no_english_sentence_is_left_on_a_page(client: FlaskClient, box: SmallBox, language: str) -> None:
    """Every text node of every page, against the English catalogue: none may stand there as it is in English."""
    read(box, "a", "partly")
    read(box, "b", "corrupt")
    with client.application.test_request_context(headers={"Accept-Language": language}):
        same = {text for text in ALL if told(text) == text}
    english = {m.id for m in said() if isinstance(m.id, str) and len(m.id.split()) > 2 and "%(" not in m.id} - same
    for path in ("/today", "/upload", "/history", "/manual", "/ask", "/tokens", "/accounts", "/account", "/study/job0001",
                 "/study/job0002"):  # fmt: skip
        page = client.get(path, headers={"Accept-Language": language}).text
        page = re.sub(r'<(\w+) lang="en".*?</\1>', "", page, flags=re.DOTALL)  # what says itself that it is English
        nodes = {node.strip().replace("&#39;", "'") for node in re.findall(r">([^<>]+)<", page)}
        assert not nodes & english, (path, nodes & english)


def test_days_and_numbers_are_written_as_the_language_writes_them(client: FlaskClient, box: SmallBox) -> None:
    read(box, "a", "fine")
    pages = {code: client.get("/study/job0001", headers={"Accept-Language": code}).text for code in LANGUAGES}
    assert "Mar 2, 2026" in pages["en"] and "2 mars 2026" in pages["fr"] and "2 mar 2026" in pages["es"]
    assert "80%" in pages["en"] and re.search(r"80\s%", pages["fr"]) and re.search(r"02\W+03\W+2026", pages["ar"])


def test_a_name_keeps_its_own_direction_on_a_page_that_turns_it(client: FlaskClient, box: SmallBox) -> None:
    """What is isolated is laid out by its own letters: `Visit (2)` must not become `(2) Visit` in Arabic."""
    read(box, "Visit (2)", "fine")
    client.get("/study/job0001")
    for path in ("/today", "/history", "/study/job0001", "/audit"):
        page = client.get(path, headers={"Accept-Language": "ar"}).text
        assert re.search(r"<bdi[^>]*>Visit \(2\)</bdi>", page), path
    assert "، " in client.get("/history", headers={"Accept-Language": "ar"}).text, "day and time parted as Arabic does"


def test_what_the_audit_says_is_told_in_the_page_s_language(client: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit 7", "fine")
    client.get("/study/job0001")
    assert "a vu job0001" in client.get("/audit", headers={"Accept-Language": "fr"}).text
    assert "saw job0001" in client.get("/audit").text and b"saw job0001" in client.get("/audit.csv").data


def test_everything_the_audit_is_told_is_in_the_catalogue() -> None:
    """Read off the source: the words of every note made of a person."""
    patterns = [lines_of(text) for text in ALL]
    texts = {
        _text(argument)
        for path in (*(ROOT / "appliance/web").glob("*.py"), ROOT / "appliance/commands_accounts.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and _name(node.func) in ("note", "_done")
        for argument in node.args
        if len(_text(argument).split()) > 1
    }
    assert len(texts) > 15 and not {t for t in texts if not any(p.fullmatch(t) for p in patterns)}


def test_an_error_is_told_in_the_page_s_language(visitor: FlaskClient, accounts: Accounts) -> None:
    accounts.add_first("Ada", PASSWORD)
    form = {"name": "Ada", "password": "wrong", "csrf": token(visitor)}
    answer = visitor.post("/login", data=form, headers=ORIGIN | {"Accept-Language": "es"})
    assert "El nombre o la contraseña son incorrectos" in answer.text
    assert "Aquí no hay nada" in visitor.get("/nothing", headers={"Accept-Language": "es"}).text


def test_the_safety_table_is_what_the_catalogues_say() -> None:
    """docs/translations.md: each word that matters, in each language as it is shipped, with its back-translation."""
    text = (ROOT / "docs/translations.md").read_text("utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")]
    found = {(row[0].strip("`"), row[1]): row[2] for row in rows}
    wanted = [s.label for s in SEVERITIES] + [NOTICE, Reason.NUMBERING_UNCERTAIN.label, "Not assessed"]
    for language in OTHERS:
        known = catalogue(language)
        for word in wanted:
            message = known.get(word)
            assert message is not None and found.get((language, word)) == message.string, (language, word)


def _is_there(known: Catalog, wanted: object) -> bool:
    message = known.get(wanted)  # type: ignore[arg-type]
    return message is not None and is_whole(message.string)


def _numbers(wanted: object) -> set[str]:
    return {"%(count)s"} if isinstance(wanted, tuple) else set()


def _words_of(tree: ast.AST) -> set[str]:
    """What the errors of a module say: plain texts, and f-strings with a stand-in for what they fill in."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in ERRORS:
            found |= {text for argument in node.args if len((text := _text(argument)).split()) > 1 and WORDS.search(text)}
    return found


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value if isinstance(v, ast.Constant) else "x" for v in node.values)  # type: ignore[misc]
    return ""


def test_the_audit_is_told_in_the_page_s_language_and_kept_in_english(
    app: Flask, client: FlaskClient, accounts: Accounts, box: SmallBox
) -> None:
    box.drop("Visit", a="spine")
    box.turn()
    client.get("/study/job0001")
    client.set_cookie("lumbarbox_language", "fr")
    shown = client.get("/audit").text
    assert "a vu job0001" in shown and "s&#39;est connecté(e)" in shown and "logged in" not in shown
    assert ("Ada", "saw job0001") in [(who, what) for _, who, what in accounts.audit(10)]


def test_everything_written_into_the_audit_is_in_the_catalogue() -> None:
    """Read off the source: the words of every note."""
    source = "".join(path.read_text("utf-8") for path in sorted((ROOT / "appliance/web").glob("*.py")))
    notes = re.findall(r'(?:\.note\([^,]+, |_done\()f?"([^"]+)"', source)
    patterns = [lines_of(text) for text in AUDIT]
    assert len(notes) > 20
    assert not [n for n in notes if not any(p.fullmatch(re.sub(r"\{[^}]*\}", "x", n)) for p in patterns)]
