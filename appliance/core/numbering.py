"""Naming the lumbar levels: geometry from the sacrum up, all evidence weighed. Pure.

The detector only says "a disc" and "the disc on the sacrum". This module finds the chain of discs that runs up the
spine and asks, for every place where the sacrum could be, how well everything seen fits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from appliance.core.disc_chain import (
    WELL_SEEN,
    Chain,
    Disc,
    DiscCandidate,
    Point,
    best_chain,
    direction,
    evidence,
    same_on_all_slices,
)
from appliance.core.spine import LEVELS, Level

SURE_MARGIN = 2.0
"""Nats between the best and the second-best numbering below which the names are called uncertain (odds of 7 to 1)."""
SACRUM_SEEN = 0.15
"""Mean lumbosacral score that the disc on the sacrum, or a remnant below it, must have: else no sacrum was seen."""

NO_DISC = "No lumbar disc was found on the sagittal images."
NO_SACRUM = "The sacrum was not seen, so the levels cannot be counted. Repeat with the field of view reaching lower."
TWO_NUMBERINGS = "The numbering of the levels is uncertain: it may be one level off."
CUT_BELOW = "The picture ends right below the disc taken for L5/S1: that it lies on the sacrum cannot be seen."
DISC_BELOW = "A disc-like space lies below the level taken for L5/S1: a transitional vertebra is possible."
SHORT_DISC = "The disc taken for L5/S1 is as short as one within the sacrum: a transitional vertebra is possible."
MISSING = "Not found: {}."

UNCLEAR = frozenset((NO_DISC, NO_SACRUM, TWO_NUMBERINGS, CUT_BELOW))
"""What another sequence of the same spine may clear up."""
UNSAFE = UNCLEAR | {SHORT_DISC}
"""Each of these makes the names uncertain."""

_SACRUM_ROOM = 0.65
"""Share of the usual spacing that must be seen below the centre of L5/S1: most of the first sacral body."""
# The column seen from the sacrum up, measured on 347 mid-sagittal SPIDER images (our own boxes): medians by place,
# L5/S1 first. Standard deviations there were 0.05 to 0.08 of a step and 4 to 7 degrees; a little slack is added.
_STEPS = (0.99, 1.02, 1.01, 0.98, 0.93, 0.86, 0.79)
"""Distance to the disc above, in shares of the median lumbar step."""
_SACRAL_STEP = 0.72
"""The same from an S1/S2 remnant up to L5/S1."""
_RATIO_SD = 0.08
_TURNS = (18.0, 13.0, 9.0, 6.0, 0.0, -1.0, -2.0)
"""Degrees by which the chain turns at the disc; the first needs an S1/S2 remnant below and is a guess."""
_CURVE_SD = 7.0
_WORST = -2.0
"""One odd step or turn says no more than this: spondylolisthesis and fractures bend the rule."""
_GEOMETRY_WEIGHT = 0.5
_FLOOR = 0.03

# An S1/S2 remnant is a short disc. Box diagonal of L5/S1 over the median of the three discs above it, 244 training
# images of SPIDER (our own boxes): median 1.06, standard deviation 0.11, 1st percentile 0.84, least 0.81.
_SACRAL_LENGTH, _LENGTH_SD, _SHORTEST = 1.0, 0.11, -4.5
TOO_SHORT = 0.86
"""Then no count is safe: most well-formed S1/S2 discs that detectors took for L5/S1 lie below, and few true L5/S1
(`python -m export.evaluate short-disc`)."""
_BELOW_COST, _BELOW_WEIGHT = 0.7, 0.3
_SHORT_COST = 0.35
_UNSEEN_COST = 2.5


@dataclass(frozen=True, slots=True)
class NumberedDisc:
    """One named disc."""

    level: Level
    center: Point
    """Score-weighted mean of its candidates, in the common frame."""
    candidates: tuple[DiscCandidate, ...]
    """The same disc on several slices, best first; never empty."""
    score: float
    """0 to 1: of its best candidate."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """The named levels of one spine, from the head down, and how far they can be trusted."""

    levels: tuple[NumberedDisc, ...]
    """In the order of `LEVELS`; a level that was not found is missing here and named in `warnings`."""
    margin: float
    """Log-likelihood (nats) by which the best numbering beats the second best; 0 when there is none."""
    warnings: tuple[str, ...] = ()
    """Plain sentences for the report."""

    @property
    def uncertain(self) -> bool:
        """The names may be one off: no sacrum was seen, its disc is too short, or a second numbering fits nearly as well."""
        return not UNSAFE.isdisjoint(self.warnings)

    def find(self, level: Level) -> NumberedDisc | None:
        """The disc of that level, or None when it was not found."""
        return next((d for d in self.levels if d.level is level), None)


def name_levels(candidates: Sequence[DiscCandidate]) -> Numbering:
    """Name the discs seen on one or several sagittal slices of the same spine.

    Without any sign of the sacrum no name is given: an empty numbering, uncertain, that says why. With weak or
    contradictory signs the best names are given and marked uncertain.
    """
    discs = same_on_all_slices(candidates)
    if not discs:
        return Numbering((), margin=0.0, warnings=(NO_DISC,))
    chain = best_chain(discs)
    hypotheses = sorted(_hypotheses(chain), key=lambda h: -h.likelihood)
    best = hypotheses[0]
    margin = best.likelihood - hypotheses[1].likelihood
    if best.sacral is None or max(d.lumbosacral for d in chain.discs[best.sacral :]) < SACRUM_SEEN:
        return Numbering((), margin=0.0 if best.sacral is None else margin, warnings=(NO_SACRUM,))
    levels = _named(chain, best.sacral)
    warnings = _warnings(chain, best.sacral, levels, margin)
    return Numbering(levels, margin, warnings)


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """`sacral`: index in the chain of the disc taken for L5/S1; None when it would lie below all that is seen."""

    sacral: int | None
    likelihood: float


def _hypotheses(chain: Chain) -> list[_Hypothesis]:
    """Every disc of the chain as L5/S1, and L5/S1 unseen below the lowest: always two or more."""
    seen = [
        _Hypothesis(i, _class_fit(chain, i) + _length_fit(chain, i) + _geometry_fit(chain, slot) - _count_cost(slot))
        for i, slot in enumerate(chain.slots)
    ]
    below = chain.slots[-1] + 1
    unseen = _class_fit(chain, None) + _geometry_fit(chain, below) - _count_cost(below) - _UNSEEN_COST
    return [*seen, _Hypothesis(None, unseen)]


def _class_fit(chain: Chain, sacral: int | None) -> float:
    """What the detector says: the sacral disc must look lumbosacral, those above ordinary.

    Below it only S1/S2 remnants and false boxes can lie, and they are the dearer the more they look like discs.
    """
    last = len(chain.discs) if sacral is None else sacral
    total = sum(math.log(1 - _lumbosacral_share(disc)) for disc in chain.discs[:last])
    if sacral is not None:
        total += math.log(_lumbosacral_share(chain.discs[sacral]))
    return total - sum(_BELOW_COST + max(0.0, evidence(d)) * _BELOW_WEIGHT for d in chain.discs[last + 1 :])


def _lumbosacral_share(disc: Disc) -> float:
    """0 to 1, never either: how far the lumbosacral score outweighs the ordinary one."""
    return (disc.lumbosacral + _FLOOR) / (disc.lumbosacral + disc.ordinary + 2 * _FLOOR)


def _length_fit(chain: Chain, sacral: int) -> float:
    """A disc much shorter than those above it is not L5/S1 but a remnant within the sacrum."""
    short = min(0.0, relative_length([disc.length for disc in chain.discs], sacral) - _SACRAL_LENGTH)
    return max(_SHORTEST, -0.5 * (short / _LENGTH_SD) ** 2)


def relative_length(lengths: Sequence[float], sacral: int) -> float:
    """Of the disc on the sacrum in medians of the three above it, of `lengths` from the head down (0: not known).

    Infinite where they cannot be compared.
    """
    above = [length for length in lengths[max(0, sacral - 3) : sacral] if length > 0]
    return lengths[sacral] / median(above) if len(above) >= 2 and lengths[sacral] > 0 else math.inf


def _geometry_fit(chain: Chain, sacral_slot: int) -> float:
    """Steps and turns against the anatomy's; neighbouring ones are not independent, so they count in part."""
    return (_spacing_fit(chain, sacral_slot) + _curve_fit(chain, sacral_slot)) * _GEOMETRY_WEIGHT


