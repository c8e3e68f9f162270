"""Naming the lumbar levels: geometry from the sacrum up, all evidence weighed. Pure.

The detector only says "a disc" and "the disc on the sacrum". This module finds the chain of discs that runs up the
spine and asks, for every place where the sacrum could be, how well everything seen fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from appliance.core.models import Box, DetectedBox
from appliance.core.spine import LEVELS, Level, Structure

Point = tuple[float, float]

SURE_MARGIN = 2.0
"""Nats between the best and the second-best numbering below which the names are called uncertain (odds of 7 to 1)."""
SACRUM_SEEN = 0.15
"""Mean lumbosacral score that the disc on the sacrum must have; below it, the sacrum was not seen."""

NO_DISC = "No lumbar disc was found on the sagittal images."
NO_SACRUM = "The sacrum was not seen, so the levels cannot be counted. Repeat with the field of view reaching lower."
TWO_NUMBERINGS = "The numbering of the levels is uncertain: it may be one level off."
CUT_BELOW = "The picture ends right below the disc taken for L5/S1: that it lies on the sacrum cannot be seen."
DISC_BELOW = "A disc-like space lies below the level taken for L5/S1: a transitional vertebra is possible."
MISSING = "Not found: {}."

_DISCS = (Structure.DISC, Structure.LUMBOSACRAL_DISC)
_SAME_BOX = 0.4
"""Intersection over union from which two boxes of one slice are the same place."""
_SAME_DISC = 0.35
"""Share of the usual spacing within which candidates of several slices are the same disc."""
_WELL_SEEN = 0.3
_SACRUM_ROOM = 0.65
"""Share of the usual spacing that must be seen below the centre of L5/S1: most of the first sacral body."""
_EVEN_SCORE = 0.15
"""Detector score at which a place is as likely to be a false box as a disc."""
_SCORE_WEIGHT = 2.0
_SPACING_FACTORS = (0.75, 0.87, 1.0, 1.15)

# Steps of the chain. Distances between disc centres vary by about 12 % of their median along T11 to S1; the slack
# covers that and a scoliosis seen in one plane.
_STEP_SD = 0.17
_GAP_COST = 2.0
_FREE_SLANT, _SLANT_SD = 50.0, 12.0
_TURN_SD = 20.0

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
_BELOW_COST, _BELOW_WEIGHT = 0.7, 0.3
_SHORT_COST = 0.35
_UNSEEN_COST = 2.5


@dataclass(frozen=True, slots=True)
class DiscCandidate:
    """One place on one slice that looks like a disc, in the common frame of all slices."""

    center: Point
    """(x, y), y growing towards the feet. Millimetres when the geometry is known, else pixels: only ratios are used."""
    box: Box
    """x0, y0, x1, y1 in the pixels of its own slice."""
    disc_score: float
    """0 to 1: the detector's score for an ordinary disc here."""
    lumbosacral_score: float
    """0 to 1: the detector's score for the disc on the sacrum here."""
    source: int
    """Index of the slice it came from."""
    room_below: float = math.inf
    """Distance in the frame from the centre down to the picture's lower edge; infinite when nobody says."""

    @property
    def score(self) -> float:
        """How surely there is a disc at all, whichever."""
        return max(self.disc_score, self.lumbosacral_score)


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
    uncertain: bool
    """The names may be one level off: the sacrum was not seen, or a second numbering fits nearly as well."""
    margin: float
    """Log-likelihood (nats) by which the best numbering beats the second best; 0 when there is none."""
    warnings: tuple[str, ...] = ()
    """Plain sentences for the report."""

    def find(self, level: Level) -> NumberedDisc | None:
        """The disc of that level, or None when it was not found."""
        return next((d for d in self.levels if d.level is level), None)


