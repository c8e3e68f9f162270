"""Whole groups left out of training, on a tiny drawn SPIDER: what is left out must never reach a batch."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the export extra is not installed")
pytest.importorskip("ultralytics", reason="the export extra is not installed")

import torch

from appliance.core.spine import LEVELS, Level
from export import evaluate
from export.datasets import spider
from export.datasets.spider_groups import GROUPS, Facts, Group, facts_of
from export.detector import train as training
from export.detector.evaluate import Outcome
from export.detector.model import new_model
from export.evaluation import held_out
from export.evaluation.held_out_tables import Run, paired_points
from export.evaluation.levels import level_rows
from tests.export.datasets.test_spider import mask, write

SCANNERS = {
    "107": ("SIEMENS", "1.5"), "110": ("SIEMENS", "1.5"), "118": ("SIEMENS", "1.5"), "105": ("SIEMENS", "3.0"),
    "100": ("Philips Medical Systems", "3.0"), "101": ("Philips Healthcare", "3.0"), "109": ("Philips Healthcare", "3.0"),
}  # fmt: skip
"""Patients that our boxes know, with makers of our choosing."""
HELD_OUT = {"118", "109"}
WITH_SPACE = ("107", "110", "118")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noise in place of anatomy, under names that have boxes; SPACE slices with masks of three patients."""
    root = tmp_path_factory.mktemp("data")
    rng, rows, slices = np.random.default_rng(0), [], []
    for folder in (spider.MIDSAGITTAL, spider.SPACE):
        (root / folder / "images").mkdir(parents=True)
    (root / spider.SPACE / "masks").mkdir()
    for patient, (maker, field) in SCANNERS.items():
        for sequence in ("t1", "t2", "t2_SPACE") if patient in WITH_SPACE else ("t1", "t2"):
            name = f"{patient}_{sequence}.jpg"
            noise = rng.integers(0, 255, (640, 512), dtype=np.uint8)
            Image.fromarray(noise).save(root / spider.MIDSAGITTAL / "images" / name)
            rows.append({
                "image": name, "patient": patient, "sequence": sequence, "manufacturer": maker, "model": "Any",
                "field_tesla": field, "pixel_spacing_as_acquired_mm": "[0.5, 0.5]", "slice_thickness_mm": "4.0",
            })  # fmt: skip
    for patient in WITH_SPACE:
        for number in ("050", "051"):
            name = f"{patient}_{number}"
            Image.fromarray(mask()).save(root / spider.SPACE / "masks" / f"{name}.png")
            Image.fromarray(mask() * 90).save(root / spider.SPACE / "images" / f"{name}.jpg")
            slices.append({"image": f"{name}.jpg", "mask": f"{name}.png", "patient": patient, "slice": number})
    write(root / spider.MIDSAGITTAL / "index.csv", rows)
    write(root / spider.SPACE / "index.csv", slices)
    return root


