"""Accounts from the box's terminal: the way back in."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from appliance.adapters.accounts import Accounts
from appliance.cli import main
from tests.fakes import MORNING

PASSWORD = "correct horse battery"


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str, typed: str = "") -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return main(["accounts", "--data", str(folder), *words])


def test_an_account_is_added_listed_and_given_a_new_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path, "add", "Ada", "--role", "administrator", typed=f"{PASSWORD}\n") == 0
    assert run(monkeypatch, tmp_path, "password", "Ada", typed="another long one\n") == 0
    assert run(monkeypatch, tmp_path, "list") == 0
    assert "administrator  Ada" in capsys.readouterr().out
    accounts = Accounts(tmp_path / "accounts.db")
    assert accounts.login("Ada", "another long one", MORNING) and not accounts.login("Ada", PASSWORD, MORNING)
    assert [(who, what) for _, who, what in accounts.audit(1)] == [("the terminal", "gave Ada a new password")]


def test_what_cannot_be_done_is_told_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch, tmp_path, "add", "Ada", typed=f"{PASSWORD}\n")
    assert run(monkeypatch, tmp_path, "add", "Ada", typed=f"{PASSWORD}\n") == 1
    assert run(monkeypatch, tmp_path, "password", "Bo", typed=f"{PASSWORD}\n") == 1
    assert run(monkeypatch, tmp_path, "password", "Ada", typed="short\n") == 1
    told = capsys.readouterr().err
    assert "There is no Bo" in told and "at least 10 characters" in told
    assert Accounts(tmp_path / "accounts.db").login("Ada", PASSWORD, MORNING)


def test_a_folder_that_is_no_box_s_is_told_and_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, tmp_path / "wrong", "list") == 1
    assert run(monkeypatch, tmp_path / "wrong", "password", "Ada", typed=f"{PASSWORD}\n") == 1
    assert "There are no accounts in" in capsys.readouterr().err
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize("name", ["the terminal", "token ward", "A" * 65, "Ada\n"])
def test_a_name_that_the_page_would_refuse_is_refused_here_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(monkeypatch, tmp_path, "add", name, typed=f"{PASSWORD}\n") == 1
    assert "name" in capsys.readouterr().err
