"""Who gets in, and what a stranger's page cannot do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from appliance.adapters.accounts import FREE_TRIES, Accounts
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


def test_logging_out_ends_the_session(client: FlaskClient) -> None:
    client.post("/logout", data={"csrf": token(client, "/today")}, headers=ORIGIN)
    assert client.get("/today").status_code == 302


@pytest.mark.parametrize("path", ["/upload", "/logout", "/study/job0001/again"])
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
def test_another_sites_form_is_refused(client: FlaskClient, path: str, headers: dict[str, str]) -> None:
    form = {"csrf": token(client, "/today")}
    assert client.post(path, data=form, headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/upload", "/logout", "/study/job0001/again"])
def test_a_form_without_its_token_is_refused(client: FlaskClient, path: str) -> None:
    for form in ({}, {"csrf": "guess"}, {"csrf": "ü"}):
        assert client.post(path, data=form, headers=ORIGIN).status_code == 403


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