@pytest.fixture(scope="module")
def facts(data: Path) -> dict[str, Facts]:
    return facts_of(data)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the pictures that go into batches, told by the last door before the network."""
    seen: set[str] = set()
    real_draw = training.draw

    def draw(picture, *rest):
        seen.add(picture.name)
        return real_draw(picture, *rest)

    monkeypatch.setattr(training, "draw", draw)
    return seen


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.pt"
    torch.save({"ema": new_model(None).state_dict()}, path)
    return path


def belongs(name: str) -> Iterator[str]:
    """The groups a picture is in, told from its name and `SCANNERS` alone."""
    patient, rest = name.removesuffix(".jpg").split("_", 1)
    maker, field = SCANNERS[patient]
    yield "Siemens" if maker == "SIEMENS" else "Philips"
    yield f"{field[0]} T" if field == "3.0" else f"{field} T"
    yield {"t1": "T1", "t2": "T2"}.get(rest, "T2 SPACE")


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_a_training_keeps_everything_but_the_group_and_the_held_out_patients(
    group: Group, data: Path, facts: dict[str, Facts]
) -> None:
    pools = held_out.pools_without(group, facts, data, phantoms=0)
    names = {p.name for pool in pools for p in pool.pictures}
    assert names == {n for n in facts if n.split("_")[0] not in HELD_OUT and group.name not in belongs(n)}
    assert {g for n in names for g in belongs(n)} >= {"T1", "T2"} - {group.name}


def test_the_group_is_read_whole_and_of_the_others_only_held_out_patients(data: Path, facts: dict[str, Facts]) -> None:
    philips = next(g for g in GROUPS if g.name == "Philips")
    names = {case.name for case in held_out.cases_for(philips, facts, data)}
    assert {n for n in names if "Philips" in belongs(n)} == {n for n in facts if "Philips" in belongs(n)}
    assert {n.split("_")[0] for n in names if "Philips" not in belongs(n)} == {"118"}


@pytest.mark.parametrize("group", GROUPS, ids=lambda g: g.name)
def test_held_out_patients_show_every_detector_the_same_pictures(group: Group, data: Path, facts: dict[str, Facts]) -> None:
    of_all = {case.name for case in held_out.cases_for(None, facts, data)}
    of_one = {case.name for case in held_out.cases_for(group, facts, data)}
    assert {n.split("_")[0] for n in of_all} == HELD_OUT and any(n.startswith("118_05") for n in of_all)
    assert {n for n in of_one if n.split("_")[0] in HELD_OUT} == of_all


def test_a_slice_whose_patient_has_no_header_is_an_error_and_not_outside_every_group(data: Path, tmp_path: Path) -> None:
    for folder in (spider.MIDSAGITTAL, spider.SPACE):
        (tmp_path / folder).mkdir()
        index = (data / folder / "index.csv").read_text("utf-8")
        (tmp_path / folder / "index.csv").write_text(index, "utf-8")
    with (tmp_path / spider.SPACE / "index.csv").open("a", encoding="utf-8") as file:
        file.write("999_050.jpg,999_050.png,999,050\n")
    with pytest.raises(KeyError, match="999"):
        facts_of(tmp_path)


def test_a_leak_is_refused_whichever_way_it_came(facts: dict[str, Facts]) -> None:
    philips = next(g for g in GROUPS if g.name == "Philips")
    held_out.refuse_leaks(Run(philips, ("107_t1.jpg", "107_050.jpg", "a phantom"), ()), facts)
    for group, name in ((philips, "100_t1.jpg"), (philips, "118_t1.jpg"), (None, "109_t2.jpg")):
        with pytest.raises(ValueError, match=name):
            held_out.refuse_leaks(Run(group, ("107_t1.jpg", name), ()), facts)
    with pytest.raises(ValueError, match="107_t1"):
        held_out.refuse_leaks(Run(None, ("107_t1.jpg",), (outcome("107_t1.jpg"),)), facts)


def test_the_command_trains_reads_stops_and_goes_on(
    data: Path, pretrained: Path, drawn: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["held-out", "--data", str(data), "--pretrained", str(pretrained), "--only", "Siemens", "--steps", "3",
             "--sizes", "64:1.0", "--work", str(tmp_path / "work"), "--results", str(tmp_path)]  # fmt: skip
    evaluate.main([*given, "--minutes", "0"])
    assert any("Siemens" in belongs(n) for n in drawn) and any("Philips" in belongs(n) for n in drawn)
    assert not {n.split("_")[0] for n in drawn} & HELD_OUT
    assert not (tmp_path / "work" / "siemens").exists()

    drawn.clear()
    evaluate.main(given)
    assert drawn == {"100_t1.jpg", "100_t2.jpg", "101_t1.jpg", "101_t2.jpg"}
    tables = json.loads((tmp_path / "detector-held-out.json").read_text("utf-8"))
    left_out, _, drawn_from, _ = (table["rows"] for table in tables)
    counts = {tuple(row[1:4]): row[4:6] for row in left_out}
    unseen = "Siemens", "held-out patients"
    assert counts[*unseen, "Siemens"] == counts[*unseen, "nothing"] == ["1", "3"]
    assert counts["Siemens", "all patients", "Siemens"] == ["4", "11"]
    assert drawn_from == [["nothing", "5", "12", "4"], ["Siemens", "2", "4", "0"]]

    monkeypatch.setattr(held_out, "train", lambda *_, **__: pytest.fail("trained again what was done"))
    evaluate.main(given)
    assert json.loads((tmp_path / "detector-held-out.json").read_text("utf-8")) == tables
    with pytest.raises(SystemExit, match="another --work"):
        evaluate.main([*given, "--steps", "4"])


def test_the_scale_is_chosen_on_patients_that_are_not_held_out(data: Path, pretrained: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    given = ["scale", "--data", str(data), "--work", str(work), "--results", str(tmp_path), "--finest-mm", "0", "0.7"]
    with pytest.raises(SystemExit, match="held-out"):
        evaluate.main(given)
    (work / "siemens").mkdir(parents=True)
    shutil.copy(pretrained, work / "siemens" / "current.pt")
    evaluate.main(given)
    (table,) = json.loads((tmp_path / "detector-scale.json").read_text("utf-8"))
    middle = [row for row in table["rows"] if row[1] == "the middle"]
    # 107, 110, 105 of Siemens' four: 118 is held out
    assert [(row[0], row[2], *row[3:5]) for row in middle] == [
        ("Siemens", "the picture fills the square", "3", "8"), ("Siemens", "0.7", "3", "8")
    ]


def test_two_detectors_are_compared_on_the_same_pictures(facts: dict[str, Facts]) -> None:
    names = ("100_t1.jpg", "101_t1.jpg", "105_t1.jpg", "107_t1.jpg")
    ours = [outcome(n, found=LEVELS if i < 2 else LEVELS[:3]) for i, n in enumerate(names)]
    theirs = [outcome(n) for n in reversed(names)]
    assert paired_points(ours, theirs, facts).startswith("-50.0 (-100.0 to")


def test_precision_and_recall_of_one_level() -> None:
    four = LEVELS[1:]
    outcomes = [
        outcome("a"),
        outcome("b", found=LEVELS[:4], misnamed=(Level.L5_S1,)),
        outcome("c", found=LEVELS[:4]),
        outcome("d", found=four, visible=four),
        outcome("e", found=four, visible=four, misnamed=(Level.L1_L2,)),
    ]
    rows = {row[1]: row[2:] for row in level_rows(outcomes)}
    visible, named, precision, recall, f1, accuracy = rows["L5/S1"]
    assert (visible, named) == ("5", "4")
    assert precision.startswith("75.0%") and recall.startswith("60.0%") and accuracy.startswith("60.0%")
    assert float(f1) == pytest.approx(2 * 0.75 * 0.6 / 1.35, abs=5e-4)
    assert rows["L1/L2"][2].startswith("75.0%") and rows["L1/L2"][3].startswith("100.0%")
    assert rows["L1/L2"][5].startswith("80.0%")


def outcome(
    name: str, found: tuple[Level, ...] = LEVELS, visible: tuple[Level, ...] = LEVELS, misnamed: tuple[Level, ...] = ()
) -> Outcome:
    return Outcome(name, "t1", found, misnamed, visible, False, (1.0,) * len(found), True)
