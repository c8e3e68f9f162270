"""Naming the levels: drawn columns with everything that goes wrong in a clinic."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest

from appliance.core.disc_chain import DiscCandidate, candidates_from
from appliance.core.models import DetectedBox
from appliance.core.numbering import (
    CUT_BELOW,
    DISC_BELOW,
    MISSING,
    NO_DISC,
    NO_SACRUM,
    SHORT_DISC,
    Numbering,
    name_levels,
)
from appliance.core.spine import LEVELS, Level, Structure

STEPS_MM = (41.0, 41.0, 40.0, 39.0, 36.0, 33.0, 31.0)
"""From L5/S1 up: body height and half of both discs (Anatomy table of lumbar-mri.md)."""
SLANTS = (38.0, 18.0, 6.0, -2.0, -6.0, -8.0, -8.0)
"""Degrees from straight down of each of these steps: a lordosis."""


def column(discs: int = 7, scale: float = 1.0, mirrored: bool = False, sway: float = 0.0) -> list[DiscCandidate]:
    """Discs of one slice from L5/S1 (first) up."""
    x, y, found = 300.0, 400.0, []
    for place in range(discs):
        found.append(disc(x, y, scale, lumbosacral=0.85 if place == 0 else 0.02, disc_score=0.1 if place == 0 else 0.8))
        slant = math.radians(SLANTS[min(place, 6)])
        x -= STEPS_MM[min(place, 6)] * math.sin(slant) + sway * math.sin(place * 1.3)
        y -= STEPS_MM[min(place, 6)] * math.cos(slant)
    if mirrored:
        found = [replace(d, center=(-d.center[0], d.center[1])) for d in found]
    return found


def disc(x: float, y: float, scale: float = 1.0, disc_score: float = 0.8, lumbosacral: float = 0.02) -> DiscCandidate:
    x, y = x * scale, y * scale
    box = (x - 17 * scale, y - 6 * scale, x + 17 * scale, y + 6 * scale)
    return DiscCandidate((x, y), box, disc_score, lumbosacral, source=0)


def sacral_remnant(discs: list[DiscCandidate], disc_score: float, lumbosacral: float) -> DiscCandidate:
    """S1/S2: a shorter step, further down and back."""
    x, y = discs[0].center
    return disc(x + 22, y + 21, disc_score=disc_score, lumbosacral=lumbosacral)


def assert_named(numbering: Numbering, discs: list[DiscCandidate], levels: tuple[Level, ...] = LEVELS) -> None:
    """`discs` from L5/S1 up: each lies where its name says."""
    assert tuple(d.level for d in numbering.levels) == levels
    for named in numbering.levels:
        assert math.dist(named.center, discs[named.level.above_sacrum].center) < 1


def test_a_plain_column_is_named_from_the_sacrum_up() -> None:
    discs = column()
    numbering = name_levels(random.Random(1).sample(discs, len(discs)))
    assert_named(numbering, discs)
    assert not numbering.uncertain
    assert numbering.warnings == ()
    assert numbering.margin > 3


@pytest.mark.parametrize("scale", [0.01, 1.0, 7.3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_neither_size_nor_mirroring_matters(scale: float, mirrored: bool) -> None:
    discs = [replace(d, center=(d.center[0] * scale, d.center[1] * scale)) for d in column(mirrored=mirrored)]
    numbering = name_levels(discs)
    assert [d.level for d in numbering.levels] == list(LEVELS)
    assert numbering.margin == pytest.approx(name_levels(column()).margin, abs=1e-6)


@pytest.mark.parametrize("discs", [5, 6, 8, 11])
def test_discs_above_l1_l2_get_no_name(discs: int) -> None:
    assert_named(name_levels(column(discs)), column(discs))


def test_a_missing_disc_leaves_a_gap_and_a_warning() -> None:
    discs = column()
    numbering = name_levels([d for i, d in enumerate(discs) if i != 2])
    assert_named(numbering, discs, tuple(level for level in LEVELS if level is not Level.L3_L4))
    assert MISSING.format("L3/L4") in numbering.warnings


def test_a_remnant_below_the_sacrum_is_not_l5_s1() -> None:
    discs = column()
    numbering = name_levels([*discs, sacral_remnant(discs, disc_score=0.6, lumbosacral=0.3)])
    assert_named(numbering, discs)
    assert DISC_BELOW in numbering.warnings


def test_a_short_remnant_is_not_l5_s1_though_the_detector_calls_it_the_disc_on_the_sacrum() -> None:
    discs = [replace(d, length=38.0) for d in column()]
    discs[0] = replace(discs[0], lumbosacral_score=0.12, disc_score=0.5)
    remnant = sacral_remnant(discs, disc_score=0.05, lumbosacral=0.84)
    assert_named(name_levels([*discs, replace(remnant, length=22.0)]), discs)
    as_long = name_levels([*discs, replace(remnant, length=38.0)])
    assert as_long.levels[-1].center == pytest.approx(remnant.center)


def test_a_short_disc_on_the_sacrum_is_named_and_called_uncertain() -> None:
    discs = [replace(d, length=38.0) for d in column()]
    assert not name_levels([replace(discs[0], length=36.0), *discs[1:]]).uncertain
    short = name_levels([replace(discs[0], length=32.0), *discs[1:]])
    assert_named(short, discs)
    assert short.uncertain
    assert short.warnings == (SHORT_DISC,)


def test_a_weak_false_box_far_below_changes_nothing() -> None:
    discs = column()
    assert_named(name_levels([*discs, disc(330, 520, disc_score=0.2)]), discs)


def test_boxes_off_the_column_are_left_out() -> None:
    discs = column()
    bowel, fat, process = disc(120, 330, disc_score=0.5), disc(180, 200, disc_score=0.4), disc(345, 300, disc_score=0.5)
    assert_named(name_levels([bowel, *discs, fat, process]), discs)


def test_without_the_sacrum_nothing_is_named() -> None:
    numbering = name_levels(column()[1:])
    assert numbering.levels == ()
    assert numbering.uncertain
    assert numbering.warnings == (NO_SACRUM,)


def test_two_likely_sacra_are_called_uncertain() -> None:
    discs = column(6)
    discs[0] = replace(discs[0], lumbosacral_score=0.4, disc_score=0.45)
    remnant = sacral_remnant(discs, disc_score=0.3, lumbosacral=0.6)
    assert name_levels([*discs, remnant]).uncertain


def test_scoliosis_seen_in_the_plane_is_followed() -> None:
    discs = column(sway=9.0)
    assert_named(name_levels(discs), discs)


def test_a_weak_disc_on_the_column_is_kept() -> None:
    discs = column()
    discs[3] = replace(discs[3], disc_score=0.16)
    assert_named(name_levels(discs), discs)


def test_a_short_column_names_what_is_there() -> None:
    discs = column(3)
    numbering = name_levels(discs)
    assert_named(numbering, discs, (Level.L3_L4, Level.L4_L5, Level.L5_S1))
    assert MISSING.format("L1/L2, L2/L3") in numbering.warnings


def test_one_disc_alone_on_the_sacrum() -> None:
    numbering = name_levels(column(1))
    assert [d.level for d in numbering.levels] == [Level.L5_S1]


def test_a_picture_that_ends_below_the_disc_is_not_trusted() -> None:
    """L4/L5 at the very edge, taken for lumbosacral by the detector: said to be uncertain."""
    discs = column(6)
    cut = [replace(d, room_below=400.0 + 20.0 - d.center[1]) for d in discs]
    numbering = name_levels(cut)
    assert numbering.uncertain and CUT_BELOW in numbering.warnings
    assert not name_levels([replace(d, room_below=d.room_below + 20) for d in cut]).uncertain


def test_nothing_seen() -> None:
    assert name_levels([]) == Numbering((), margin=0.0, warnings=(NO_DISC,))
    assert name_levels([]).uncertain


def test_several_slices_vote_and_the_best_comes_first() -> None:
    middle = column()
    left = [replace(d, source=1, center=(d.center[0] + 1.5, d.center[1] - 1), disc_score=0.6) for d in middle]
    left[0] = replace(left[0], disc_score=0.5, lumbosacral_score=0.4)
    right = [replace(d, source=2) for i, d in enumerate(middle) if i not in (1, 4)]
    numbering = name_levels([*left, *middle, *right])
    assert [d.level for d in numbering.levels] == list(LEVELS)
    lumbosacral = numbering.find(Level.L5_S1)
    assert lumbosacral is not None
    assert [c.source for c in lumbosacral.candidates] == [0, 2, 1]
    l4_l5 = numbering.find(Level.L4_L5)
    assert l4_l5 is not None and {c.source for c in l4_l5.candidates} == {0, 1}


def test_noise_does_not_shift_the_names() -> None:
    rng = random.Random(7)
    for _ in range(200):
        discs = column(rng.choice([5, 6, 7, 8]), scale=1.0, mirrored=rng.random() < 0.5, sway=rng.uniform(-4, 4))
        noisy = [
            replace(d, center=(d.center[0] + rng.gauss(0, 1.5), d.center[1] + rng.gauss(0, 1.5))) for d in discs
        ]
        numbering = name_levels(noisy)
        assert [d.level for d in numbering.levels] == list(LEVELS)
        for named in numbering.levels:
            assert math.dist(named.center, discs[named.level.above_sacrum].center) < 10


def test_candidates_fuse_both_names_of_one_place() -> None:
    boxes = [
        DetectedBox(Structure.LUMBOSACRAL_DISC, (10, 20, 40, 40), 0.7),
        DetectedBox(Structure.DISC, (11, 20, 41, 40), 0.2),
        DetectedBox(Structure.DISC, (8, -10, 38, 0), 0.8),
        DetectedBox(Structure.SPINAL_CANAL, (10, 20, 40, 40), 0.9),
    ]
    upper, lower = candidates_from(boxes, 3, lambda p: (p[0] * 2, p[1]))
    assert (upper.disc_score, upper.lumbosacral_score, upper.center) == (0.8, 0.0, (46.0, -5.0))
    assert (lower.disc_score, lower.lumbosacral_score, lower.center) == (0.2, 0.7, (50.0, 30.0))
    assert lower.box == (10, 20, 40, 40) and lower.source == 3
    assert lower.room_below == math.inf
    assert candidates_from(boxes, 3, lambda p: p, rows=60)[1].room_below == pytest.approx(29.5)
