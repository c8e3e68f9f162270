"""Raw network output to boxes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.core.postprocessing import Thresholds, decode, suppress
from appliance.core.preprocessing import Letterbox, letterbox
from appliance.core.spine import STRUCTURES, Structure

PLAIN = Letterbox(1.0, 1.0, 0, 0)


def raw(*anchors: tuple[tuple[float, float, float, float], dict[Structure, float]]) -> NDArray[np.float32]:
    """(1, 9, n) as the network gives it, from (x, y, w, h) and scores."""
    table = np.zeros((1, 4 + len(STRUCTURES), len(anchors)), dtype=np.float32)
    for i, (xywh, scores) in enumerate(anchors):
        table[0, :4, i] = xywh
        for structure, score in scores.items():
            table[0, 4 + STRUCTURES.index(structure), i] = score
    return table


def test_a_box_comes_back_in_the_pictures_own_pixels() -> None:
    picture = np.zeros((300, 200), dtype=np.uint8)
    _, fit = letterbox(picture, 640, (0.5, 1.0))
    # the picture is 150 x 200 in square pixels, so 480 x 640 in the square, 80 rows of band above
    (box,) = decode(raw(((320, 320, 64, 32), {Structure.DISC: 0.9})), fit)
    x0, y0, x1, y1 = box.box_px
    assert (x0 + x1) / 2 == pytest.approx(99.5)
    assert (y0 + y1) / 2 == pytest.approx(149.5)
    assert x1 - x0 == pytest.approx(20)
    assert y1 - y0 == pytest.approx(20)
    assert (box.structure, box.score) == (Structure.DISC, pytest.approx(0.9))


def test_one_disc_under_two_names_is_one_place_with_both_scores() -> None:
    found = decode(
        raw(
            ((100, 100, 60, 20), {Structure.LUMBOSACRAL_DISC: 0.6, Structure.DISC: 0.1}),
            ((101, 100, 60, 20), {Structure.LUMBOSACRAL_DISC: 0.2, Structure.DISC: 0.3}),
        ),
        PLAIN,
    )
    assert [(b.structure, round(b.score, 3)) for b in found] == [
        (Structure.LUMBOSACRAL_DISC, 0.6),
        (Structure.DISC, 0.3),
    ]
    assert found[0].box_px == found[1].box_px


def test_other_structures_do_not_suppress_each_other() -> None:
    found = decode(
        raw(((50, 50, 30, 30), {Structure.SPINAL_CANAL: 0.7}), ((50, 50, 30, 30), {Structure.NEURAL_FORAMEN: 0.5})),
        PLAIN,
    )
    assert [b.structure for b in found] == [Structure.SPINAL_CANAL, Structure.NEURAL_FORAMEN]


def test_neighbouring_discs_stay_two() -> None:
    anchors = [((100, y, 60, 20), {Structure.DISC: s}) for y, s in ((100, 0.5), (118, 0.8), (119, 0.7))]
    assert [round(b.score, 2) for b in decode(raw(*anchors), PLAIN)] == [0.8, 0.5]


def test_weak_and_sick_anchors_are_dropped() -> None:
    nan = float("nan")
    found = decode(
        raw(
            ((100, 100, 60, 20), {Structure.DISC: 0.05}),
            ((nan, 100, 60, 20), {Structure.DISC: 0.9}),
            ((200, 100, 60, 20), {Structure.DISC: nan}),
        ),
        PLAIN,
        Thresholds(score=0.1),
    )
    assert found == ()


def test_an_output_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="9 rows"):
        decode(np.zeros((1, 84, 10)), PLAIN)


def test_thresholds_check_themselves() -> None:
    with pytest.raises(ValueError, match="out of order"):
        Thresholds(score=0.1, rival=0.2)


def test_suppression_gives_every_index_once() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 100, (50, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 40, (50, 2))], axis=1)
    places = suppress(boxes, rng.uniform(size=50), 0.4)
    assert sorted(np.concatenate(places)) == list(range(50))
