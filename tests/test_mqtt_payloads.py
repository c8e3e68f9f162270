"""The payloads: each fits its shipped schema, and none names a person."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from appliance import schemas
from appliance.core.commands import VERBS
from appliance.core.health import ALARM_CODES
from appliance.core.messages import ROOT, Received
from appliance.core.mqtt_payloads import PAYLOADS
from tests.fakes import UID_ROOT, FakeLink, SmallBox

NAME = "Doe^Jane 19710203"
LATER = "2027-03-02T07:00:00+00:00"


def everything_said(folder: Path, *, identifiers: bool) -> FakeLink:
    """All a box says in a bad day: arrivals, results, refusals, alarms whose words name the patient, commands."""
    box, link = SmallBox(folder, identifiers=identifiers), FakeLink()
    publisher = box.publisher(link, identifiers=identifiers, home_assistant="homeassistant")
    publisher.step(box.clock())
    box.drop(NAME, a="fine")
    box.drop(f"{NAME} 2", a="corrupt")
    box.drop(f"{NAME} 3", a="partly")
    box.drop(f"{NAME} 4", a="divided")
    box.turn()
    for code in sorted(ALARM_CODES):
        box.ledger.raise_alarm("intake", code, f"{NAME} cannot be moved.", f"Move {NAME} away.", box.clock())
    jobs = {job.state.value: job.id for job in box.ledger.newest(9)}
    for verb in (*VERBS, "format"):
        for rid in (jobs["failed"], jobs["done"], "nobody"):
            body = {"id": f"{verb}{rid}", "expires_at": LATER, "rid": rid}
            link.inbound.append(Received(f"lumbarbox/box/cmd/{verb}", json.dumps(body).encode(), False))
    for _ in range(4):
        publisher.step(box.clock.tick())
        box.worker.step(box.clock.tick())
    publisher.step(box.clock.tick())
    publisher.stop()
    return link


def test_a_result_on_which_two_models_disagree_is_flagged(tmp_path: Path) -> None:
    said = [json.loads(m.payload) for m in everything_said(tmp_path, identifiers=False).sent if m.topic.endswith("/result")]
    divided = [body for body in said if body["disagreements"]]
    assert len(divided) == 1 and divided[0]["disagreements"] == 1
    flagged = [f for f in divided[0]["findings"] if f["disagreement"]]
    assert [(f["condition"], f["level"]) for f in flagged] == [("spinal_canal_stenosis", "l4_l5")]


@pytest.mark.parametrize("identifiers", [False, True])
def test_every_payload_fits_its_shipped_schema(tmp_path: Path, identifiers: bool) -> None:
    link = everything_said(tmp_path, identifiers=identifiers)
    seen: set[str] = set()
    for message in link.sent:
        if not message.topic.startswith(f"{ROOT}/") or not message.payload.startswith("{"):
            continue
        body = json.loads(message.payload)
        kind = body["schema"].removeprefix("lumbarbox.").removesuffix("/1")
        shipped = json.loads((schemas.FOLDER / f"mqtt.{kind}.schema.json").read_text("utf-8"))
        jsonschema.Draft202012Validator(shipped).validate(body)
        seen.add(kind)
    assert seen == PAYLOADS.keys() - {"command"}


def test_no_person_no_study_and_no_picture_is_in_anything_that_leaves(tmp_path: Path) -> None:
    said = "".join(m.topic + m.payload for m in everything_said(tmp_path, identifiers=False).sent)
    for secret in ("Doe", "Jane", "19710203", UID_ROOT, "1.2.3", "20260302", "sop_uid", "patient", "image/"):
        assert secret not in said, secret


def test_with_identifiers_exactly_the_study_uid_is_added(tmp_path: Path) -> None:
    without = everything_said(tmp_path / "off", identifiers=False)
    having = everything_said(tmp_path / "on", identifiers=True)
    for plain, named in zip(without.on("/result"), having.on("/result"), strict=True):
        assert named.keys() - plain.keys() == {"study_uid"} and named["study_uid"].startswith(UID_ROOT)
    said = "".join(m.topic + m.payload for m in having.sent)
    assert "Doe" not in said and "1.2.3\"" not in said


def test_switched_off_again_what_already_waits_or_is_kept_loses_it_too(tmp_path: Path) -> None:
    box, link = SmallBox(tmp_path, identifiers=True), FakeLink()
    for name in ("one", "two"):
        box.drop(name, a=f"fine {name}")
    box.turn()
    box.outbox.keep_last(box.outbox.oldest(1)[0].body)
    publisher = box.publisher(link, identifiers=False)
    for _ in range(5):
        publisher.step(box.clock.tick())
    assert len(link.on("/result")) == 2 and UID_ROOT not in "".join(m.payload for m in link.sent)


@pytest.mark.parametrize("name", schemas.SCHEMAS)
def test_the_shipped_schemas_are_those_of_the_types(name: str) -> None:
    shipped = (schemas.FOLDER / name).read_text("utf-8")
    assert shipped == schemas.text_of(name), "run: python -m appliance.schemas"
    jsonschema.Draft202012Validator.check_schema(json.loads(shipped))
