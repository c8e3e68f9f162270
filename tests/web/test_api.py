"""The page's data for programs: what is asked for, who may ask, and that the document says what is so."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from appliance.adapters.accounts import Accounts
from appliance.errors import Code, SystemicError
from appliance.web.services import services
from tests.fakes import SmallBox
from tests.web.conftest import ORIGIN, PASSWORD, token

API = "/api/v1"
DOC = Path(__file__).resolve().parents[2] / "docs/api.md"


@pytest.fixture
def program(app: Flask, visitor: FlaskClient, accounts: Accounts, box: SmallBox) -> FlaskClient:
    """A client that sends a token with everything."""
    accounts.add_first("Ada", PASSWORD)
    with app.app_context():
        made = services().tokens.make("dashboard", "Ada", box.clock())
    visitor.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {made}"
    return visitor


def read(box: SmallBox, name: str, text: str) -> None:
    box.drop(name, a=text)
    box.turn()


def test_a_program_follows_a_study_from_sending_to_report(program: FlaskClient, box: SmallBox) -> None:
    files = [(io.BytesIO(b"fine 1"), "IM1"), (io.BytesIO(b"fine 2"), "IM2"), (io.BytesIO(b"x"), ".DS_Store")]
    sent = program.post(f"{API}/studies", data={"files": files, "name": "visit 7"})
    assert sent.status_code == 201 and sent.json["state"] == "queued" and sent.json["files"] == 2
    study = f"{API}/studies/{sent.json['id']}"
    assert program.get(f"{study}/report").status_code == 404
    box.turn(1)
    assert program.get(f"{study}/state").json["state"] == "done"
    assert program.get(study).json["result"]["worst"] == "severe"
    assert program.get(f"{study}/report").json["schema"] == "lumbarbox.report/1"
    assert [s["event"] for s in program.get(f"{study}/history").json["steps"]][-1] == "read"


def test_studies_are_listed_by_state_and_page(program: FlaskClient, box: SmallBox) -> None:
    for number in range(3):
        box.drop(f"good {number}", a=str(number))
    read(box, "bad", "corrupt")
    listed = program.get(f"{API}/studies?state=done&limit=2").json
    assert listed["total"] == 3 and len(listed["studies"]) == 2
    failed = program.get(f"{API}/studies?state=failed&state=quarantined").json["studies"]
    assert [s["reason"]["code"] for s in failed] == ["corrupt"] and failed[0]["reason"]["action"]
    for wrong in ("state=eaten", "limit=0", "limit=x", "offset=-1", "limit=9999999999999999999999"):
        assert program.get(f"{API}/studies?{wrong}").status_code == 400


def test_a_failed_study_is_tried_again(program: FlaskClient, box: SmallBox) -> None:
    read(box, "bad", "corrupt")
    assert program.post(f"{API}/studies/job0001/again").json["state"] == "received"
    assert program.post(f"{API}/studies/job0001/again").status_code == 400


def test_the_same_images_give_the_earlier_report(program: FlaskClient, box: SmallBox) -> None:
    read(box, "first", "fine")
    read(box, "second", "fine")
    assert program.get(f"{API}/studies/job0002").json["duplicate_of"] == "job0001"
    assert program.get(f"{API}/studies/job0002/report").json == program.get(f"{API}/studies/job0001/report").json


def test_the_assistant_answers_programs_too(program: FlaskClient) -> None:
    answer = program.post(f"{API}/ask", json={"question": "What is stenosis?"}).json
    assert answer["kind"] == "answered" and answer["passages"][0]["sources"]
    assert program.post(f"{API}/ask", json={"question": "capital of France"}).json["kind"] == "unknown"
    for wrong in ({}, {"question": 7}, [], {"question": "x", "more": 1}):
        assert program.post(f"{API}/ask", json=wrong).status_code == 400
    assert program.post(f"{API}/ask", data="x").status_code == 415


def test_who_is_not_logged_in_is_told_so_in_json(visitor: FlaskClient, accounts: Accounts) -> None:
    accounts.add_first("Ada", PASSWORD)
    for path in ("studies", "health", "openapi.json", "studies/job0001/report"):
        answer = visitor.get(f"{API}/{path}")
        assert answer.status_code == 401 and answer.json["error"]["message"]
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert visitor.get(f"{API}/studies", headers={"Authorization": "Bearer guess"}).status_code == 401


def test_a_session_works_with_its_form_token_and_origin_only(client: FlaskClient, program: FlaskClient) -> None:
    del program.environ_base["HTTP_AUTHORIZATION"]
    assert client.get(f"{API}/studies").status_code == 200
    question = {"question": "What is stenosis?"}
    assert client.post(f"{API}/ask", json=question).status_code == 403
    assert client.post(f"{API}/ask", json=question, headers=ORIGIN).status_code == 403
    right = ORIGIN | {"X-CSRF-Token": token(client, "/today")}
    assert client.post(f"{API}/ask", json=question, headers=right).status_code == 200
    assert client.post(f"{API}/ask", json=question, headers=right | {"Origin": "http://evil.example"}).status_code == 403


def test_a_token_opens_the_api_and_nothing_else(program: FlaskClient) -> None:
    assert program.get(f"{API}/studies").status_code == 200
    assert program.get("/today").status_code == 302 and program.get("/tokens").status_code == 302
    assert program.post("/ask", data={"question": "x"}).status_code == 403


def test_an_administrator_makes_a_token_sees_it_once_and_revokes_it(
    client: FlaskClient, app: Flask, accounts: Accounts
) -> None:
    form = {"csrf": token(client, "/tokens"), "name": "dashboard <b>"}
    page = client.post("/tokens", data=form, headers=ORIGIN).text
    made = re.search(r'<code dir="ltr">([\w-]{43})</code>', page)
    assert made and made[1] not in client.get("/tokens").text and "dashboard &lt;b&gt;" in page
    other = app.test_client()
    sent = {"Authorization": f"Bearer {made[1]}"}
    assert other.get(f"{API}/health", headers=sent).status_code == 200
    assert client.post("/tokens/1/revoke", data=form, headers=ORIGIN).status_code == 302
    assert other.get(f"{API}/health", headers=sent).status_code == 401
    assert client.post("/tokens", data=form | {"name": " "}, headers=ORIGIN).status_code == 400
    assert [what for _, _, what in accounts.audit(2)] == ["revoked token 1", "made the token dashboard <b>"]


def test_tokens_are_kept_as_hashes(client: FlaskClient, tmp_path: Path, app: Flask) -> None:
    with app.app_context():
        made = services().tokens.make("x", "Ada", services().clock())
    assert made.encode() not in (tmp_path / "tokens.db").read_bytes()
    assert (tmp_path / "tokens.db").stat().st_mode & 0o077 == 0


def test_what_a_program_did_stands_in_the_audit(program: FlaskClient, box: SmallBox, accounts: Accounts) -> None:
    read(box, "one", "fine")
    program.get(f"{API}/studies/job0001/report")
    assert accounts.audit(1)[0][1:] == ("token dashboard", "saw job0001")


def test_a_fault_of_the_box_is_told_in_json(
    program: FlaskClient, box: SmallBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise SystemicError(Code.LEDGER, "The ledger cannot be used.", "Check the disk.")

    monkeypatch.setattr(box.ledger, "newest", broken)
    answer = program.get(f"{API}/studies")
    assert answer.status_code == 503 and answer.json["error"]["action"] == "Check the disk."
    assert program.get(f"{API}/nothing").json["error"]["code"] == "not_found"
    assert program.delete(f"{API}/studies").status_code == 405
    assert program.post(f"{API}/studies", data=b"x", content_type="text/plain").status_code == 415
    assert program.post(f"{API}/studies", data={"name": "x"}, content_type="multipart/form-data").status_code == 400


def test_the_document_matches_the_routes_and_the_answers_the_document(
    program: FlaskClient, box: SmallBox, app: Flask
) -> None:
    read(box, "one", "fine")
    document = program.get(f"{API}/openapi.json").json
    rules = {re.sub(r"<(\w+)>", r"{\1}", r.rule) for r in app.url_map.iter_rules() if r.rule.startswith(API)}
    assert set(document["paths"]) == rules
    for path, methods in document["paths"].items():
        if "get" in methods:
            answer = program.get(path.replace("{job_id}", "job0001"))
            ((kind, said),) = methods["get"]["responses"]["200"]["content"].items()
            if kind == "application/json":
                Draft202012Validator(said["schema"]).validate(answer.json)
            else:  # this study was no DICOM: tests/test_dicom_objects.py has one that was
                assert answer.status_code == 404 and "404" in methods["get"]["responses"]
            assert "401" in methods["get"]["responses"]


def test_every_route_is_documented(program: FlaskClient) -> None:
    text = DOC.read_text("utf-8")
    for path, methods in program.get(f"{API}/openapi.json").json["paths"].items():
        for method in methods:
            assert f"`{method.upper()} {path.replace('{', '<').replace('}', '>')}" in text


def test_a_program_fetches_the_report_as_dicom(program: FlaskClient, box: SmallBox) -> None:
    box.drop("Visit", a="spine dicom")
    box.drop("Other", a="spine")
    box.turn()
    jobs = {s["name"]: s["id"] for s in program.get("/api/v1/studies").get_json()["studies"]}
    answer = program.get(f"/api/v1/studies/{jobs['Visit']}/dicom")
    assert answer.mimetype == "application/zip" and answer.data.startswith(b"PK")
    assert program.get(f"/api/v1/studies/{jobs['Other']}/dicom").get_json()["error"]["code"] == "not_found"