def candidates_from(
    boxes: Sequence[DetectedBox], source: int, to_frame: Callable[[Point], Point], rows: int | None = None
) -> tuple[DiscCandidate, ...]:
    """Disc and lumbosacral boxes of one slice, those of the same place fused; other structures are passed over.

    `to_frame` takes a pixel (x, y) of that slice to the common frame. `rows`, the picture's height, lets the numbering
    see that a picture ends right below a disc: then that disc must not pass for the one on the sacrum.
    """
    places: list[list[DetectedBox]] = []
    for box in sorted((b for b in boxes if b.structure in _DISCS), key=lambda b: -b.score):
        same = next((place for place in places if _overlap(place[0].box_px, box.box_px) > _SAME_BOX), None)
        if same is None:
            places.append([box])
        else:
            same.append(box)
    return tuple(_candidate(place, source, to_frame, rows) for place in places)


def name_levels(candidates: Sequence[DiscCandidate]) -> Numbering:
    """Name the discs seen on one or several sagittal slices of the same spine.

    Without any sign of the sacrum no name is given: an empty numbering, uncertain, that says why. With weak or
    contradictory signs the best names are given and marked uncertain.
    """
    discs = _same_on_all_slices(candidates)
    if not discs:
        return Numbering((), uncertain=True, margin=0.0, warnings=(NO_DISC,))
    chain = _best_chain(discs)
    hypotheses = sorted(_hypotheses(chain), key=lambda h: -h.likelihood)
    best = hypotheses[0]
    margin = best.likelihood - hypotheses[1].likelihood
    if best.sacral is None or chain.discs[best.sacral].lumbosacral < SACRUM_SEEN:
        return Numbering((), uncertain=True, margin=0.0 if best.sacral is None else margin, warnings=(NO_SACRUM,))
    levels = _named(chain, best.sacral)
    warnings = _warnings(chain, best.sacral, levels, margin)
    uncertain = TWO_NUMBERINGS in warnings or CUT_BELOW in warnings
    return Numbering(levels, uncertain, margin, warnings)


# --- the discs: one place seen on several slices -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Disc:
    """One place in the common frame, with what each slice says of it."""

    center: Point
    members: tuple[DiscCandidate, ...]

    @property
    def score(self) -> float:
        return self.members[0].score

    @property
    def lumbosacral(self) -> float:
        """Mean over the slices, weighted by how surely each sees a disc."""
        return _weighted([m.lumbosacral_score for m in self.members], [m.score for m in self.members])

    @property
    def ordinary(self) -> float:
        return _weighted([m.disc_score for m in self.members], [m.score for m in self.members])


def _candidate(
    place: Sequence[DetectedBox], source: int, to_frame: Callable[[Point], Point], rows: int | None
) -> DiscCandidate:
    def best(structure: Structure) -> float:
        return max((b.score for b in place if b.structure is structure), default=0.0)

    x, y = place[0].center_px
    center = to_frame((x, y))
    room = math.inf if rows is None else math.dist(center, to_frame((x, rows - 0.5)))
    return DiscCandidate(
        center=center, box=place[0].box_px, disc_score=best(Structure.DISC),
        lumbosacral_score=best(Structure.LUMBOSACRAL_DISC), source=source, room_below=room,
    )


def _same_on_all_slices(candidates: Sequence[DiscCandidate]) -> list[_Disc]:
    """Candidates nearer than a third of the usual spacing are one disc; from the head down."""
    spacing = _usual_spacing(candidates)
    groups: list[list[DiscCandidate]] = []
    for candidate in sorted(candidates, key=lambda c: -c.score):
        near = [g for g in groups if math.dist(g[0].center, candidate.center) < _SAME_DISC * spacing]
        if near:
            min(near, key=lambda g: math.dist(g[0].center, candidate.center)).append(candidate)
        else:
            groups.append([candidate])
    return sorted((_disc(group) for group in groups), key=lambda d: d.center[1])


def _disc(group: Sequence[DiscCandidate]) -> _Disc:
    """Weighted centre; a slice that saw the same place twice counts once, by its better box."""
    first: dict[int, DiscCandidate] = {}
    for candidate in group:
        first.setdefault(candidate.source, candidate)
    members = tuple(first.values())
    weights = [m.score for m in members]
    x = _weighted([m.center[0] for m in members], weights)
    y = _weighted([m.center[1] for m in members], weights)
    return _Disc((x, y), members)


