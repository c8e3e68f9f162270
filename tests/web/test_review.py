"""A doctor's part: opinions beside the model's, level names moved on the box, the share and the wire."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile

import pydicom
import pytest
from flask import Flask
from flask.testing import FlaskClient

from appliance.adapters.accounts import Accounts
from appliance.adapters.slice_files import discard_slices
from appliance.core.roles import Role
from tests.fakes import SmallBox
from tests.web.conftest import ORIGIN, PASSWORD, token


@pytest.fixture
def doctor(app: Flask, accounts: Accounts) -> FlaskClient:
    return log_in(app, accounts, "Bo", Role.DOCTOR)


@pytest.fixture
def technician(app: Flask, accounts: Accounts) -> FlaskClient:
    return log_in(app, accounts, "Cy", Role.TECHNICIAN)


def log_in(app: Flask, accounts: Accounts, name: str, role: Role) -> FlaskClient:
    accounts.add_first("Ada", PASSWORD)
    accounts.add(name, PASSWORD, role)
    made = app.test_client()
    made.post("/login", data={"name": name, "password": PASSWORD, "csrf": token(made)}, headers=ORIGIN)
    return made


def read(box: SmallBox, name: str, text: str) -> None:
    box.drop(name, a=text)
    box.turn()


def post(client: FlaskClient, path: str, **form: str) -> int:
    return client.post(path, data={"csrf": token(client, "/today"), **form}, headers=ORIGIN).status_code


def renumber(client: FlaskClient, shift: int) -> int:
    return post(client, "/study/job0001/numbering", shift=str(shift))


def cell(page: str, place: str) -> str:
    """The text of one cell of the matrix."""
    found = re.search(rf'<td[^>]*>(?:(?!<td).)*data-place="{place}".*?</td>', page, re.S)
    assert found, place
    return re.sub(r"<[^>]+>|\s+", " ", re.sub(r"</?bdi>", "", found.group()))


def test_an_opinion_stands_beside_the_models_finding(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    given = {"spinal_canal_stenosis.l4_l5": "moderate", "spinal_canal_stenosis.l1_l2": "normal_mild"}
    assert post(doctor, "/study/job0001/review", revision="1", comment="=1+1", **given) == 302
    page = doctor.get("/study/job0001").text
    assert "Severe" in cell(page, "spinal_canal_stenosis_l4_l5")
    assert "✎ Bo: moderate" in cell(page, "spinal_canal_stenosis_l4_l5")
    assert "✓ Bo agrees" in cell(page, "spinal_canal_stenosis_l1_l2")
    written = box.reports.load("job0001")
    assert written is not None and "Bo" not in json.dumps(written), "the report itself is the model's"


def test_the_last_word_of_each_reviewer_is_shown_and_all_are_exported(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    for grade in ("moderate", "severe"):
        post(doctor, "/study/job0001/review", revision="1", comment="=1+1", **{"spinal_canal_stenosis.l4_l5": grade})
    assert "✓ Bo agrees" in cell(doctor.get("/study/job0001").text, "spinal_canal_stenosis_l4_l5")
    answer = doctor.get("/reviews.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(r["reviewer_severity"], r["agrees"]) for r in rows] == [("moderate", "0"), ("severe", "1")]
    assert rows[0]["comment"] == "'=1+1" and rows[0]["sop_uid"] == "t2.5" and rows[0]["model_severity"] == "severe"


def test_agreeing_with_the_rest_says_nothing_of_what_was_not_assessed(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    post(doctor, "/study/job0001/review", revision="1", agree_with_rest="1")
    said = box.register.opinions("job0001")
    assert len(said) == 20 and all(o.agrees for o in said)


@pytest.mark.parametrize("form", [{"spinal_canal_stenosis.l4_l5": "fatal", "revision": "1"}, {"revision": "7"}, {}])
def test_a_review_that_makes_no_sense_is_refused(doctor: FlaskClient, box: SmallBox, form: dict[str, str]) -> None:
    read(box, "Visit", "spine")
    assert post(doctor, "/study/job0001/review", **form) == 400
    assert box.register.opinions() == ()


def test_a_technician_sees_reviews_and_gives_none(technician: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    assert post(technician, "/study/job0001/review", revision="1", agree_with_rest="1") == 403
    assert renumber(technician, 1) == 403 and technician.get("/reviews.csv").status_code == 403
    page = technician.get("/study/job0001").text
    assert "Keep my review" not in page and "Move the names" not in page


def test_moved_names_reach_the_report_the_share_and_the_wire(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    place = box.share / box.ledger.job("job0001").filed_as
    assert (place / "spinal_canal_stenosis_l4_l5.png").exists() and box.outbox.count() == 1
    assert renumber(doctor, 1) == 302
    page = doctor.get("/study/job0001").text
    assert "Severe spinal canal stenosis at L3/L4." in page and "revision 2" in page
    assert "moved the level names by one towards the head" in page
    assert "Revision 2 of its report" in doctor.get("/history").text, "and not that images came"
    shared = json.loads((place / "report.json").read_text())
    assert (shared["revision"], shared["numbering_shift"]) == (2, 1)
    assert (place / "spinal_canal_stenosis_l3_l4.png").exists()
    assert not (place / "spinal_canal_stenosis_l4_l5.png").exists(), "a picture with the old name must not stay"
    assert (place / "originals" / "a").exists()
    box.turn(1)
    assert [w.body["id"].rsplit(".")[-1] for w in box.outbox.oldest(9)] == ["1", "2"], "the new revision is published"
    assert box.ledger.history("job0001")[-1].event == "revised"


def test_moved_names_can_be_moved_back_and_nothing_is_lost(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    first = box.reports.load("job0001")
    assert first is not None
    assert [renumber(doctor, shift) for shift in (1, 1, -1, 0, 5)] == [302, 400, 302, 302, 400]
    back = box.reports.load("job0001")
    assert back is not None and back["revision"] == 4 and back["findings"] == first["findings"]
    assert box.reports.revision("job0001", 1) == first
    kept = [box.reports.revision("job0001", number) for number in (1, 2, 3, 4)]
    assert [r and r["numbering_shift"] for r in kept] == [0, 1, -1, 0]


def test_without_its_slices_a_moved_report_shows_no_wrong_picture(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    discard_slices(box.reports.folder("job0001"))
    assert "no longer kept" in doctor.get("/study/job0001").text
    assert renumber(doctor, -1) == 302
    assert box.reports.pictures("job0001") == ()
    page = doctor.get("/study/job0001").text
    assert "Severe spinal canal stenosis at L5/S1." in page and "<canvas" not in page


def test_a_share_that_is_gone_moves_nothing(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    box.share.rename(box.share.with_name("away"))
    assert renumber(doctor, 1) == 503
    report = box.reports.load("job0001")
    assert report is not None and report["revision"] == 1


def test_earlier_studies_of_the_same_patient_lie_side_by_side(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Then", "fine ID=7")
    read(box, "Now", "partly ID=7")
    read(box, "Other", "fine more ID=8")
    page = doctor.get("/study/job0002").text
    assert "of the same patient" in page and "Then" in page and "Other" not in page
    both = doctor.get("/study/job0002/with/job0001").text
    assert "<strong>0</strong> of 25 places changed" in both and both.count("cannot be compared</small>") == 10
    assert doctor.get("/study/job0002/with/job0003").status_code == 404


def test_a_place_that_got_worse_says_so(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Then", "fine ID=7")
    read(box, "Now", "spine ID=7")
    post(doctor, "/study/job0002/numbering", shift="1")
    both = doctor.get("/study/job0002/with/job0001").text
    assert "▼ better" in both or "▲ worse" in both
    assert "A person moved the level names of one of them" in both and "read by different models" in both


def test_the_slices_are_served_as_they_are_kept_and_only_those(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    index = doctor.get("/study/job0001/images").json
    assert index is not None
    assert index["series"][0]["title"] == "Sagittal T2" and len(index["series"]) == 3
    t2 = next(s for s in index["series"] if s["role"] == "sagittal_t2")
    marks = [m for s in t2["slices"] for m in s["marks"]]
    assert {"L1/L2", "L5/S1"} <= {m["text"] for m in marks} and any(m["tone"] == "severe" for m in marks)
    assert t2["slices"][0]["edges"] == {"right": "P", "left": "A", "bottom": "F", "top": "H"}
    answer = doctor.get(f"/study/job0001/images/{t2['number']}/5")
    assert answer.headers["Content-Encoding"] == "gzip" and answer.headers["Cache-Control"] == "no-store"
    for path in ("9/0", "0/999", "0/-1", "../report.json", "0/0_0000.gz"):
        assert doctor.get(f"/study/job0001/images/{path}").status_code == 404
    assert "saw the images of job0001" in [what for _, _, what in box_audit(doctor)]


def box_audit(client: FlaskClient) -> list[tuple[str, str, str]]:
    services = client.application.extensions["services"]
    return list(services.accounts.audit(50))


def test_no_picture_and_no_report_stays_in_a_shared_computers_cache(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    for path in ("", "/report.json", "/report.pdf", "/dicom.zip", "/picture/levels", "/images", "/images/0/0"):
        assert doctor.get(f"/study/job0001{path}").headers["Cache-Control"] == "no-store", path


def test_the_sheet_is_one_page_and_tells_of_the_review(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    post(doctor, "/study/job0001/review", revision="1", **{"spinal_canal_stenosis.l4_l5": "moderate"})
    sheet = doctor.get("/study/job0001/report.pdf")
    assert sheet.mimetype == "application/pdf" and sheet.data.startswith(b"%PDF")
    assert sheet.data.count(b"/Type /Page\n") == 1


def test_an_archive_gets_the_report_as_dicom(doctor: FlaskClient, box: SmallBox, accounts: Accounts) -> None:
    read(box, "Visit", "spine dicom ID=Jane")
    assert "/study/job0001/dicom.zip" in doctor.get("/study/job0001").text
    answer = doctor.get("/study/job0001/dicom.zip")
    assert answer.mimetype == "application/zip" and "job0001-dicom.zip" in answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        made = [pydicom.dcmread(io.BytesIO(archive.read(name))) for name in archive.namelist()]
    assert [o.Modality for o in made] == ["SR", "OT", "OT", "OT"]
    assert {o.StudyInstanceUID for o in made} == {"1.2.826.0"} and not any(o.PatientName for o in made)
    assert doctor.get("/study/job0001/dicom.zip").data == answer.data
    assert ("Bo", "downloaded dicom.zip of job0001") in [(who, what) for _, who, what in accounts.audit(10)]


def test_pictures_that_are_no_dicom_offer_none(doctor: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit", "spine")
    assert "dicom.zip" not in doctor.get("/study/job0001").text
    assert doctor.get("/study/job0001/dicom.zip").status_code == 404
