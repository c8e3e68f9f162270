"""The same report as JSON, as CSV, as text and as pictures: nothing lost, nothing added, nobody named."""

from __future__ import annotations

import csv
import json
from io import StringIO

import jsonschema
import pytest

from appliance.core.overlay import Tone, marked_pictures
from appliance.core.report_csv import to_csv
from appliance.core.report_json import report_schema, to_json
from appliance.core.report_text import matrix, to_text
from appliance.schemas import FOLDER, SCHEMAS, text_of
from tests.core.make_values import report, study


def test_the_json_is_what_the_schema_promises() -> None:
    written = json.loads(json.dumps(to_json(report())))
    jsonschema.Draft202012Validator(report_schema()).validate(written)
    assert written["schema"] == "lumbarbox.report/1"
    assert len(written["findings"]) == 25
    severe = next(f for f in written["findings"] if f["severity"] == "severe")
    assert (severe["condition"], severe["level"], severe["status"]) == ("spinal_canal_stenosis", "l4_l5", "graded")
    refused = next(f for f in written["findings"] if f["status"] == "not_assessed")
    assert refused["reason"] == "no_sagittal_t1" and refused["reason_text"] and refused["probabilities"] is None


@pytest.mark.parametrize("damage", [{"outcome": "fine"}, {"extra": 1}, {"levels": [{}]}, {"revision": "1"}])
def test_the_schema_refuses_what_is_not_a_report(damage: dict[str, object]) -> None:
    written = json.loads(json.dumps({**to_json(report()), **damage}))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(report_schema()).validate(written)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_shipped_schemas_are_fresh(name: str) -> None:
    assert (FOLDER / name).read_text("utf-8") == text_of(name), "run: python -m appliance.schemas"


def test_the_csv_has_rsnas_rows_and_none_for_what_was_not_assessed() -> None:
    rows = list(csv.DictReader(StringIO(to_csv(report()))))
    assert len(rows) == 20
    assert rows[0]["row_id"] == "1.2.3_spinal_canal_stenosis_l1_l2"
    assert all(abs(sum(float(r[k]) for k in ("normal_mild", "moderate", "severe")) - 1) < 1e-6 for r in rows)
    assert not any("right_neural_foraminal" in r["row_id"] for r in rows)


def test_the_text_says_first_what_matters_first() -> None:
    text = to_text(report())
    assert text.startswith("ALERT  Severe spinal canal stenosis at L4/L5.")
    assert "Not assessed: right neural foraminal narrowing. No sagittal T1 series" in text
    assert "not a diagnosis" in text and "yolov8n-spine" in text and "0.5 s" in text


def test_the_matrix_has_a_word_in_every_cell_with_and_without_colour() -> None:
    plain, coloured = matrix(report()), matrix(report(), colour=True)
    assert len(plain) == 2 + 5
    l4_l5 = plain[5].split()
    assert l4_l5[:3] == ["L4/L5", "SEVERE", "70%"]
    assert "-" in l4_l5
    assert "\033[31;1mSEVERE" in coloured[5]
    assert not any("\033" in line for line in plain)


def test_the_pictures_are_the_spine_and_every_severe_place() -> None:
    overview, close_up = marked_pictures(report(), study())
    assert [m.text for m in overview.marks][3] == "L4/L5  canal severe"
    assert overview.marks[3].tone is Tone.SEVERE and overview.marks[0].tone is Tone.NORMAL_MILD
    assert close_up.name == "spinal_canal_stenosis_l4_l5"
    rows, columns = close_up.pixels.shape
    x0, y0, x1, y1 = close_up.marks[0].box_px
    assert (x1 - x0, y1 - y0) == (30, 20)
    assert 0 <= x0 < x1 <= columns and 0 <= y0 < y1 <= rows
