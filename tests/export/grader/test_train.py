"""Training on bags made of numbers: it learns, and it goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the export extra is not installed")

from appliance.core.spine import Condition  # noqa: E402
from export.grader.augment import NONE, RANDOMISED  # noqa: E402
from export.grader.data import joined, save_bags  # noqa: E402
from export.grader.model import load_facts, load_grader, new_grader  # noqa: E402
from export.grader.train import Beside, Plan, train  # noqa: E402
from tests.export.grader.make_bags import SPEC, bags  # noqa: E402

PLAN = Plan(epochs=2, minutes=5.0, bags=10, strength=replace(NONE, dropout=0.3), frozen=0.0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    for n in range(6):
        save_bags(folder / "train" / str(n), bags(str(n), n))
    for n in range(2):
        save_bags(folder / "val" / str(n), bags(str(n), 100 + n))
    return folder


@pytest.fixture(scope="module")
def trained(cache, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out")
    torch.manual_seed(0)
    train(new_grader(SPEC), cache, out, PLAN)
    return out


def log_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_training_leaves_the_best_and_the_last_with_their_figures(trained):
    assert load_grader(trained / "best.pt").spec == SPEC
    assert {"macro_f1", "log_loss", "temperature"} <= set(load_facts(trained / "best.pt"))
    assert [line["epoch"] for line in log_of(trained)] == [0, 1]
    assert (trained / "last.pt").exists()


def test_the_loss_falls(trained):
    first, last = log_of(trained)
    assert last["train_loss"] < first["train_loss"]


def test_it_goes_on_where_it_stopped(trained, cache):
    train(new_grader(SPEC), cache, trained, replace(PLAN, epochs=3), resume=True)
    assert [line["epoch"] for line in log_of(trained)] == [0, 1, 2]


def test_no_more_minutes_no_more_epochs(cache, tmp_path):
    train(new_grader(SPEC), cache, tmp_path, replace(PLAN, epochs=50, minutes=0.001))
    assert len(log_of(tmp_path)) == 1


def test_an_empty_cache_is_said_plainly(tmp_path):
    with pytest.raises(SystemExit, match="no training crops for foraminal"):
        train(new_grader(SPEC), tmp_path, tmp_path / "out", PLAN)


def test_a_condition_is_never_dropped_on_the_way(cache):
    from export.grader.data import load_bags

    found = load_bags((cache / "train").glob("*"), SPEC)
    assert {b.condition for b in found.labels} == {
        Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Condition.RIGHT_NEURAL_FORAMINAL_NARROWING,
    }  # fmt: skip


def test_real_pictures_beside_are_noted_with_the_weights_and_the_newest_are_kept(cache, tmp_path):
    real = bags("107-03", 50)
    train(new_grader(SPEC), cache, tmp_path, PLAN, beside=Beside(real, joined(SPEC, [])), origin="x")
    facts = load_facts(tmp_path / "best.pt")
    assert facts["real_patients"] == ["107"]
    assert facts["epoch"] == PLAN.epochs - 1
    assert log_of(tmp_path)[0]["train_bags"] == 60 + 10


def test_ungraded_pictures_move_the_weights_though_their_rank_is_never_read(cache, tmp_path):
    def weights(rank: int, agree: float) -> torch.Tensor:
        torch.manual_seed(0)
        net = new_grader(SPEC)
        ungraded = bags("200-t2", 60)
        labels = tuple(replace(b, rank=rank, measure=None) for b in ungraded.labels)
        plan = replace(PLAN, epochs=1, minutes=1e9, agree=agree, strength=RANDOMISED)
        beside = Beside(joined(SPEC, []), replace(ungraded, labels=labels))
        train(net, cache, tmp_path / f"{rank}{agree}", plan, beside=beside)
        return net.fc.weight.detach()

    alone, beside = weights(0, 0.0), weights(0, 5.0)
    assert not torch.equal(alone, beside)
    assert torch.equal(beside, weights(2, 5.0))
