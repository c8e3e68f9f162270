"""Which checkpoint may speak of which patient: only one that never saw him, and otherwise it is said."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("cv2", reason="the export extra is not installed")

from appliance.core.models import GraderSpec
from appliance.core.spine import Region
from export.datasets import spider
from export.datasets.spider_canal import canal_bags
from export.evaluation.steps import HELD_OUT, TRAINED_ON, UNSEEN, grouped, parsed, rule
from export.evaluation.torch_grader import TorchGrader
from export.grader.model import new_grader, save_grader
from tests.export.evaluation.test_real_pictures import stack

SPEC = GraderSpec(Region.CANAL, size_px=64, crop_mm=56.0, slices=5)
OWN = [p for p in map(str, range(1, 30)) if not spider.held_out(p)][:2]
HELD = next(p for p in map(str, range(1, 30)) if spider.held_out(p))


def checkpoint(path, seen, rank):
    """A grader that says `rank` of everything."""
    net = new_grader(SPEC)
    net.fc.weight.data.zero_()
    net.fc.bias.data = net.fc.bias.data.new_tensor(np.eye(3)[rank] * 9)
    save_grader(path, net, real_patients=list(seen))
    return TorchGrader(path)


@pytest.fixture(scope="module")
def bags():
    return {p: canal_bags([stack(26, p)], SPEC) for p in (*OWN, HELD)}


def test_each_patient_is_graded_by_a_checkpoint_that_never_saw_him(bags, tmp_path):
    shipped = checkpoint(tmp_path / "all.pt", OWN, rank=0)
    fold = checkpoint(tmp_path / "fold.pt", OWN[:1], rank=2)
    groups = grouped([shipped, fold], bags)
    said = {group: {(m.patient, m.said) for m, _ in answers} for group, answers in groups.items()}
    assert said == {HELD_OUT: {(HELD, 0)}, UNSEEN: {(OWN[1], 2)}, TRAINED_ON: {(OWN[0], 0)}}


def test_a_grader_that_says_one_thing_is_perfectly_stable(bags, tmp_path):
    answers = grouped([checkpoint(tmp_path / "all.pt", (), rank=1)], bags)[HELD_OUT]
    assert all(not any(moved) for _, moved in answers)


def test_the_rule_turns_depths_into_the_phantoms_grades():
    assert [rule(depth) for depth in (5.0, 7.8, 9.5, 14.0)] == [2, 1, 0, 0]


def test_a_step_without_its_checkpoint_is_refused(tmp_path):
    there = tmp_path / "best.pt"
    there.touch()
    assert parsed(f"a={there},{there}") == ("a", [there, there])
    with pytest.raises(SystemExit, match="no checkpoint"):
        parsed(f"a={tmp_path / 'none.pt'}")
    with pytest.raises(SystemExit, match="no checkpoint"):
        parsed("a")
