"""The structured report, read back as a stranger would: pydicom, highdicom's own reader, dcmtk, dicom3tools."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import highdicom as hd
import pydicom
import pytest

from appliance.adapters.dicom_sr import report_sr
from appliance.core import dicom_codes as c
from appliance.core.dicom_identity import Identity
from appliance.core.models import ModelIdentity, Vote
from appliance.core.report import Finding, Outcome, Reason, Report
from appliance.core.second_opinion import disagreement_warning
from appliance.core.spine import Severity
from appliance.core.study import Patient
from tests.core.make_values import SOP, dicom_report

NOBODY, JANE = Patient(), Patient("7", "Doe^Jané", "19610203", "F")


def not_evaluable() -> Report:
    made = dicom_report()
    findings = tuple(Finding(f.condition, f.level, reason=Reason.NO_POSITION) for f in made.findings)
    return replace(made, outcome=Outcome.NOT_EVALUABLE, findings=findings, levels=(), alerts=())


@cache
def sr_of(made: Report, patient: Patient = NOBODY) -> bytes:
    return report_sr(Identity(made, patient))


@cache
def _all_groups(made: Report) -> tuple[Any, ...]:
    content: Any = hd.sr.srread(BytesIO(sr_of(made))).content
    return (*content.get_planar_roi_measurement_groups(), *content.get_image_measurement_groups())


def divided() -> Report:
    """Two models read it, and disagree on the severe canal."""
    made = dicom_report()
    names = ("mobilenetv3-canal", "efficientnet-b0-canal")
    models = (*made.models, *(ModelIdentity(name, "1", name[0] * 64, "INT8") for name in names))
    votes = (Vote(names[0], (0.0, 0.1, 0.9)), Vote(names[1], (0.2, 0.6, 0.2)))
    severe = next(f for f in made.findings if f.severity is Severity.SEVERE)
    findings = tuple(replace(f, votes=votes) if f is severe else f for f in made.findings)
    return replace(made, findings=findings, models=models, warnings=disagreement_warning(findings))


def groups(made: Report, name: str = "") -> list[Any]:
    return [g for g in _all_groups(made) if name in g.tracking_identifier]


def test_a_graded_place_says_where_what_how_sure_and_by_whom() -> None:
    (group,) = groups(dicom_report(), "spinal_canal_stenosis l4_l5")
    assert group.finding_type.value == "SCS" and group.finding_sites[0].value.value == "243923001"
    answers = {e.name.meaning: e.value for e in group.get_qualitative_evaluations()}
    assert answers["Severity"].value == "24484000"
    shares = {m.name.value: m.value for m in group.get_measurements()}
    assert shares == {"P_NORMAL_MILD": 0.1, "P_MODERATE": 0.2, "P_SEVERE": 0.7}
    region = group.roi
    assert region.graphic_type is hd.sr.GraphicTypeValues.POLYLINE
    # box (40, 70)-(70, 90) between pixel centres is half a pixel further from the picture's corner
    assert region.value.tolist() == [[40.5, 70.5], [70.5, 70.5], [70.5, 90.5], [40.5, 90.5], [40.5, 70.5]]
    assert region.ContentSequence[0].referenced_sop_instance_uid == SOP


def test_an_average_of_two_models_names_both_and_what_each_said() -> None:
    told: list[str] = []
    written = pydicom.dcmread(BytesIO(sr_of(divided())))
    written.walk(lambda _, element: told.append(str(element.value)) if element.keyword == "TextValue" else None)
    assert "mobilenetv3-canal + efficientnet-b0-canal" in told and f"efficientnet-b0-canal sha256 {'e' * 64}" in told
    assert "mobilenetv3-canal says Severe" in told and "efficientnet-b0-canal says Moderate" in told


def test_a_side_is_a_modifier_of_its_site() -> None:
    (group,) = groups(dicom_report(), "left_subarticular_stenosis l5_s1")
    assert group.finding_sites[0].laterality.meaning == "Left"


def test_not_assessed_is_said_with_its_reason_and_never_looks_normal() -> None:
    found = groups(dicom_report(), "right_neural_foraminal_narrowing")
    assert len(found) == 5
    for group in found:
        answers = {e.name.meaning: e.value.value for e in group.get_qualitative_evaluations()}
        assert answers == {"Assessment status": "NOT_ASSESSED", "Reason why not assessed": "NO_SAG_T1"}
        assert not group.get_measurements()


def test_all_25_places_and_the_discs_are_there() -> None:
    names = [g.tracking_identifier for g in groups(dicom_report())]
    assert len(names) == len(set(names)) == 30 and sum(name.startswith("disc") for name in names) == 5


def test_the_warning_comes_before_the_numbers_with_alerts_and_models() -> None:
    made = dicom_report()
    root = pydicom.dcmread(BytesIO(sr_of(made)))
    told = [(i.ConceptNameCodeSequence[0].CodeValue, i.get("TextValue", "")) for i in root.ContentSequence]
    names = [name for name, _ in told]
    assert names.index("NOTICE") < names.index("126010")  # imaging measurements
    assert ("NOTICE", made.notice) in told and ("ALERT", "Severe spinal canal stenosis at L4/L5.") in told
    assert any("yolov8n-spine 1 INT8 sha256 " + "f" * 64 in text for _, text in told)
    assert root.VerificationFlag == "UNVERIFIED" and root.PreliminaryFlag == "PRELIMINARY"
    assert root.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == c.SCHEME


def test_it_names_nobody_unless_told_to() -> None:
    nameless, named = (pydicom.dcmread(BytesIO(sr_of(dicom_report(), p))) for p in (NOBODY, JANE))
    assert not nameless.PatientName and not nameless.PatientID and nameless.PatientIdentityRemoved == "YES"
    assert (named.PatientName, named.PatientID, named.PatientSex) == ("Doe^Jané", "7", "F")
    assert "PatientIdentityRemoved" not in named
    for made in (nameless, named):
        assert (made.StudyInstanceUID, made.StudyDate, made.Modality) == ("1.2.826.0", "20260102", "SR")
        used = made.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
        assert used.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == SOP


def test_asked_for_twice_it_is_the_same_object() -> None:
    assert sr_of(dicom_report(), JANE) == report_sr(Identity(dicom_report(), JANE))


def test_a_frame_of_an_enhanced_object_is_named() -> None:
    made = dicom_report("1.2.840.10008.5.1.4.1.1.4.1")
    (group,) = groups(made, "spinal_canal_stenosis l4_l5")
    assert group.roi.ContentSequence[0].referenced_frame_numbers == [1]


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
@pytest.mark.parametrize("made", [dicom_report(), not_evaluable(), divided()], ids=["partly", "not evaluable", "divided"])
@pytest.mark.parametrize("patient", [NOBODY, JANE], ids=["nameless", "named"])
def test_dicom3tools_finds_no_error(made: Report, patient: Patient, tmp_path: Path) -> None:
    (tmp_path / "sr.dcm").write_bytes(sr_of(made, patient))
    ran = subprocess.run(["dciodvfy", "sr.dcm"], cwd=tmp_path, capture_output=True, text=True, check=False)
    told = ran.stdout + ran.stderr
    assert "ComprehensiveSR" in told and "Error" not in told, told


@pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dcmtk is not installed")
def test_dcmtk_reads_it_as_a_report(tmp_path: Path) -> None:
    (tmp_path / "sr.dcm").write_bytes(sr_of(dicom_report()))
    ran = subprocess.run(["dsrdump", "+Pl", "sr.dcm"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "Comprehensive SR Document" in ran.stdout and "Imaging Measurement Report" in ran.stdout
    assert 'TEXT:(,,"Notice")="Computer pre-screening aid, not a diagnosis.' in ran.stdout
    assert ran.stdout.count('"Measurement Group"') == 30 and not ran.stderr.startswith("E:")
