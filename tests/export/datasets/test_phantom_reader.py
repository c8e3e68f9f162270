"""The phantom in memory and the phantom read back from its files are the same labelled study."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="the export extra is not installed")

from appliance.core.crops import cut_place, place_points, windows_of
from appliance.core.geometry import Plane
from appliance.core.models import GraderSpec
from appliance.core.spine import Condition, Level, Region, Side, Structure
from appliance.core.study import Role
from export.datasets import phantom
from export.grader.data import series_for
from export.phantom import PhantomOptions, render_study, write_study

SPEC = GraderSpec(Region.FORAMINAL, size_px=32, crop_mm=48.0, slices=3)


@pytest.fixture(scope="module")
def rendered():
    return render_study(6, 1, PhantomOptions(quirks=False, max_matrix=64))


@pytest.fixture(scope="module")
def in_memory(rendered):
    return phantom.labelled_rendering(rendered)


@pytest.fixture(scope="module")
def from_files(rendered, tmp_path_factory):
    root = tmp_path_factory.mktemp("phantoms")
    write_study(rendered, root / "one")
    (found,) = phantom.labelled_folders(root)
    return found


def test_labels_are_the_same(in_memory, from_files):
    for name in ("source", "patient", "study_id", "roles", "boxes", "places", "levels"):
        assert getattr(in_memory, name) == getattr(from_files, name)
    assert len(in_memory.places) == 25
    assert len(in_memory.levels) == 5


def test_boxes_count_frames_from_one_and_know_their_side(in_memory):
    assert {b.frame for b in in_memory.boxes} == {1}
    sides = {b.side for b in in_memory.boxes if b.structure is Structure.NEURAL_FORAMEN}
    assert sides == {Side.LEFT, Side.RIGHT}
    assert any(b.level is None for b in in_memory.boxes if b.structure is Structure.DISC), "discs above L1/L2"


def test_series_are_sorted_and_of_one_orientation(in_memory):
    for series in in_memory.load().series:
        positions = [s.plane.position for s in series.slices]
        assert positions == sorted(positions)
        assert len({s.plane.row_direction for s in series.slices}) == 1


def test_both_ways_give_the_same_crops(in_memory, from_files):
    crops = []
    for labelled in (in_memory, from_files):
        series = series_for(labelled.load(), labelled.roles, Region.FORAMINAL)
        assert series[0].plane is Plane.SAGITTAL
        point = place_points({x.level: np.array(x.position_mm) for x in labelled.levels})
        place = Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Level.L4_L5
        bag = cut_place(series, windows_of(series), place[0], point[place], SPEC)
        assert bag is not None
        crops.append(bag.crops.astype(int))
    assert np.abs(crops[0] - crops[1]).max() <= 1


def test_axial_roles(in_memory):
    study = in_memory.load()
    assert all(s.plane is Plane.AXIAL for s in study.series if in_memory.roles[s.series_uid] is Role.AXIAL_T2)


def test_measures_put_the_thresholds_at_nought_and_one(rendered):
    measured = phantom.measures(rendered.truth)
    for finding in rendered.truth.findings:
        value = measured[finding.condition, finding.level]
        rank = 0 if value >= 1 else 1 if value >= 0 else 2
        assert rank == finding.severity.rank
