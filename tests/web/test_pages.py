"""What people see: the day of a study, its report, its failure."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from appliance.core.jobs import PAUSED
from appliance.errors import Code, SystemicError
from tests.fakes import SmallBox
from tests.web.conftest import ORIGIN, token


def upload(client: FlaskClient, *files: tuple[str, bytes], **fields: str) -> tuple[int, str, str]:
    data = {"csrf": token(client, "/upload"), **fields, "files": [(io.BytesIO(body), name) for name, body in files]}
    answer = client.post("/upload", data=data, headers=ORIGIN)
    return answer.status_code, answer.location or "", answer.text


def read(box: SmallBox, name: str, text: str) -> None:
    box.drop(name, a=text)
    box.turn()


def test_today_follows_a_study_from_arrival_to_report(client: FlaskClient, box: SmallBox) -> None:
    assert "Nothing today yet" in client.get("/today").text
    box.drop("Visit 7", a="fine")
    box.intake.step(box.clock.tick())
    assert "Seen, arriving" in client.get("/today").text
    for _ in range(3):
        box.intake.step(box.clock.tick(2))
    assert "waiting to be read" in client.get("/today").text
    job = box.ledger.take(box.clock())
    assert job is not None
    box.ledger.progress(job.id, "canal", 0.5)
    page = client.get("/today").text
    assert "grading the canal, 50%" in page and 'value="0.50"' in page
    assert "grading the canal" in client.get(f"/study/{job.id}").text


def test_live_events_are_short_and_say_nothing_twice(client: FlaskClient, box: SmallBox) -> None:
    first = client.get("/today/events")
    assert first.mimetype == "text/event-stream" and "retry: " in first.text
    mark = re.search(r"^id: (\w+)", first.text, re.M)
    assert mark
    again = client.get("/today/events", headers={"Last-Event-ID": mark.group(1)})
    assert "data:" not in again.text
    box.drop("new", a="1")
    box.intake.step(box.clock.tick())
    assert "new" in client.get("/today/events", headers={"Last-Event-ID": mark.group(1)}).text


def test_a_report_shows_severity_in_words_alerts_first_models_and_notice(client: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit 7", "fine")
    page = client.get("/study/job0001").text
    assert page.index("Severe spinal canal stenosis at L4/L5") < page.index("Findings")
    assert page.count('class="sev">Normal/mild') == 24 and len(re.findall(r'class="sev">(<a [^>]*>)?Severe', page)) == 1
    assert "80%" in page and "not a diagnosis" in page
    assert "0" * 64 in page and "fake-detector" in page and "CPU, INT8" in page
    assert client.get("/study/job0001/picture/sagittal_t2").mimetype == "image/png"


def test_what_was_not_assessed_never_looks_normal(client: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit 8", "partly")
    page = client.get("/study/job0001").text
    assert page.count('class="sev">Not assessed') == 10 and page.count('class="sev">Normal/mild') == 14
    assert "No axial T2 series in this study" in page and "partly read" in page
    assert "Left subarticular stenosis: all levels" in page


def test_two_models_that_disagree_are_shown_in_the_cell_and_each_by_itself(client: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit 9", "divided")
    page = client.get("/study/job0001").text
    assert page.count('class="opinion votes">') == 1 and "* severe or moderate" in page
    assert "The two models disagree at 1 place, marked *" in page
    assert page.count("<small>first-model</small>") == page.count("<small>second-model</small>") == 25
    assert "Moderate 60% <small>second-model</small>" in page
    read(box, "Visit 10", "fine")
    assert "votes" not in client.get("/study/job0002").text, "one model has nothing to disagree with"


def test_a_failed_study_says_why_and_offers_the_next_step(client: FlaskClient, box: SmallBox) -> None:
    read(box, "bad", "corrupt")
    page = client.get("/study/job0001").text
    assert "The images are damaged." in page and "Export the study again." in page
    assert "says nothing about the patient" in page and "_failed/corrupt/bad" in page
    assert "Needs a person" in client.get("/today").text
    answer = client.post("/study/job0001/again", data={"csrf": token(client, "/today")}, headers=ORIGIN)
    assert answer.status_code == 302 and box.states() == {"bad": "received"}
    assert client.post("/study/job0001/again", data={"csrf": token(client, "/today")}, headers=ORIGIN).status_code == 400


def test_the_same_images_again_lead_to_the_earlier_report(client: FlaskClient, box: SmallBox) -> None:
    read(box, "first", "fine")
    read(box, "second", "fine")
    page = client.get("/study/job0002").text
    assert "These images were read before" in page and 'href="/study/job0001"' in page
    assert client.get("/study/job0002/report.json").json["report_id"]


def test_downloads_are_the_files_of_the_report_and_nothing_else(client: FlaskClient, box: SmallBox) -> None:
    read(box, "one", "fine")
    report = client.get("/study/job0001/report.json")
    assert json.loads(report.data)["schema"] == "lumbarbox.report/1"
    assert "attachment" in report.headers["Content-Disposition"]
    assert client.get("/study/job0001/report.csv").text.startswith("row_id,normal_mild")
    for path in ("ledger.db", "..%2f..%2fledger.db", "picture/..%2freport", "picture/report", "picture/.."):
        assert client.get(f"/study/job0001/{path}").status_code in (404, 308)
    assert client.get("/study/nobody").status_code == 404


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "{{ 7*7 }}"])
def test_hostile_names_are_shown_as_text_everywhere(client: FlaskClient, box: SmallBox, name: str) -> None:
    safe = name.replace("/", "_")
    read(box, safe, "fine")
    for path in ("/today", "/today/events", "/history", "/study/job0001"):
        page = client.get(path).text
        assert safe not in page.replace("{{ 7*7 }}", "") and "49</" not in page
        assert "<script>alert" not in page and "<img src=x" not in page


def test_an_upload_becomes_a_study(client: FlaskClient, box: SmallBox) -> None:
    code, where, _ = upload(client, ("Visit/IM1", b"one"), ("Visit/IM2", b"two"), ("Visit/.DS_Store", b"junk"))
    assert code == 302 and where == "/study/job0001"
    job = box.ledger.job("job0001")
    assert job.name == "Visit" and job.manifest and job.manifest.files == 2
    box.turn(1)
    assert "Findings" in client.get("/study/job0001").text


def test_several_studies_at_once_are_parted_by_folder_and_file(client: FlaskClient, box: SmallBox) -> None:
    files = (("disk/anna/1", b"a"), ("disk/anna/sub/2", b"b"), ("disk/bob/1", b"c"), ("loose.zip", b"d"))
    code, where, _ = upload(client, *files, several="1")
    assert code == 302 and where == "/today"
    assert sorted(job.name for job in box.ledger.newest(9)) == ["anna", "bob", "loose.zip"]


def test_an_upload_that_cannot_be_taken_says_why_and_leaves_nothing(client: FlaskClient, box: SmallBox) -> None:
    assert "No file was chosen" in upload(client)[2]
    code, _, text = upload(client, ("big", b"x" * (2 << 20)))
    assert code == 413 and "more than this box takes" in text
    assert box.states() == {} and list((box.folder / "spool").iterdir()) == []


def test_an_upload_to_a_full_box_is_told_in_words(
    client: FlaskClient, box: SmallBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise SystemicError(Code.NO_SPACE, "The disk is full.", "Make room.")

    monkeypatch.setattr(box.spool, "begin_upload", full)
    code, _, text = upload(client, ("a", b"1"))
    assert code == 400 and "The disk is full." in text and box.states() == {}


def test_history_turns_its_pages(client: FlaskClient, box: SmallBox) -> None:
    for number in range(51):
        box.drop(f"study {number}", a=str(number))
    box.turn()
    first, second = client.get("/history").text, client.get("/history?page=2").text
    assert "Page 1 of 2, 51 studies" in first and first.count('<tr><td><time') == 50
    assert second.count('<tr><td><time') == 1
    assert "Page 2 of 2" in client.get("/history?page=999").text and client.get("/history?page=x").status_code == 200


def test_the_page_is_small_and_asks_for_nothing_outside(client: FlaskClient, box: SmallBox) -> None:
    """With its styles and scripts, without pictures; Arabic is the longest in bytes."""
    read(box, "one", "spine")
    for path in ("/today", "/upload", "/study/job0001", "/history", "/manual", "/ask", "/accounts", "/audit", "/tokens"):
        answer = client.get(path, headers={"Accept-Language": "ar"})
        brought = set(re.findall(r'/static/\w+\.(?:css|js)', answer.text))
        weight = len(answer.data) + sum(len(client.get(file).data) for file in brought)
        assert answer.status_code == 200 and brought and weight < 100_000, (path, weight)
        assert not re.search(r'(src|href)="(https?:)?//', answer.text) and "style=" not in answer.text
        assert "<script>" not in answer.text and "onclick" not in answer.text


def test_machines_are_told_whether_it_lives_and_reads(client: FlaskClient, visitor: FlaskClient, box: SmallBox) -> None:
    assert visitor.get("/healthz").text == "ok\n"
    assert visitor.get("/readyz").status_code == 503, "the models are not loaded yet"
    read(box, "Doe^Jane", "fine")
    ready = visitor.get("/readyz")
    assert ready.status_code == 200 and ready.json["status"] == "well"
    box.ledger.raise_alarm("intake", Code.SHARE_GONE, "The share is gone.", "Mount it.", box.clock())
    assert visitor.get("/readyz").status_code == 503
    figures = visitor.get("/metrics").text
    assert 'lumbarbox_studies{state="done"} 1' in figures and 'lumbarbox_alarm{code="share_gone"} 1' in figures
    assert "Doe" not in figures
    assert "The share is gone." in client.get("/today").text


def test_a_report_that_is_lost_is_an_error_never_an_empty_table(client: FlaskClient, box: SmallBox) -> None:
    read(box, "one", "fine")
    box.reports.discard("job0001")
    answer = client.get("/study/job0001")
    assert answer.status_code == 500 and "cannot be read" in answer.text and "Normal" not in answer.text


def begin(client: FlaskClient, body: object) -> tuple[int, dict[str, object]]:
    headers = {**ORIGIN, "X-CSRF-Token": token(client, "/upload")}
    answer = client.post("/upload/begin", json=body, headers=headers)
    return answer.status_code, answer.json or {}


def send(client: FlaskClient, where: str, data: bytes = b"") -> tuple[int, dict[str, object]]:
    headers = {**ORIGIN, "X-CSRF-Token": token(client, "/upload"), "Content-Type": "application/octet-stream"}
    answer = client.post(where, data=data, headers=headers)
    return answer.status_code, answer.json or {}


def test_an_upload_in_pieces_is_told_where_it_is_and_where_it_leads(client: FlaskClient, box: SmallBox) -> None:
    files = [["disk/Anna/IM1", 3], ["disk/.DS_Store", 9], ["disk/Bob/IM1", 3], ["disk/Anna/IM2", 2]]
    code, told = begin(client, {"name": "", "several": True, "files": files})
    assert code == 200 and told["order"] == [0, 3, 2] and told["size"] == 8
    where = f"/upload/{told['id']}"
    assert send(client, f"{where}/bytes?offset=0", b"one2") == (200, {"offset": 4})
    assert send(client, f"{where}/bytes?offset=0", b"one2") == (409, {"offset": 4})
    assert send(client, f"{where}/end") == (409, {"offset": 4})
    assert "Arriving through the page: 50%" in client.get("/today").text
    assert send(client, f"{where}/bytes?offset=4", b"!bob") == (200, {"offset": 8})
    assert send(client, f"{where}/end") == (200, {"next": "/today"})
    assert sorted(j.name for j in box.ledger.newest(9)) == ["Anna", "Bob"]
    assert send(client, f"{where}/end")[0] == 404
    box.turn(1)
    assert set(box.reader.seen) == {"one\n2!", "bob"}


@pytest.mark.parametrize(
    "body", [None, [], {}, {"files": 3}, {"files": [["a"]]}, {"files": [["a", "x"]]}, {"files": [["a", -1]]}, "x"]
)
def test_nonsense_begins_nothing(client: FlaskClient, box: SmallBox, body: object) -> None:
    assert begin(client, body)[0] == 400 and box.states() == {}


def test_an_upload_that_is_refused_is_told_in_words(client: FlaskClient, box: SmallBox) -> None:
    code, told = begin(client, {"name": "", "files": [["a", 2 << 20]]})
    assert code == 400 and "larger than 1 MB" in str(told["message"]) and told["action"]
    assert begin(client, {"name": "", "files": []})[1]["message"] == "No file was chosen."
    assert box.states() == {}


def test_a_waiting_study_says_how_many_are_before_it(client: FlaskClient, box: SmallBox) -> None:
    for name in ("a", "b", "c"):
        upload(client, (name, name.encode()))
    assert "2 studies are read before this one." in client.get("/study/job0003").text
    assert "It is the next one." in client.get("/study/job0001").text


def test_a_study_that_waits_for_a_series_is_read_at_once_when_a_person_says_so(
    client: FlaskClient, box: SmallBox
) -> None:
    box.drop("Anna", a="study 1.2 sagittal_t1")
    box.turn(3)
    assert "Read now" in client.get("/study/job0001").text
    assert client.post("/study/job0001/now", data={"csrf": token(client, "/today")}, headers=ORIGIN).status_code == 302
    box.turn(2)
    assert box.states() == {"Anna": "done"}


def test_a_study_being_read_says_how_long_it_takes(client: FlaskClient, box: SmallBox) -> None:
    upload(client, ("a", b"fine"))
    job = box.ledger.take(box.clock())
    assert job is not None
    box.ledger.progress(job.id, "canal", 0.25)
    box.clock.tick(20)
    for path in ("/today", f"/study/{job.id}"):
        page = client.get(path).text
        assert "about 60 seconds left" in page and "grading the canal" in page, path
    first = client.get(f"/study/{job.id}/events").text
    assert "about 60 seconds left" in first
    box.ledger.progress(job.id, "canal", 0.9)
    assert "a few seconds left" in client.get(f"/study/{job.id}/events").text


def test_the_page_of_a_study_that_has_ended_is_loaded_anew(client: FlaskClient, box: SmallBox) -> None:
    read(box, "one", "fine")
    assert client.get("/study/job0001/events").text == "event: ended\ndata: \n\n"


def test_a_paused_box_says_so_and_goes_on_at_the_press_of_a_button(client: FlaskClient, box: SmallBox) -> None:
    box.drop("Visit 7", a="fine")
    box.ledger.set_fact(PAUSED, {"since": "now"})
    box.turn()
    page, own = client.get("/today").text, client.get("/study/job0001").text
    assert "Reading is paused" in page and "Go on reading" in page
    assert "Reading is paused" in own and "It is the next one" not in own
    answer = client.post("/today/resume", data={"csrf": token(client)}, headers=ORIGIN)
    assert answer.status_code == 302 and box.ledger.fact(PAUSED) is None
    assert "Reading is paused" not in client.get("/today").text


def test_what_strains_the_box_is_named_on_today(client: FlaskClient, box: SmallBox) -> None:
    box.host.value = replace(box.host.value, disk_free_mb=50)
    assert "Only 50 MB are free on the box" in client.get("/today").text


def test_a_study_that_lacks_a_series_is_read_from_today(client: FlaskClient, box: SmallBox) -> None:
    box.drop("Visit 7", a="study 1.2 sagittal_t2 one")
    for _ in range(5):
        box.intake.step(box.clock.tick(2))
    page = client.get("/today").text
    assert "press Read now" in page and 'formaction="/study/job0001/now"' in page


def test_a_failed_study_shows_no_progress(client: FlaskClient, box: SmallBox) -> None:
    read(box, "Visit 7", "corrupt")
    page = client.get("/study/job0001").text
    assert "Could not be read" in page and "<progress" not in page


def test_an_empty_file_is_told_apart_from_none(client: FlaskClient, box: SmallBox) -> None:
    assert begin(client, {"name": "", "files": [["IM1.dcm", 0]]})[1]["message"] == "IM1.dcm is empty: 0 bytes."
