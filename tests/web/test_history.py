"""Ten thousand studies: found by what a person remembers, and no slower for being many."""

from __future__ import annotations

import json
import re
import sqlite3
from dataclasses import asdict
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from appliance.core.jobs import Result, Search, State
from appliance.core.study import Patient
from appliance.web.services import PageSettings
from tests.fakes import MORNING, SmallBox

MANY = 10_000
WORST = ("normal_mild", "moderate", "severe")


@pytest.fixture
def full(box: SmallBox) -> SmallBox:
    """Ten years of studies, three a day; every seventh could not be read."""
    with sqlite3.connect(box.folder / "ledger.db") as db:
        db.executemany(
            "INSERT INTO jobs (id, name, source, state, created_at, updated_at, result, reason, filed, handed_over) "
            "VALUES (?, ?, 'share', ?, ?, ?, ?, ?, 1, 1)",
            (_row(number) for number in range(MANY)),
        )
    return box


def _row(number: int) -> tuple[str | None, ...]:
    at = (MORNING - timedelta(hours=8 * number)).isoformat()
    if number % 7 == 0:
        reason = json.dumps({"code": "corrupt", "message": "Damaged.", "action": "Again."})
        return f"j{number}", f"Visit {number}", "failed", at, at, None, reason
    result = Result(f"r{number}", 1, "read", WORST[number % 3], 0, 25, "f")
    return f"j{number}", f"Visit {number}", "done", at, at, json.dumps(asdict(result)), None


def total(client: FlaskClient, query: str) -> int:
    found = re.search(r"([\d,]+) stud(?:y|ies)</span>", client.get(f"/history?{query}").text)
    return int(found.group(1).replace(",", "")) if found else 0


def test_it_is_searched_by_day_severity_state_and_name(client: FlaskClient, full: SmallBox) -> None:
    assert total(client, "") == MANY
    assert total(client, "state=failed") == len(range(0, MANY, 7))
    severe = sum(1 for n in range(MANY) if n % 7 and n % 3 == 2)
    assert total(client, "severity=severe") == severe
    assert total(client, "since=2026-03-01&until=2026-03-01") == 3
    assert total(client, "name=visit+9999") == 1
    assert total(client, "severity=severe&state=failed") == 0
    assert "No study fits." in client.get("/history?severity=severe&state=failed").text


def test_what_makes_no_sense_is_left_out(client: FlaskClient, full: SmallBox) -> None:
    for query in ("since=yesterday", "severity=fatal", "state=x", "page=-3", "page=x", "page=99999999999999999999", "name="):
        assert total(client, query) == MANY, query


def test_the_pages_keep_the_search(client: FlaskClient, full: SmallBox) -> None:
    page = client.get("/history?severity=severe&page=2").text
    assert "/history?page=3&amp;severity=severe" in page and "/history?page=1&amp;severity=severe" in page
    assert len(client.get("/history?page=100").data) < 100_000


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Search(worst="severe"), "jobs_by_worst"),
        (Search(since="2026-03-01", until="2026-03-01"), "jobs_by_day"),
        (Search(states=(State.FAILED,)), "jobs_by_state"),
        (Search(ids=("j1", "j2")), "sqlite_autoindex_jobs_1"),
    ],
)
def test_each_search_walks_an_index(full: SmallBox, wanted: Search, index: str) -> None:
    from appliance.adapters.ledger.queries import _clauses

    clauses, values = _clauses(wanted)
    with sqlite3.connect(full.folder / "ledger.db") as db:
        db.execute("ANALYZE")
        plan = db.execute(f"EXPLAIN QUERY PLAN SELECT COUNT(*) FROM jobs WHERE {' AND '.join(clauses)}", values).fetchall()
    assert index in str(plan), plan


def test_patients_are_searched_only_where_identifiers_are_kept(client: FlaskClient, box: SmallBox) -> None:
    box.drop("Visit", a="fine ID=Zoe")
    box.turn()
    page = client.get("/history?patient=Zoe").text
    assert "Patient" not in page and "Visit" in page, "the field is not there, and the address does nothing"
    assert "Zoe" not in client.get("/study/job0001").text


def test_where_they_are_kept_a_patient_is_found(
    client: FlaskClient, box: SmallBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(box.register, "_keep", True)
    made = PageSettings(**{**asdict(client.application.extensions["settings"]), "identifiers": True})
    monkeypatch.setitem(client.application.extensions, "settings", made)
    for name, who in (("Visit 1", "Zoe"), ("Visit 2", "Max")):
        box.drop(name, a=f"fine ID={who}")
        box.turn()
    page = client.get("/history?patient=zoe").text
    assert "Visit 1" in page and "Visit 2" not in page and "Zoe" in page
    assert "No study fits" in client.get("/history?patient=nobody").text
    assert "Zoe" in client.get("/study/job0001").text
    nasty = Patient("<script>alert(1)</script>", "<script>alert(1)</script>")
    box.register.note("job0001", nasty, "20260101")
    assert client.get("/study/job0001").text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2, "name and number, as text"
    for path in ("/history", "/study/job0001", "/study/job0002", "/today", "/audit", "/history?patient=<script>"):
        assert "<script>alert" not in client.get(path).text, path
    assert "&lt;script&gt;alert(1)" in client.get("/study/job0001").text
    assert client.get("/study/job0001/report.pdf").data.startswith(b"%PDF")