def _usual_spacing(candidates: Sequence[DiscCandidate]) -> float:
    """Median distance from a well seen candidate to its nearest neighbour on the same slice; 0 when all are alone."""
    nearest: list[float] = []
    for one in candidates:
        distances = [
            math.dist(one.center, other.center)
            for other in candidates
            if other is not one and other.source == one.source and min(one.score, other.score) >= _WELL_SEEN
        ]
        if distances:
            nearest.append(min(distances))
    return median(nearest) if nearest else 0.0


# --- the chain: which discs lie on one column --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Chain:
    """Discs of one column from the head down; `slots` count places, so that a gap of two leaves one out."""

    discs: tuple[_Disc, ...]
    slots: tuple[int, ...]
    spacing: float
    """Between neighbouring discs, in the frame's unit."""


@dataclass(frozen=True, slots=True)
class _Path:
    """A partial chain in the search: indices of its discs, places between them, log-likelihood."""

    indices: tuple[int, ...]
    steps: tuple[int, ...]
    likelihood: float


def _best_chain(discs: Sequence[_Disc]) -> _Chain:
    """The likeliest column, over a few guesses of the spacing."""
    usual = _usual_spacing([m for d in discs for m in d.members])
    if usual <= 0:
        best = max(discs, key=lambda d: d.score)
        return _Chain((best,), (0,), 0.0)
    trials = [(_search(discs, usual * factor), usual * factor) for factor in _SPACING_FACTORS]
    path, spacing = max(trials, key=lambda trial: trial[0].likelihood)
    slots = [0]
    for step in path.steps:
        slots.append(slots[-1] + step)
    return _Chain(tuple(discs[i] for i in path.indices), tuple(slots), spacing)


def _search(discs: Sequence[_Disc], spacing: float) -> _Path:
    """Dynamic programme over the last two discs: evidence of each, length of each step, turn between two steps."""
    seen = [_evidence(d) for d in discs]
    best = max((_Path((i,), (), seen[i]) for i in range(len(discs))), key=lambda p: p.likelihood)
    ending: dict[tuple[int, int], _Path] = {}
    for j in range(len(discs)):
        for i in range(j):
            step, fit = _step(discs[i].center, discs[j].center, spacing)
            options = [_Path((i, j), (step,), seen[i] + seen[j] + fit)]
            for h in range(i):
                before = ending[(h, i)]
                turn = _turn_fit(discs[h].center, discs[i].center, discs[j].center)
                total = before.likelihood + seen[j] + fit + turn
                options.append(_Path((*before.indices, j), (*before.steps, step), total))
            ending[(i, j)] = max(options, key=lambda p: p.likelihood)
            best = max(best, ending[(i, j)], key=lambda p: p.likelihood)
    return best


def _evidence(disc: _Disc) -> float:
    """Log odds that a disc is there, zero at `_EVEN_SCORE`; a disc seen on several slices counts a little more."""
    odds = _SCORE_WEIGHT * math.log((disc.score + 0.01) / (_EVEN_SCORE + 0.01))
    return odds * (1 + 0.15 * min(len(disc.members) - 1, 3))


def _step(upper: Point, lower: Point, spacing: float) -> tuple[int, float]:
    """Places between two discs (1: neighbours) and the log-likelihood of that distance and slant."""
    ratio = math.dist(upper, lower) / spacing
    slant = abs(_direction(upper, lower))
    lean = -0.5 * (max(0.0, slant - _FREE_SLANT) / _SLANT_SD) ** 2
    fits = {k: -0.5 * ((ratio / k - 1) / _STEP_SD) ** 2 - _GAP_COST * (k - 1) for k in (1, 2, 3)}
    step = max(fits, key=lambda k: fits[k])
    return step, fits[step] + lean


def _turn_fit(a: Point, b: Point, c: Point) -> float:
    return -0.5 * ((_direction(b, c) - _direction(a, b)) / _TURN_SD) ** 2


