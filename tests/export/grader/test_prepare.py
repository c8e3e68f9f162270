"""Splits that never share a patient, crops of any data set, nothing made twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("numba", reason="the export extra is not installed")

from appliance.core.models import GraderSpec
from appliance.core.spine import Region
from export.datasets.phantom import labelled_rendering
from export.grader import prepare
from export.grader.data import load_bags
from export.phantom import PhantomOptions, render_study

SPECS = [GraderSpec(region, size_px=32, crop_mm=48.0, slices=3) for region in Region]


def test_a_patient_is_always_in_the_same_split():
    assert [prepare.split_of(str(n)) for n in range(50)] == [prepare.split_of(str(n)) for n in range(50)]
    shares = Counter(prepare.split_of(f"patient {n}") for n in range(5000))
    assert shares["train"] / 5000 == pytest.approx(0.8, abs=0.03)
    assert shares["val"] / 5000 == pytest.approx(0.1, abs=0.02)


def test_phantom_splits_cannot_meet():
    starts = sorted(prepare.SPLIT_START.values())
    assert min(b - a for a, b in pairwise(starts)) >= 10_000


def test_another_size_keeps_the_millimetres():
    usual, other = prepare.specs_for([Region.CANAL], None)[0], prepare.specs_for([Region.CANAL], 192)[0]
    assert other == replace(usual, size_px=192)


def test_a_data_set_becomes_bags_of_every_region_once(tmp_path, monkeypatch):
    labelled = labelled_rendering(render_study(8, 2, PhantomOptions(quirks=False, max_matrix=64)))
    assert prepare.prepare_studies([labelled], tmp_path, SPECS) == 1
    folder = tmp_path / prepare.split_of(labelled.patient)
    counts = {spec.region: len(load_bags(folder.glob("*"), spec)) for spec in SPECS}
    assert counts[Region.CANAL] == 5
    assert counts[Region.FORAMINAL] == 10
    assert counts[Region.SUBARTICULAR] >= 8

    def never() -> None:
        raise AssertionError("a study whose crops are there is not read again")

    prepare.prepare_studies([replace(labelled, load=never)], tmp_path, SPECS)


def test_a_phantom_is_rendered_once_and_only_with_the_series_asked_for(tmp_path, monkeypatch):
    seen = []

    def small(seed: int, index: int, options: PhantomOptions):
        seen.append(options.roles)
        return render_study(seed, index, replace(options, max_matrix=48))

    monkeypatch.setattr("export.grader.focus.render_for_crops", small)
    canal = [spec for spec in SPECS if spec.region is Region.CANAL]
    assert prepare.prepare_phantom(7, "train", 3, tmp_path, canal).endswith("made")
    assert prepare.prepare_phantom(7, "train", 3, tmp_path, canal).endswith("kept")
    assert [[role.value for role in roles] for roles in seen] == [["sagittal_stir"]], "one study in eight has STIR"
