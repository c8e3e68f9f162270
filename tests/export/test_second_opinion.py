"""The one command that makes the models of `reader.second_opinion`, on crops of noise: it teaches nothing, but makes all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("nncf", reason="the export extra is not installed")

from appliance.adapters.openvino_model import load_models
from appliance.core.spine import CONDITIONS, LEVELS, Region
from export import second_opinion
from export.grader.data import BagLabel, BagSet, save_bags, wide
from export.grader.model import DEFAULT_SPECS

ROOT = Path(__file__).resolve().parents[2]


def draw_nothing(cache: Path) -> None:
    """Crops of the usual size in every split, so that no phantom is drawn."""
    rng = np.random.default_rng(0)
    for number, split in enumerate(second_opinion.STUDIES):
        for region, spec in DEFAULT_SPECS.items():
            condition = next(c for c in CONDITIONS if c.region is region)
            side = wide(spec).size_px
            pictures = rng.integers(0, 255, (6, side, side), dtype=np.uint8)
            study = f"1-{number}"
            labels = tuple(BagLabel(study, condition, LEVELS[n], n, 2 * n, 2 * n + 2, (-2.0, 2.0), 0.5) for n in range(3))
            save_bags(cache / split / study, BagSet(spec, pictures, labels))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_command_makes_what_the_box_asks_for(tmp_path: Path) -> None:
    runs, out = tmp_path / "runs", tmp_path / "models"
    draw_nothing(runs / "cache")
    shutil.copytree(ROOT / "models_int8", out)
    given = ["--runs", str(runs), "--out", str(out), "--fp32", str(tmp_path / "fp32"), "--results", str(tmp_path),
             "--minutes", "0.01", "--threads", "1", "--allowed-drop", "2", "--studies", "0"]  # fmt: skip
    assert second_opinion.main(given) == 0
    models = load_models(out, second_opinion=True)
    assert sorted(s.grader.identity.name for s in models.second.values()) == sorted(f"efficientnet-b0-{r}" for r in Region)
    manifest = json.loads((out / "MANIFEST.json").read_text("utf-8"))["models"]
    entry = manifest["efficientnet-b0-foraminal"]
    assert (entry["role"], entry["backbone"], entry["precision"]) == ("second", "EfficientNet-B0", "INT8")
    assert "first on canal places, then on foraminal ones" in entry["origin"]
    card = (out / "efficientnet-b0-foraminal" / "MODEL_CARD.md").read_text("utf-8")
    assert "EfficientNet-B0 over each slice" in card
    titles = {t["title"] for t in json.loads((tmp_path / "second-opinion.json").read_text("utf-8"))}
    assert titles == {"What a second opinion changes", "Where the two disagree", "What a second opinion costs"}
    trained = (runs / "efficientnet-b0-canal" / "log.jsonl").read_text("utf-8")
    assert second_opinion.main(given) == 0
    assert (runs / "efficientnet-b0-canal" / "log.jsonl").read_text("utf-8") == trained, "nothing is trained twice"
