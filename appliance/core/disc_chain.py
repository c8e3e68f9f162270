"""The discs of one spine, out of boxes on several slices: which are the same disc, and which lie on one column. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from appliance.core.models import Box, DetectedBox
from appliance.core.spine import Structure

Point = tuple[float, float]

_DISCS = (Structure.DISC, Structure.LUMBOSACRAL_DISC)
_SAME_BOX = 0.4
"""Intersection over union from which two boxes of one slice are the same place."""
_SAME_DISC = 0.35
"""Share of the usual spacing within which candidates of several slices are the same disc."""
WELL_SEEN = 0.3
"""Score from which a box is a disc beyond doubt."""
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
    length: float = 0.0
    """Diagonal of the box in the frame; 0 when nobody says."""
    room_below: float = math.inf
    """Distance in the frame from the centre down to the picture's lower edge; infinite when nobody says."""

    @property
    def score(self) -> float:
        """How surely there is a disc at all, whichever."""
        return max(self.disc_score, self.lumbosacral_score)


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


@dataclass(frozen=True, slots=True)
class Disc:
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

    @property
    def length(self) -> float:
        return median(m.length for m in self.members)


def _candidate(
    place: Sequence[DetectedBox], source: int, to_frame: Callable[[Point], Point], rows: int | None
) -> DiscCandidate:
    def best(structure: Structure) -> float:
        return max((b.score for b in place if b.structure is structure), default=0.0)

    x, y = place[0].center_px
    x0, y0, x1, y1 = place[0].box_px
    center = to_frame((x, y))
    room = math.inf if rows is None else math.dist(center, to_frame((x, rows - 0.5)))
    return DiscCandidate(
        center=center, box=place[0].box_px, disc_score=best(Structure.DISC),
        lumbosacral_score=best(Structure.LUMBOSACRAL_DISC), source=source,
        length=math.dist(to_frame((x0, y0)), to_frame((x1, y1))), room_below=room,
    )


def same_on_all_slices(candidates: Sequence[DiscCandidate]) -> list[Disc]:
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


def _disc(group: Sequence[DiscCandidate]) -> Disc:
    """Weighted centre; a slice that saw the same place twice counts once, by its better box."""
    first: dict[int, DiscCandidate] = {}
    for candidate in group:
        first.setdefault(candidate.source, candidate)
    members = tuple(first.values())
    weights = [m.score for m in members]
    x = _weighted([m.center[0] for m in members], weights)
    y = _weighted([m.center[1] for m in members], weights)
    return Disc((x, y), members)


def _usual_spacing(candidates: Sequence[DiscCandidate]) -> float:
    """Median distance from a well seen candidate to its nearest neighbour on the same slice; 0 when all are alone."""
    nearest: list[float] = []
    well_seen = [c for c in candidates if c.score >= WELL_SEEN]
    for one in well_seen:
        others = (other for other in well_seen if other is not one and other.source == one.source)
        distances = [math.dist(one.center, other.center) for other in others]
        if distances:
            nearest.append(min(distances))
    return median(nearest) if nearest else 0.0


# --- the chain: which discs lie on one column --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chain:
    """Discs of one column from the head down; `slots` count places, so that a gap of two leaves one out."""

    discs: tuple[Disc, ...]
    slots: tuple[int, ...]
    spacing: float
    """Between neighbouring discs, in the frame's unit."""


@dataclass(frozen=True, slots=True)
class _Path:
    """A partial chain in the search: indices of its discs, places between them, log-likelihood."""

    indices: tuple[int, ...]
    steps: tuple[int, ...]
    likelihood: float


def best_chain(discs: Sequence[Disc]) -> Chain:
    """The likeliest column, over a few guesses of the spacing."""
    usual = _usual_spacing([m for d in discs for m in d.members])
    if usual <= 0:
        best = max(discs, key=lambda d: d.score)
        return Chain((best,), (0,), 0.0)
    trials = [(_search(discs, usual * factor), usual * factor) for factor in _SPACING_FACTORS]
    path, spacing = max(trials, key=lambda trial: trial[0].likelihood)
    slots = [0]
    for step in path.steps:
        slots.append(slots[-1] + step)
    return Chain(tuple(discs[i] for i in path.indices), tuple(slots), spacing)


def _search(discs: Sequence[Disc], spacing: float) -> _Path:
    """Dynamic programme over the last two discs: evidence of each, length of each step, turn between two steps."""
    seen = [evidence(d) for d in discs]
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


def evidence(disc: Disc) -> float:
    """Log odds that a disc is there, zero at `_EVEN_SCORE`; a disc seen on several slices counts a little more."""
    odds = _SCORE_WEIGHT * math.log((disc.score + 0.01) / (_EVEN_SCORE + 0.01))
    return odds * (1 + 0.15 * min(len(disc.members) - 1, 3))


def _step(upper: Point, lower: Point, spacing: float) -> tuple[int, float]:
    """Places between two discs (1: neighbours) and the log-likelihood of that distance and slant."""
    ratio = math.dist(upper, lower) / spacing
    slant = abs(direction(upper, lower))
    lean = -0.5 * (max(0.0, slant - _FREE_SLANT) / _SLANT_SD) ** 2
    fits = {k: -0.5 * ((ratio / k - 1) / _STEP_SD) ** 2 - _GAP_COST * (k - 1) for k in (1, 2, 3)}
    step = max(fits, key=lambda k: fits[k])
    return step, fits[step] + lean


def _turn_fit(a: Point, b: Point, c: Point) -> float:
    return -0.5 * ((direction(b, c) - direction(a, b)) / _TURN_SD) ** 2


def direction(upper: Point, lower: Point) -> float:
    """Degrees from straight down."""
    return math.degrees(math.atan2(lower[0] - upper[0], lower[1] - upper[1]))


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
