"""The latency benchmark measures what it says. No figure is asserted: machines differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.reading import read_path
from benchmarks import latency
from tests.make_dicom import save, whole_study
from tests.make_models import write_models


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_models(tmp_path_factory.mktemp("models"))


def test_every_inference_of_a_reading_is_made_again_with_nothing_around_it(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "command", lambda path: 3.0)
    path = save(whole_study(), tmp_path / "study")
    numbers = latency.measure(path, models, repeats=1)
    assert len(read_path(path).series) == 3 and numbers["inferences"] >= 25, "a place each, and the detector's looks"
    assert numbers["bare_s"] > 0 and numbers["reading_s"] > 0 and numbers["command_s"] == 3.0
    assert numbers["ratio"] == pytest.approx(numbers["reading_s"] / numbers["bare_s"])


def test_the_table_names_the_study_and_the_machine() -> None:
    numbers = dict.fromkeys(("inferences", "bare_s", "reading_s", "ratio", "command_s", "peak_mb"), 1.0)
    made = latency.table(numbers, Path("golden/study.zip"))
    assert "synthetic" in made.data and "study.zip" in made.data and len(made.rows) == 6
