"""A page on a small box: `client` is logged in, `visitor` is not."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.adapters.accounts import Accounts
from appliance.adapters.slice_files import read_index
from appliance.adapters.tokens import Tokens
from appliance.intake import read_now, try_again
from appliance.knowledge import assistant
from appliance.report_folder import dicom_for, pdf_for
from appliance.web.application import create_app
from appliance.web.services import PageSettings, Services
from tests.fakes import SmallBox

CODE, PASSWORD = "one-time-code", "correct horse battery"
ORIGIN = {"Origin": "http://localhost"}


@pytest.fixture
def box(tmp_path: Path) -> SmallBox:
    return SmallBox(tmp_path)


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    return Accounts(tmp_path / "accounts.db")


@pytest.fixture
def app(box: SmallBox, accounts: Accounts, tmp_path: Path) -> Flask:
    services = Services(
        ledger=box.ledger,
        reports=box.reports,
        uploads=box.uploads,
        accounts=accounts,
        health=box.vitals.take,
        try_again=lambda job: try_again(job, box.ledger, box.shelf.bring_back, box.clock()),
        read_now=lambda job: read_now(job, box.ledger, box.clock()),
        transfers=box.transfers,
        register=box.register,
        revising=box.revising,
        slices=read_index,
        pdf=pdf_for,
        dicom=dicom_for,
        facts=lambda: {"node": "box", "version": "1", "reader": {"ready": True}},
        assistant=assistant(),
        tokens=Tokens(tmp_path / "tokens.db"),
        clock=box.clock,
    )
    settings = PageSettings(b"k" * 32, CODE, names=("box.lan",), upload_bytes=1 << 20, session=timedelta(hours=1))
    return create_app(services, settings)


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def client(app: Flask, accounts: Accounts) -> FlaskClient:
    accounts.add_first("Ada", PASSWORD)
    made = app.test_client()
    answer = made.post("/login", data={"name": "Ada", "password": PASSWORD, "csrf": token(made)}, headers=ORIGIN)
    assert answer.status_code == 302
    return made


def token(client: FlaskClient, path: str = "/login") -> str:
    """The CSRF token of this client's session."""
    client.get(path)
    with client.session_transaction() as session:
        return str(session.get("csrf", ""))
