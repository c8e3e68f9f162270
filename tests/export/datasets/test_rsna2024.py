"""A small tree in Kaggle's form, written from phantoms, read back: grades, points, roles and disc centres agree."""

from __future__ import annotations

import csv

import numpy as np
import pytest

pytest.importorskip("numba", reason="the export extra is not installed")

from appliance.core.crops import place_points
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Severity
from appliance.core.study import Role
from export.datasets import rsna2024
from export.datasets.phantom import POINT_OF
from export.phantom import PhantomOptions, render_study


@pytest.fixture(scope="module")
def rendered():
    options = PhantomOptions(quirks=False, max_matrix=64, artefacts=True)
    return [render_study(5, index, options) for index in range(2)]


@pytest.fixture(scope="module")
def tree(rendered, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rsna")
    rsna2024.write_rsna_tree(rendered, folder)
    return folder


@pytest.fixture(scope="module")
def studies(tree):
    return list(rsna2024.labelled_studies(tree))


def test_the_tables_are_spelled_as_kaggle_spells_them(tree):
    with (tree / "train.csv").open() as file:
        row = next(csv.DictReader(file))
    assert {"study_id", "spinal_canal_stenosis_l1_l2", "right_subarticular_stenosis_l5_s1"} <= set(row)
    assert len(row) == 26
    assert set(row.values()) - {row["study_id"]} <= {"Normal/Mild", "Moderate", "Severe", ""}
    with (tree / "train_label_coordinates.csv").open() as file:
        mark = next(csv.DictReader(file))
    assert list(mark) == ["study_id", "series_id", "instance_number", "condition", "level", "x", "y"]
    assert mark["condition"] == "Spinal Canal Stenosis"
    assert mark["level"] == "L1/L2"
    with (tree / "train_series_descriptions.csv").open() as file:
        words = {r["series_description"] for r in csv.DictReader(file)}
    assert words == {"Sagittal T1", "Sagittal T2/STIR", "Axial T2"}


def test_grades_come_back(studies, rendered):
    for labelled, study in zip(studies, rendered, strict=True):
        graded = {(p.condition, p.level): p.severity for p in labelled.places if p.severity is not None}
        assert len(graded) >= 20
        for (condition, level), severity in graded.items():
            assert severity is study.truth.finding(condition, level).severity


def test_points_come_back_within_half_a_slice(studies, rendered):
    for labelled, study in zip(studies, rendered, strict=True):
        for place in labelled.places:
            if place.position_mm is not None:
                truth = getattr(study.truth.level(place.level), POINT_OF[place.condition])
                assert np.linalg.norm(np.subtract(place.position_mm, truth)) < 5.1


def test_disc_centres_are_worked_back(studies, rendered):
    for labelled, study in zip(studies, rendered, strict=True):
        assert [x.level for x in labelled.levels] == list(LEVELS)
        for x in labelled.levels:
            assert np.linalg.norm(np.subtract(x.position_mm, study.truth.level(x.level).disc_center_mm)) < 6


def test_the_pictures_are_read_by_the_appliance_itself(studies):
    study = studies[0].load()
    roles = [studies[0].roles[s.series_uid] for s in study.series]
    assert {Role.SAGITTAL_T1, Role.SAGITTAL_T2, Role.AXIAL_T2} == set(roles)


def test_working_back_undoes_place_points():
    centres = {level: np.array([1.0, 5.0 * n, 70.0 - 35 * n]) for n, level in enumerate(LEVELS)}
    points = place_points(centres)
    back = rsna2024.disc_centres(points)
    for level in LEVELS:
        assert np.linalg.norm(back[level] - centres[level]) < 4


def test_a_level_without_a_canal_point_takes_the_middle_of_its_sides():
    centres = {level: np.array([0.0, 0.0, 70.0 - 35 * n]) for n, level in enumerate(LEVELS)}
    points = {k: p for k, p in place_points(centres).items() if k != (Condition.SPINAL_CANAL_STENOSIS, Level.L3_L4)}
    assert np.linalg.norm(rsna2024.disc_centres(points)[Level.L3_L4] - centres[Level.L3_L4]) < 4


def test_every_severity_and_condition_has_its_word():
    assert set(rsna2024.SEVERITY_WORDS.values()) == set(Severity)
    assert set(rsna2024.CONDITION_WORDS.values()) == set(CONDITIONS)
    assert "Left Neural Foraminal Narrowing" in rsna2024.CONDITION_WORDS
