"""Who an object made from a report is: always the same, never more than is allowed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.uid import UID

from appliance.core import dicom_codes
from appliance.core.dicom_identity import Identity, can_be_dicom, is_uid
from appliance.core.report import Outcome, Reason
from appliance.core.spine import LEVELS, Region, Severity, Side
from appliance.core.study import Patient
from tests.core.make_values import dicom_report, report


def test_uids_come_from_the_report_and_from_whether_it_names_somebody() -> None:
    nameless, again = Identity(dicom_report()), Identity(dicom_report())
    named = Identity(dicom_report(), Patient("7", "Doe^Jane"))
    later = Identity(replace(dicom_report(), revision=2))
    assert nameless.uid("SR") == again.uid("SR")
    uids = {who.uid(what) for who in (nameless, named, later) for what in ("SR", "SC")}
    assert len(uids) == 6 and all(UID(uid).is_valid and is_uid(uid) and uid.startswith("2.25.") for uid in uids)


def test_only_a_report_on_dicom_images_becomes_dicom() -> None:
    assert can_be_dicom(dicom_report())
    assert not can_be_dicom(report())  # its images name themselves `t2.5`
    assert not can_be_dicom(replace(dicom_report(), study_uid=""))
    with pytest.raises(ValueError, match="points to no DICOM image"):
        Identity(report())


@pytest.mark.parametrize("text", ["", "1", "1.2.03", "1..2", "3.1.2", "1.2.3 ", "1.2." + "9" * 61, "1.2.x", "../1.2"])
def test_what_is_no_uid(text: str) -> None:
    assert not is_uid(text)


def test_a_strangers_name_cannot_break_the_object() -> None:
    who = Identity(dicom_report(), Patient("a\\b", "x=y=z=q^^^^^^\\", "31.2.1980", "whatever"))
    assert who.patient_name == "x y z q  " and who.patient_id == "a b" and not who.birth_date and not who.sex
    assert len(Identity(dicom_report(), Patient("7" * 99, "n" * 99)).patient_name) == 64


def standard() -> list[dicom_codes.CodeTriple]:
    tables = (
        dicom_codes.SIDES, dicom_codes.LEVEL_SITES, dicom_codes.DISCS, dicom_codes.CONDITIONS, dicom_codes.SEVERITIES,
        dicom_codes.PROBABILITIES, dicom_codes.OUTCOMES, dicom_codes.REASONS,
    )  # fmt: skip
    single = [v for v in vars(dicom_codes).values() if isinstance(v, tuple) and len(v) == 3]
    return [*single, *(code for table in tables for code in table.values())]


def test_every_code_is_dicoms_own_or_stands_under_our_scheme() -> None:
    known = {(scheme, value) for scheme, names in concepts.items() for codes in names.values() for value in codes}
    for value, scheme, meaning in standard():
        assert len(value) <= 16 and len(meaning) <= 64
        assert scheme == dicom_codes.SCHEME or (scheme, value) in known, (value, scheme, meaning)


def test_every_word_of_a_report_has_its_code() -> None:
    assert set(dicom_codes.REASONS) == set(Reason) and set(dicom_codes.OUTCOMES) == set(Outcome)
    assert set(dicom_codes.SEVERITIES) == set(dicom_codes.PROBABILITIES) == set(Severity)
    assert set(dicom_codes.LEVEL_SITES) == set(dicom_codes.DISCS) == set(LEVELS)
    assert set(dicom_codes.CONDITIONS) == set(Region) and set(dicom_codes.SIDES) == set(Side)
    own = [value for value, scheme, _ in standard() if scheme == dicom_codes.SCHEME]
    assert len(own) == len(set(own))