def _spacing_fit(chain: Chain, sacral_slot: int) -> float:
    """Steps between neighbours against the anatomy's ratios, as seen from this sacrum."""
    ratios: list[tuple[float, float]] = []
    for i in range(len(chain.discs) - 1):
        if chain.slots[i + 1] - chain.slots[i] == 1:
            length = math.dist(chain.discs[i].center, chain.discs[i + 1].center)
            ratios.append((length, _expected_step(sacral_slot - chain.slots[i + 1])))
    if len(ratios) < 2:
        return 0.0
    unit = median(measured / expected for measured, expected in ratios)
    return sum(max(_WORST, -0.5 * ((m / (e * unit) - 1) / _RATIO_SD) ** 2) for m, e in ratios)


def _curve_fit(chain: Chain, sacral_slot: int) -> float:
    """The column bends hardest at L4/L5 and on the sacrum; either way round, since pictures may be mirrored."""
    turns: list[tuple[float, float]] = []
    for i in range(1, len(chain.discs) - 1):
        above, here, below = (chain.discs[k].center for k in (i - 1, i, i + 1))
        turn = direction(here, below) - direction(above, here)
        turns.append((turn, _expected_turn(sacral_slot - chain.slots[i])))
    return max(sum(max(_WORST, -0.5 * ((sign * t - e) / _CURVE_SD) ** 2) for t, e in turns) for sign in (1, -1))


