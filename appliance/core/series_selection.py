"""Which series serves which reading. Pure. Geometry first, then TR/TE/TI, then the description; each choice says why.

Descriptions are typed by people and copied from old protocols: where one contradicts geometry or times, it loses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from appliance.core.geometry import Plane
from appliance.core.report import SeriesUse
from appliance.core.study import Contrast, Role, Series, Study


class Weighting(StrEnum):
    """What the picture shows bright."""

    T1 = "T1"
    T2 = "T2"
    STIR = "STIR"
    UNKNOWN = "unknown sequence"
    OTHER = "neither T1 nor T2"


ENOUGH_SLICES = 8
"""A sagittal series of at least this many is a full one; the finer of two full ones wins, not the longer."""
SCOUT_SLICES = 5
"""Fewer than this and fast or named so: a localizer."""

_WORDS: tuple[tuple[Weighting, str], ...] = (
    (Weighting.STIR, r"stir|tirm|t2[\s_-]*ir\b|irfse"),
    (Weighting.T1, r"t1"),
    (Weighting.T2, r"t2|fiesta|ciss|space|merge|medic"),
)
_SCOUT = re.compile(r"\b(loc|localizer|localiser|scout|survey|plan|3[\s_-]?pl(ane)?|topo)", re.IGNORECASE)
_AWKWARD = re.compile(
    r"\+\s*c\b|\bgad|gd\b|post|contrast|\bce\b|_f\b|fat[\s_]?only|opp|\bsub\b|mip|dix(on)?.*_[fw]\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Selection:
    """The series the reading uses, and what every series was taken for."""

    sagittal_t1: Series | None
    sagittal_t2: Series | None
    """T2, or STIR where there is no T2."""
    axial_t2: tuple[Series, ...]
    uses: tuple[SeriesUse, ...]
    axial_unknown: bool = False
    """There is an axial series, but nothing says which sequence it is."""

    @property
    def localising(self) -> tuple[Series, ...]:
        """Where the levels are looked for, best first: T2 or STIR, then T1."""
        return tuple(s for s in (self.sagittal_t2, self.sagittal_t1) if s is not None)


def choose_series(study: Study) -> Selection:
    """One sagittal T1, one sagittal T2 (or STIR), every axial T2."""
    judged = [(series, *_judge(series)) for series in study.series]
    t1 = _best(s for s, role, _ in judged if role is Role.SAGITTAL_T1)
    t2 = _best(s for s, role, _ in judged if role is Role.SAGITTAL_T2)
    stir = _best(s for s, role, _ in judged if role is Role.SAGITTAL_STIR)
    used = [s for s in (t1, t2 or stir) if s is not None]
    used += [s for s, role, _ in judged if role is Role.AXIAL_T2]
    return Selection(
        sagittal_t1=t1,
        sagittal_t2=t2 or stir,
        axial_t2=tuple(s for s, role, _ in judged if role is Role.AXIAL_T2),
        uses=tuple(_use(s, role, why, any(s is u for u in used), t2 is not None) for s, role, why in judged),
        axial_unknown=any(
            s.plane is Plane.AXIAL and weighting(s.contrast)[0] is Weighting.UNKNOWN for s in study.series
        ),
    )


def weighting(contrast: Contrast) -> tuple[Weighting, str]:
    """What the times say; where they are silent or undecided, what the description says. And why, in words."""
    by_times, times = _by_times(contrast), _times_in_words(contrast)
    by_words = _by_words(contrast.description)
    if by_times is Weighting.UNKNOWN:
        source = "by its description" if by_words is not Weighting.UNKNOWN else "neither times nor description say"
        return by_words, f"{by_words} {source}" if by_words is not Weighting.UNKNOWN else source
    if by_words not in (Weighting.UNKNOWN, by_times):
        return by_times, f"{by_times} by {times}, although its description says {by_words}"
    return by_times, f"{by_times} by {times}"


def role_of(series: Series) -> Role:
    """What one series could serve for, looked at alone."""
    return _judge(series)[0]


def _judge(series: Series) -> tuple[Role, str]:
    """The role, and why."""
    plane = series.plane
    if plane is None:
        return Role.UNUSED, "does not say where it lies"
    if plane not in (Plane.SAGITTAL, Plane.AXIAL):
        return Role.UNUSED, f"{plane} by geometry: only sagittal and axial are read"
    if _is_scout(series):
        return Role.UNUSED, f"{plane} by geometry, a localizer of {_count(series)}"
    seen, why = weighting(series.contrast)
    role = _ROLES.get((plane, seen), Role.UNUSED)
    return role, f"{plane} by geometry, {why}" + ("; not read" if role is Role.UNUSED else "")


_ROLES: dict[tuple[Plane, Weighting], Role] = {
    (Plane.SAGITTAL, Weighting.T1): Role.SAGITTAL_T1,
    (Plane.SAGITTAL, Weighting.T2): Role.SAGITTAL_T2,
    (Plane.SAGITTAL, Weighting.STIR): Role.SAGITTAL_STIR,
    (Plane.AXIAL, Weighting.T2): Role.AXIAL_T2,
}


def _by_times(contrast: Contrast) -> Weighting:
    """Spin-echo rules; between them the times prove nothing."""
    tr, te, ti = contrast.repetition_time, contrast.echo_time, contrast.inversion_time
    if te is None or tr is None:
        return Weighting.UNKNOWN
    if ti is not None and 80 <= ti <= 350 and tr >= 1200:
        return Weighting.STIR
    if te < 40 and (tr <= 1200 or (ti is not None and ti > 350)):
        return Weighting.T1 if tr > 200 else Weighting.UNKNOWN
    if te >= 60 and tr >= 900:
        return Weighting.T2
    return Weighting.UNKNOWN


def _by_words(description: str) -> Weighting:
    return next((w for w, pattern in _WORDS if re.search(pattern, description, re.IGNORECASE)), Weighting.UNKNOWN)


def _times_in_words(contrast: Contrast) -> str:
    parts = (("TR", contrast.repetition_time), ("TE", contrast.echo_time), ("TI", contrast.inversion_time))
    return ", ".join(f"{name} {value:.0f} ms" for name, value in parts if value is not None)


def _is_scout(series: Series) -> bool:
    fast = series.contrast.repetition_time is not None and series.contrast.repetition_time < 30
    named = bool(_SCOUT.search(series.contrast.description))
    return (named and len(series.slices) < ENOUGH_SLICES) or (fast and len(series.slices) <= SCOUT_SLICES)


def _best(candidates: Iterable[Series]) -> Series | None:
    """Plain before contrast-enhanced or fat-only, full before partial, then the finer; the UID settles a tie."""
    return min(candidates, key=_preference, default=None)


def _preference(series: Series) -> tuple[bool, int, float, str]:
    plane = series.slices[len(series.slices) // 2].plane
    fineness = plane.row_spacing * plane.column_spacing if plane is not None else 0.0
    awkward = bool(_AWKWARD.search(series.contrast.description))
    return awkward, -min(len(series.slices), ENOUGH_SLICES), round(fineness, 4), series.series_uid


def _use(series: Series, role: Role, why: str, used: bool, has_t2: bool) -> SeriesUse:
    if role is not Role.UNUSED and not used:
        beaten = "there is a T2 series" if role is Role.SAGITTAL_STIR and has_t2 else "another serves better"
        role, why = Role.UNUSED, f"{why}; not used, {beaten}"
    if role is Role.SAGITTAL_STIR:
        why += "; serves as sagittal T2, of which there is none"
    plane = series.plane
    return SeriesUse(series.series_uid, role, str(plane) if plane is not None else "", len(series.slices), why)


def _count(series: Series) -> str:
    return f"{len(series.slices)} picture" + ("s" if len(series.slices) != 1 else "")


def slices_around(series: Series, center: int, count: int) -> Sequence[int]:
    """Indices of `count` slices around one, kept inside the series."""
    first = max(0, min(center - count // 2, len(series.slices) - count))
    return range(first, min(first + count, len(series.slices)))
