"""The SPIDER reader, on a tiny drawn copy of its folders."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from appliance.core.spine import LEVELS, Level, Structure
from appliance.errors import InputError
from export.datasets import spider

ROWS = (30, 80, 130, 180, 230, 280)
"""Where the drawn discs lie: six, the lowest being L5/S1."""


def mask(leave_out: tuple[int, ...] = (), specks: bool = False) -> NDArray[np.uint8]:
    picture = np.zeros((320, 200), dtype=np.uint8)
    for i, row in enumerate(ROWS):
        if i not in leave_out:
            picture[row - 5 : row + 5, 80:120] = 1
    if specks:
        picture[300:303, 10:13] = 1
    return picture


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / spider.SPACE
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    masks = {"1_001": mask(), "1_002": mask(leave_out=(5,)), "1_003": mask(specks=True), "1_004": mask()}
    for name, picture in masks.items():
        Image.fromarray(picture).save(folder / "masks" / f"{name}.png")
        Image.fromarray(picture * 90).save(folder / "images" / f"{name}.jpg")
    rows = [{"image": f"{n}.jpg", "mask": f"{n}.png", "patient": "1", "slice": n[-3:]} for n in masks]
    write(folder / "index.csv", rows)
    return tmp_path


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_the_lowest_disc_of_the_patient_is_l5_s1(data: Path) -> None:
    whole, without_lowest, with_speck, _ = spider.space_studies(data / spider.SPACE)
    assert [b.level for b in whole.boxes] == [None, *LEVELS]
    assert [b.structure for b in whole.boxes] == [Structure.DISC] * 5 + [Structure.LUMBOSACRAL_DISC]
    assert whole.boxes[-1].box_px == (79.5, 274.5, 119.5, 284.5)
    assert [b.level for b in without_lowest.boxes] == [None, *LEVELS[:-1]]
    assert with_speck.boxes[-1].box_px == whole.boxes[-1].box_px


def test_pieces_of_one_disc_are_united() -> None:
    broken = mask()
    broken[275:285, 95:101] = 0
    discs = spider.consensus([mask()])
    assert len(spider.disc_boxes(broken, discs, "x")) == len(ROWS)
    assert spider.disc_boxes(broken, discs, "x")[-1].box_px == (79.5, 274.5, 119.5, 284.5)


def test_pictures_are_read_when_asked_for(data: Path) -> None:
    study = spider.space_studies(data / spider.SPACE)[0]
    assert study.load().series[0].slices[0].pixels.shape == (320, 200)
    (data / spider.SPACE / "images" / study.study_id).write_bytes(b"no picture")
    with pytest.raises(InputError):
        study.load()


def test_midsagittal_images_take_our_boxes(tmp_path: Path) -> None:
    folder = tmp_path / spider.MIDSAGITTAL
    (folder / "images").mkdir(parents=True)
    Image.new("L", (60, 90)).save(folder / "images" / "7_t1.jpg")
    names = ("7_t1.jpg", "8_t2.jpg")
    write(folder / "index.csv", [{"image": n, "patient": n[0], "sequence": n[2:4],
                                  "pixel_spacing_as_acquired_mm": "[0.5, 0.5]"} for n in names])
    boxes = tmp_path / "boxes.csv"
    one = {"image": "7_t1.jpg", "level": "l5_s1", "x0": "1", "y0": "2", "x1": "30", "y1": "20"}
    write(boxes, [one, {**one, "level": "", "y0": "40", "y1": "50"}])
    (study,) = spider.midsagittal_studies(folder, boxes)
    assert [(b.level, b.structure) for b in study.boxes] == [
        (Level.L5_S1, Structure.LUMBOSACRAL_DISC), (None, Structure.DISC)
    ]
    assert spider.pixel_mm(folder) == {"7_t1.jpg": (pytest.approx(0.5 * 60 / 90), 0.5)}


def test_our_own_boxes_are_sound() -> None:
    boxes = spider.read_boxes(spider.OUR_BOXES)
    for image, labels in boxes.items():
        assert sum(b.level is Level.L5_S1 for b in labels) == 1, image
        named = [b.level for b in labels if b.level is not None]
        assert len(named) == len(set(named)), image
        by_level = sorted((b for b in labels if b.level), key=lambda b: -b.level.above_sacrum)  # type: ignore[union-attr]
        rows = [b.box_px[1] + b.box_px[3] for b in by_level]
        assert rows == sorted(rows), image
        assert all(b.box_px[0] < b.box_px[2] and b.box_px[1] < b.box_px[3] for b in labels), image


def test_the_split_is_by_patient_and_fixed() -> None:
    assert [p for p in map(str, range(1, 20)) if spider.held_out(p)] == ["1", "4", "8", "11", "14", "16", "17"]