def _direction(upper: Point, lower: Point) -> float:
    """Degrees from straight down."""
    return math.degrees(math.atan2(lower[0] - upper[0], lower[1] - upper[1]))


# --- the names: where on the chain the sacrum begins ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """`sacral`: index in the chain of the disc taken for L5/S1; None when it would lie below all that is seen."""

    sacral: int | None
    likelihood: float


def _hypotheses(chain: _Chain) -> list[_Hypothesis]:
    """Every disc of the chain as L5/S1, and L5/S1 unseen below the lowest: always two or more."""
    seen = [
        _Hypothesis(i, _class_fit(chain, i) + _geometry_fit(chain, slot) - _count_cost(slot))
        for i, slot in enumerate(chain.slots)
    ]
    below = chain.slots[-1] + 1
    unseen = _class_fit(chain, None) + _geometry_fit(chain, below) - _count_cost(below) - _UNSEEN_COST
    return [*seen, _Hypothesis(None, unseen)]


def _class_fit(chain: _Chain, sacral: int | None) -> float:
    """What the detector says: the sacral disc must look lumbosacral, those above ordinary.

    Below it only S1/S2 remnants and false boxes can lie, and they are the dearer the more they look like discs.
    """
    last = len(chain.discs) if sacral is None else sacral
    total = sum(math.log(1 - _lumbosacral_share(disc)) for disc in chain.discs[:last])
    if sacral is not None:
        total += math.log(_lumbosacral_share(chain.discs[sacral]))
    return total - sum(_BELOW_COST + max(0.0, _evidence(d)) * _BELOW_WEIGHT for d in chain.discs[last + 1 :])


def _lumbosacral_share(disc: _Disc) -> float:
    """0 to 1, never either: how far the lumbosacral score outweighs the ordinary one."""
    return (disc.lumbosacral + _FLOOR) / (disc.lumbosacral + disc.ordinary + 2 * _FLOOR)


def _geometry_fit(chain: _Chain, sacral_slot: int) -> float:
    """Steps and turns against the anatomy's; neighbouring ones are not independent, so they count in part."""
    return (_spacing_fit(chain, sacral_slot) + _curve_fit(chain, sacral_slot)) * _GEOMETRY_WEIGHT


def _spacing_fit(chain: _Chain, sacral_slot: int) -> float:
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


def _curve_fit(chain: _Chain, sacral_slot: int) -> float:
    """The column bends hardest at L4/L5 and on the sacrum; either way round, since pictures may be mirrored."""
    turns: list[tuple[float, float]] = []
    for i in range(1, len(chain.discs) - 1):
        above, here, below = (chain.discs[k].center for k in (i - 1, i, i + 1))
        turn = _direction(here, below) - _direction(above, here)
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


def _named(chain: _Chain, sacral: int) -> tuple[NumberedDisc, ...]:
    by_place = {chain.slots[sacral] - slot: disc for disc, slot in zip(chain.discs, chain.slots, strict=True)}
    found = [(level, by_place.get(level.above_sacrum)) for level in LEVELS]
    return tuple(NumberedDisc(level, d.center, d.members, d.score) for level, d in found if d is not None)


def _warnings(chain: _Chain, sacral: int, levels: tuple[NumberedDisc, ...], margin: float) -> tuple[str, ...]:
    said: list[str] = []
    if margin < SURE_MARGIN:
        said.append(TWO_NUMBERINGS)
    if max(member.room_below for member in chain.discs[sacral].members) < _SACRUM_ROOM * chain.spacing:
        said.append(CUT_BELOW)
    if any(disc.score >= _WELL_SEEN for disc in chain.discs[sacral + 1 :]):
        said.append(DISC_BELOW)
    missing = [level.label for level in LEVELS if level not in {d.level for d in levels}]
    if missing:
        said.append(MISSING.format(", ".join(missing)))
    return tuple(said)


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(weights)
    return sum(v * w for v, w in zip(values, weights, strict=True)) / total if total > 0 else sum(values) / len(values)


def _overlap(a: Box, b: Box) -> float:
    """Intersection over union."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (area - width * height)
