"""Whose study is whose, without keeping who it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.adapters.register import Register
from appliance.core.report_json import to_json
from appliance.core.review import Opinion, table
from appliance.core.spine import Condition, Level, Severity
from appliance.core.study import Patient
from tests.core.make_values import report
from tests.fakes import MORNING

JANE = Patient("ID-77", "Doe^Jane", "19600101", "F")
CANAL = Condition.SPINAL_CANAL_STENOSIS
OPINION = Opinion("a", CANAL, Level.L4_L5, Severity.MODERATE, Severity.SEVERE, 1, "Dr Ada", MORNING, "disc, not bone")


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(tmp_path / "register.db")


def test_earlier_studies_are_found_without_keeping_who_it_is(register: Register, tmp_path: Path) -> None:
    register.note("a", JANE, "20260101")
    register.note("b", replace(JANE, name="DOE^JANE^M"), "20250101")
    register.note("c", replace(JANE, patient_id="ID-78"), "20240101")
    assert register.others("a") == (("b", "20250101"),)
    assert register.others("c") == ()
    assert register.patient("a") is None and register.find_patient("Doe") == ()
    kept = (tmp_path / "register.db").read_bytes()
    assert not any(word in kept for word in (b"Doe", b"ID-77", b"19600101", b"DOE"))


def test_two_studies_of_nobody_are_not_of_the_same_patient(register: Register) -> None:
    for job in ("a", "b"):
        register.note(job, Patient(), "20260101")
    assert register.others("a") == ()


def test_identifiers_are_kept_and_searched_where_the_configuration_says_so(tmp_path: Path) -> None:
    register = Register(tmp_path / "register.db", keep_identifiers=True)
    register.note("a", JANE, "20260101")
    register.note("b", Patient(name="50%^_x"), "20260101")
    assert register.patient("a") == JANE
    for words in ("doe", "doe jane", "id-77", " Jane "):
        assert register.find_patient(words) == ("a",), words
    assert register.find_patient("nobody") == ()


def test_opinions_are_added_and_none_is_changed(register: Register) -> None:
    later = replace(OPINION, severity=Severity.SEVERE, comment="")
    register.add_opinion(OPINION)
    register.add_opinion(later)
    assert register.opinions("a") == (OPINION, later) == register.opinions()
    assert register.opinions("b") == () and not OPINION.agrees and later.agrees


def test_the_export_is_a_line_to_train_on() -> None:
    head, line = table([(OPINION, to_json(report()))])
    row = dict(zip(head, line, strict=True))
    assert (row["model_severity"], row["reviewer_severity"], row["agrees"]) == ("severe", "moderate", 0)
    assert (row["p_severe"], row["sop_uid"], row["x1"], row["comment"]) == (0.7, "t2.5", 70.0, "disc, not bone")