def _expected_step(above: int) -> float:
    """Usual distance of the disc `above` places over L5/S1 to the next one up, in shares of the lumbar step."""
    if above < 0:
        return _SACRAL_STEP
    return _STEPS[min(above, len(_STEPS) - 1)]


def _expected_turn(above: int) -> float:
    """Degrees by which the chain turns at the disc `above` places over L5/S1."""
    if above < 0:
        return 0.0
    return _TURNS[min(above, len(_TURNS) - 1)]


def _count_cost(sacral_slot: int) -> float:
    """A lumbar study shows L1/L2: fewer places above the sacrum than five are less likely; more are common."""
    return _SHORT_COST * max(0, len(LEVELS) - 1 - sacral_slot)


def _named(chain: Chain, sacral: int) -> tuple[NumberedDisc, ...]:
    by_place = {chain.slots[sacral] - slot: disc for disc, slot in zip(chain.discs, chain.slots, strict=True)}
    found = [(level, by_place.get(level.above_sacrum)) for level in LEVELS]
    return tuple(NumberedDisc(level, d.center, d.members, d.score) for level, d in found if d is not None)


def _warnings(chain: Chain, sacral: int, levels: tuple[NumberedDisc, ...], margin: float) -> tuple[str, ...]:
    said: list[str] = []
    if margin < SURE_MARGIN:
        said.append(TWO_NUMBERINGS)
    if max(member.room_below for member in chain.discs[sacral].members) < _SACRUM_ROOM * chain.spacing:
        said.append(CUT_BELOW)
    if any(disc.score >= WELL_SEEN for disc in chain.discs[sacral + 1 :]):
        said.append(DISC_BELOW)
    if relative_length([disc.length for disc in chain.discs], sacral) < TOO_SHORT:
        said.append(SHORT_DISC)
    missing = [level.label for level in LEVELS if level not in {d.level for d in levels}]
    if missing:
        said.append(MISSING.format(", ".join(missing)))
    return tuple(said)
