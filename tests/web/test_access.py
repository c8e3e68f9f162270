"""Who gets in, and what a stranger's page cannot do."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.adapters.accounts import FREE_TRIES, Accounts
from appliance.core.roles import Role
from tests.fakes import MORNING, SmallBox
from tests.web.conftest import CODE, ORIGIN, PASSWORD, token

PRIVATE = ("/today", "/today/events", "/upload", "/history", "/manual", "/study/job0001", "/study/job0001/report.json")


def set_up(visitor: FlaskClient, **changes: str) -> int:
    form = {"code": CODE, "name": "Ada", "password": PASSWORD, "again": PASSWORD, "csrf": token(visitor, "/setup")}
    return visitor.post("/setup", data=form | changes, headers=ORIGIN).status_code


@pytest.mark.parametrize("path", PRIVATE)
def test_nothing_is_shown_without_a_login(visitor: FlaskClient, accounts: Accounts, path: str) -> None:
    accounts.add_first("Ada", PASSWORD)
    answer = visitor.get(path)
    assert answer.status_code == 302 and "/login" in answer.location


def test_the_first_run_asks_for_an_administrator_and_knows_no_default(visitor: FlaskClient) -> None:
    assert "/setup" in visitor.get("/today").location
    for wrong in ({"code": "guess"}, {"password": "short", "again": "short"}, {"again": "another"}, {"name": " "}):
        assert set_up(visitor, **wrong) == 400
    assert visitor.post("/login", data={"name": "admin", "password": "admin"}, headers=ORIGIN).status_code == 403
    assert set_up(visitor) == 302
    assert visitor.get("/today").status_code == 200


def test_the_setup_page_appears_once(visitor: FlaskClient, client: FlaskClient) -> None:
    assert "/login" in visitor.get(f"/setup?code={CODE}").location
    assert set_up(visitor, name="Eve") == 403
    assert client.get("/today").status_code == 200


def test_the_setup_page_answers_on_the_box_itself_only(visitor: FlaskClient) -> None:
    assert visitor.get("/setup", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403


def test_a_wrong_password_is_refused_and_many_lock_the_name(accounts: Accounts) -> None:
    accounts.add_first("Ada", PASSWORD)
    for _ in range(FREE_TRIES):
        assert accounts.login("ada", "wrong", MORNING) is None
    assert accounts.login("Ada", PASSWORD, MORNING) is None, "locked now, even for the right one"
    assert accounts.login("Ada", PASSWORD, MORNING + timedelta(seconds=31)) is not None
    assert accounts.login("nobody", PASSWORD, MORNING) is None


@pytest.mark.parametrize("name", ["Ada", "nobody"])
def test_who_is_locked_is_told_for_how_long_whether_the_name_exists_or_not(
    visitor: FlaskClient, accounts: Accounts, name: str
) -> None:
    accounts.add_first("Ada", PASSWORD)
    for _ in range(FREE_TRIES - 1):
        accounts.login(name, "wrong", MORNING)
    assert accounts.locked_for(name, MORNING) == timedelta()
    accounts.login(name, "wrong", MORNING)
    form = {"name": name, "password": PASSWORD, "csrf": token(visitor)}
    answer = visitor.post("/login", data=form, headers=ORIGIN)
    assert answer.status_code == 401 and "locked for another 30 s" in answer.text
    french = visitor.post("/login", data=form, headers=ORIGIN | {"Accept-Language": "fr"})
    assert "bloqué encore 30 s" in french.text


def test_wrong_tries_of_yesterday_are_forgiven(accounts: Accounts) -> None:
    for day in range(2 * FREE_TRIES):
        accounts.login("Ada", "wrong", MORNING + timedelta(days=2 * day))
    assert accounts.locked_for("Ada", MORNING + timedelta(days=4 * FREE_TRIES)) == timedelta()


EASY = ("password12", "1234567890", "aaaaaaaaaa", "qwertyuiop", "lumbarbox1", "adaadaada1")


@pytest.mark.parametrize("easy", EASY)
def test_a_password_anybody_would_try_is_refused_at_every_door(
    app: Flask, client: FlaskClient, accounts: Accounts, easy: str
) -> None:
    assert set_up(app.test_client(), password=easy, again=easy) in (400, 403)
    assert do(client, "add", name="Bo", password=easy, role="doctor") == 400 and accounts.find("Bo") is None
    assert do(client, "password", name="Ada", password=easy) == 400
    assert change(client, old=PASSWORD, password=easy, again=easy) == 400
    assert accounts.objection("Ada", easy, easy) and not accounts.objection("Ada", PASSWORD, PASSWORD)


def test_a_password_that_is_too_long_is_told_so(accounts: Accounts) -> None:
    long = "many words " * 100
    assert "at most 1000" in accounts.objection("Ada", long, long)


@pytest.mark.parametrize("name", ["token dashboard", "the terminal"])
def test_nobody_is_called_like_a_program_or_the_terminal(client: FlaskClient, name: str) -> None:
    assert do(client, "add", name=name, password=PASSWORD, role="doctor") == 400


def test_logging_out_ends_the_session_and_every_copy_of_its_cookie(
    app: Flask, client: FlaskClient, accounts: Accounts
) -> None:
    cookie = client.get_cookie("lumbarbox")
    assert cookie is not None
    client.post("/logout", data={"csrf": token(client, "/today")}, headers=ORIGIN)
    assert client.get("/today").status_code == 302
    thief = app.test_client()
    thief.set_cookie("lumbarbox", cookie.value)
    assert thief.get("/today").status_code == 302
    assert accounts.audit(1)[0][1:] == ("Ada", "logged out")


def test_a_login_ends_in_time_however_much_its_page_asks_for_news(client: FlaskClient, box: SmallBox) -> None:
    client.get("/today")
    for _ in range(59):
        box.clock.tick(60)
        assert client.get("/today/events").status_code == 200
        assert "Set-Cookie" not in client.get("/today").headers, "nor does the browser keep it longer"
    box.clock.tick(61)
    assert client.get("/today").status_code == 302


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Referer": "http://evil.example/x"},
        {"Origin": "null"},
        {},
        {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_another_sites_form_is_refused(client: FlaskClient, headers: dict[str, str]) -> None:
    form = {"csrf": token(client, "/today")}
    for path in posts(client):
        assert client.post(path, data=form, headers=headers).status_code == 403, path


def test_a_form_without_its_token_is_refused(client: FlaskClient) -> None:
    for path in posts(client):
        for form in ({}, {"csrf": "guess"}, {"csrf": "ü"}):
            assert client.post(path, data=form, headers=ORIGIN).status_code == 403, path


def posts(client: FlaskClient) -> list[str]:
    """Every address that takes a form, known to the application today or added tomorrow."""
    rules = [r for r in client.application.url_map.iter_rules() if r.methods and r.methods & {"POST", "PUT", "DELETE"}]
    assert len(rules) >= 15
    return [re.sub(r"<[^>]*>", "job0001", r.rule) for r in rules]


def test_every_form_on_every_page_carries_its_token(client: FlaskClient, box: SmallBox) -> None:
    box.drop("patient", a="spine")
    box.drop("bad", a="corrupt")
    box.turn()
    met = 0
    for path in (*PRIVATE[:1], "/upload", "/study/job0001", "/study/job0002", "/accounts", "/account", "/login"):
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", client.get(path).text, re.S):
            met += 1
            assert 'name="csrf"' in form, path
    assert met >= 12


def test_a_foreign_name_that_resolves_here_gets_nothing(visitor: FlaskClient) -> None:
    assert visitor.get("/healthz", headers={"Host": "evil.example"}).status_code == 400
    for known in ("localhost:8080", "127.0.0.1:8080", "[::1]:8080", "box.lan", "192.0.2.1"):
        assert visitor.get("/healthz", headers={"Host": known}).status_code == 200


def test_a_login_leads_nowhere_outside(visitor: FlaskClient, accounts: Accounts) -> None:
    accounts.add_first("Ada", PASSWORD)
    form = {"name": "Ada", "password": PASSWORD, "csrf": token(visitor), "next": "//evil.example"}
    assert visitor.post("/login", data=form, headers=ORIGIN).location == "/today"


def test_every_answer_carries_the_headers(visitor: FlaskClient) -> None:
    for path in ("/login", "/healthz", "/static/style.css", "/nothing"):
        headers = visitor.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["X-Frame-Options"] == "DENY"


def test_who_saw_what_is_written_down(client: FlaskClient, box: SmallBox, accounts: Accounts) -> None:
    box.drop("patient", a="1")
    box.turn()
    client.get("/study/job0001")
    assert accounts.audit(1)[0][1:] == ("Ada", "saw job0001")


def test_whoever_looks_at_a_picture_alone_is_written_down_once(
    client: FlaskClient, box: SmallBox, accounts: Accounts
) -> None:
    box.drop("patient", a="spine")
    box.turn()
    for _ in range(3):
        assert client.get("/study/job0001/picture/levels").status_code == 200
        assert client.get("/study/job0001/images/0/0").status_code == 200
    assert [line[1:] for line in accounts.audit(9)].count(("Ada", "saw the images of job0001")) == 1
    box.clock.tick(1800)
    client.get("/study/job0001/picture/levels")
    assert accounts.audit(1)[0][1:] == ("Ada", "saw the images of job0001"), "another look"


def test_who_reaches_for_what_is_not_theirs_is_written_down(app: Flask, client: FlaskClient, accounts: Accounts) -> None:
    accounts.add("Bo", PASSWORD, Role.TECHNICIAN)
    bo = log_in(app, "Bo")
    for path in ("/accounts", "/tokens"):
        answer = bo.get(path)
        assert answer.status_code == 403 and "log in as administrator" in answer.text
        assert accounts.audit(1)[0][1:] == ("Bo", "was refused what needs: administrator")
    change(bo, old="wrong", password="a much newer one", again="a much newer one")
    assert accounts.audit(1)[0][1:] == ("Bo", "gave a wrong old password")


ADMINISTRATORS = ("/accounts", "/audit", "/audit.csv")


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.DOCTOR])
def test_only_an_administrator_looks_after_accounts(
    app: Flask, client: FlaskClient, accounts: Accounts, role: Role
) -> None:
    assert do(client, "add", name="Bo", password=PASSWORD, role=role.value) == 302
    bo = log_in(app, "Bo")
    for path in ADMINISTRATORS:
        assert bo.get(path).status_code == 403 and client.get(path).status_code == 200
    assert "Accounts" not in bo.get("/today").text
    assert do(bo, "role", name="Bo", role="administrator") == 403
    assert accounts.find("Bo").role is role  # type: ignore[union-attr]


def test_an_account_is_made_changed_and_removed(app: Flask, client: FlaskClient, accounts: Accounts) -> None:
    for wrong in ({"name": ""}, {"password": "short"}, {"role": "king"}, {"name": "a\nb"}, {"name": "Ada"}):
        assert do(client, "add", **{"name": "Bo", "password": PASSWORD, "role": "technician"} | wrong) == 400, wrong
    do(client, "add", name="Bo", password=PASSWORD, role="technician")
    bo = log_in(app, "Bo")
    assert bo.get("/today").status_code == 200
    do(client, "role", name="Bo", role="doctor")
    assert "<strong>doctor" not in bo.get("/account").text and "as doctor" in bo.get("/account").text
    do(client, "password", name="Bo", password="another long one")
    assert bo.get("/today").status_code == 302, "the old password's session has ended"
    assert accounts.login("Bo", "another long one", MORNING) is not None
    do(client, "remove", name="Bo")
    assert accounts.find("Bo") is None and do(client, "remove", name="Bo") == 404


def test_the_last_administrator_stays_one(client: FlaskClient, accounts: Accounts) -> None:
    assert do(client, "remove", name="Ada") == 400 and do(client, "role", name="Ada", role="doctor") == 400
    accounts.add("Eve", PASSWORD, Role.ADMINISTRATOR)
    assert do(client, "remove", name="Ada") == 302


def test_a_person_changes_their_own_password(client: FlaskClient, accounts: Accounts) -> None:
    new = {"password": "a much newer one", "again": "a much newer one"}
    assert change(client, old="wrong", **new) == 400
    assert change(client, old=PASSWORD, password="short", again="short") == 400
    assert change(client, old=PASSWORD, **new | {"again": "x"}) == 400
    assert change(client, old=PASSWORD, **new) == 302
    assert client.get("/today").status_code == 200, "this session goes on"
    assert accounts.login("Ada", PASSWORD, MORNING) is None


def test_the_audit_says_who_did_what_and_is_searched(app: Flask, client: FlaskClient, box: SmallBox) -> None:
    box.drop("Visit <b>7", a="fine")
    box.turn()
    do(client, "add", name="=Bo", password=PASSWORD, role="technician")
    log_in(app, "=Bo").get("/study/job0001")
    page = client.get("/audit").text
    assert "added =Bo as technician" in page and "saw job0001" in page and "Visit &lt;b&gt;7" in page
    assert "added =Bo" not in client.get("/audit?who=%3DBo").text
    assert "Nothing is written down of nobody" in client.get("/audit?who=nobody").text
    assert "'=Bo,saw job0001" in client.get("/audit.csv").text


def test_the_audit_has_a_next_page_when_there_is_one(client: FlaskClient, accounts: Accounts) -> None:
    assert "Older" not in client.get("/audit").text
    for number in range(101):
        accounts.note("Bo", f"saw job{number}", MORNING)
    first = client.get("/audit").text
    assert "Older" in first and "Newer" not in first and first.count("<tr>") == 101
    assert "Newer" in client.get("/audit?page=2").text and "Older" not in client.get("/audit?page=2").text


def test_the_wall_needs_its_key_and_shows_nobody(
    app: Flask, client: FlaskClient, visitor: FlaskClient, box: SmallBox, accounts: Accounts
) -> None:
    box.drop("Doe Jane", a="fine")
    box.turn()
    assert visitor.get("/kiosk/guess").status_code == 404
    page = client.post("/accounts/kiosk", data={"csrf": token(client, "/today")}, headers=ORIGIN).text
    found = re.search(r'href="http://localhost(/kiosk/[^"]+)"', page)
    assert found
    wall = visitor.get(found.group(1))
    assert wall.status_code == 200 and "report ready" in wall.text
    assert not any(word in wall.text for word in ("Doe", "severe", "Log out", "/study/"))
    assert "report ready" in visitor.get(f"{found.group(1)}/events").text
    assert visitor.get("/today").status_code == 302, "the key opens nothing else"
    client.post("/accounts/kiosk", data={"csrf": token(client, "/today"), "end": "1"}, headers=ORIGIN)
    assert visitor.get(found.group(1)).status_code == 404
    assert found.group(1).rsplit("/")[-1].encode() not in b"".join(p.read_bytes() for p in box.folder.glob("*.db*"))


def log_in(app: Flask, name: str) -> FlaskClient:
    made = app.test_client()
    made.post("/login", data={"name": name, "password": PASSWORD, "csrf": token(made)}, headers=ORIGIN)
    return made


def do(client: FlaskClient, what: str, **form: str) -> int:
    return client.post(f"/accounts/{what}", data={"csrf": token(client, "/today"), **form}, headers=ORIGIN).status_code


def change(client: FlaskClient, **form: str) -> int:
    return client.post("/account", data={"csrf": token(client, "/today"), **form}, headers=ORIGIN).status_code
