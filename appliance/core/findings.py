"""The 25 findings: each place graded from its own series, or not assessed with its reason. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from appliance.core.crops import Bag, cut_place, place_points, windows_of
from appliance.core.localisation import Localisation, box_center, rounded
from appliance.core.models import Grade, Grader, GraderSpec, ModelIdentity
from appliance.core.plan import Plan
from appliance.core.plausibility import is_void
from appliance.core.report import Alert, Evidence, Finding, LocatedLevel, Outcome, Reason, SourceImage, Status
from appliance.core.second_opinion import Second, ask
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Region, Severity
from appliance.core.study import Study

REPORT_ID_LENGTH = 24

MAY_BE_ONE_OFF = "The level names may be one off: compare them with the sacrum on the images before using them."


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One place on its way to its grader: a bag of crops, or the reason why there is none."""

    condition: Condition
    level: Level
    what: Bag | Reason


def cut_places(plan: Plan, specs: Mapping[Region, GraderSpec]) -> Iterator[Cut]:
    """All 25 places, region by region, cut one by one as they are asked for."""
    points = place_points(plan.found.points) if plan.found is not None else {}
    for region in Region:
        serving = plan.regions[region]
        windows = windows_of(serving) if not isinstance(serving, Reason) else {}
        for condition in conditions_of(region):
            for level in LEVELS:
                if isinstance(serving, Reason):
                    yield Cut(condition, level, serving)
                elif (condition, level) not in points:
                    yield Cut(condition, level, Reason.LEVEL_NOT_FOUND)
                else:
                    bag = cut_place(serving, windows, condition, points[condition, level], specs[region])
                    yield Cut(condition, level, _gradable(bag))


def _gradable(bag: Bag | None) -> Bag | Reason:
    if bag is None:
        return Reason.LEVEL_NOT_COVERED
    return Reason.SIGNAL_VOID if is_void(bag.crops) else bag


def grade(cut: Cut, grader: Grader, second: Second | None, in_patient: bool) -> Finding:
    """What the grader, or both, say of one place; a refused one is handed through."""
    if isinstance(cut.what, Reason):
        return Finding(cut.condition, cut.level, reason=cut.what)
    answer = ask(grader, second, cut.what.crops)
    evidence = _evidence(cut.what, answer)
    if not in_patient:
        evidence = replace(evidence, position_mm=None)
    return Finding(cut.condition, cut.level, answer.probabilities, evidence, votes=answer.votes)


def conditions_of(region: Region) -> tuple[Condition, ...]:
    return tuple(c for c in CONDITIONS if c.region is region)


def _evidence(bag: Bag, grade: Grade) -> Evidence:
    """The slice with the most attention decided."""
    decisive = max(range(len(grade.attention)), key=lambda i: grade.attention[i])
    picture, box = bag.slices[decisive], bag.boxes_px[decisive]
    return Evidence(
        sop_uid=picture.sop_uid,
        box_px=box,
        position_mm=rounded(picture.plane.to_patient(box_center(box))) if picture.plane is not None else None,
        attention=grade.attention[decisive],
        slices=len(bag.slices),
        frame=picture.frame,
    )


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By condition, then from the head down."""
    return tuple(sorted(findings, key=lambda f: (CONDITIONS.index(f.condition), LEVELS.index(f.level))))


def alerts_of(findings: Iterable[Finding], found: Localisation | None) -> tuple[Alert, ...]:
    """What a person must look at first."""
    severe = [
        Alert("severe_canal_stenosis", f"Severe spinal canal stenosis at {f.level.label}.", f.level)
        for f in findings
        if f.condition is Condition.SPINAL_CANAL_STENOSIS and f.severity is Severity.SEVERE
    ]
    if found is not None and found.numbering.uncertain:
        message = MAY_BE_ONE_OFF if found.named else Reason.NUMBERING_UNCERTAIN.label
        severe.append(Alert("numbering_uncertain", message))
    return tuple(severe)


def outcome_of(findings: Iterable[Finding]) -> Outcome:
    """Read when all 25 are graded, not evaluable when none is."""
    graded = [f.status is Status.GRADED for f in findings]
    if all(graded):
        return Outcome.READ
    return Outcome.PARTLY_READ if any(graded) else Outcome.NOT_EVALUABLE


def images_of(study: Study, levels: Iterable[LocatedLevel], findings: Iterable[Finding]) -> tuple[SourceImage, ...]:
    """The images pointed to, each once; the first of each series where there are none. Only what is a DICOM object."""
    named = {level.sop_uid for level in levels} | {f.evidence.sop_uid for f in findings if f.evidence is not None}
    wanted = named or {series.slices[0].sop_uid for series in study.series}
    found = {
        one.sop_uid: SourceImage(one.sop_uid, one.sop_class_uid, series.series_uid, *one.pixels.shape)
        for series in study.series
        for one in series.slices
        if one.sop_uid in wanted and one.sop_class_uid and series.series_uid
    }
    return tuple(found[uid] for uid in sorted(found))


def report_id(study: Study, models: Iterable[ModelIdentity]) -> str:
    """The same for the same pictures read by the same weights."""
    pictures = sorted({f"{s.sop_uid}#{s.frame}" for series in study.series for s in series.slices})
    weights = sorted(m.sha256 for m in models)
    text = "\n".join([study.study_uid, *pictures, *weights])
    return hashlib.sha256(text.encode()).hexdigest()[:REPORT_ID_LENGTH]
