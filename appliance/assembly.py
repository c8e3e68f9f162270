"""Pictures brought together into one study, or refused. As pure as the core, but it raises `InputError`.

Slices are ordered by where they lie, never by InstanceNumber. A series whose slices look in several directions,
or hold several echoes, becomes several `Series` of the same UID.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from appliance.core.picture import Picture, StudyFacts
from appliance.core.study import Series, SkippedFile, Study
from appliance.errors import Code, InputError

SAME_DIRECTION_DEGREES = 1.0
"""Slices of one stack share their orientation to the last digit; tilted stacks differ by several degrees."""

LUMBAR_WORDS = ("LUMB", "LSPINE", "L-SPINE", "L SPINE", "LWS", "LENDEN", "LOMB", "SACR", "WHOLESPINE")
OTHER_PARTS = (
    "HEAD", "BRAIN", "SKULL", "NECK", "CSPINE", "CERVIC", "TSPINE", "THORA", "CHEST", "ABDOMEN", "LIVER", "PROSTATE",
    "BREAST", "KNEE", "SHOULDER", "ANKLE", "FOOT", "HAND", "WRIST", "ELBOW", "HEART", "CARDIAC",
)  # fmt: skip
"""Body Part Examined of studies that are not of the lumbar spine. PELVIS, HIP, SPINE and silence are not proof."""


def assemble(pictures: Iterable[Picture], skipped: Sequence[SkippedFile] = ()) -> Study:
    """One patient's one study. Raises `InputError`: empty, not MR, mixed patients or studies, another body part."""
    everything = tuple(pictures)
    if not everything:
        raise InputError(Code.EMPTY, "There is no picture in this study.", "Send the images themselves.")
    _refuse_two_patients({p.study for p in everything})
    images, notes = _only_mr(everything)
    _refuse_two_studies({p.study.study_uid for p in images})
    _refuse_other_body_part(images)
    unique, doubled = _drop_doubles(images)
    facts = _fullest(p.study for p in unique)
    return Study(
        study_uid=facts.study_uid,
        series=_series(unique),
        patient=facts.patient,
        study_date=facts.study_date,
        description=facts.description,
        accession_number=facts.accession_number,
        skipped=(*skipped, *notes, *doubled),
    )


def _refuse_two_patients(studies: set[StudyFacts]) -> None:
    """Different IDs, or different birth dates under one ID; names only where there are no IDs."""
    ids = {s.patient.patient_id for s in studies} - {""}
    births = {s.patient.birth_date for s in studies} - {""}
    names = {_plain_name(s.patient.name) for s in studies} - {""}
    if len(ids) > 1 or len(births) > 1 or (not ids and len(names) > 1):
        raise InputError(
            Code.MIXED_PATIENTS,
            f"The images belong to {max(len(ids), len(births), len(names))} different patients.",
            "Send each patient's images in a folder of their own.",
        )


def _refuse_two_studies(uids: set[str]) -> None:
    if len(uids) > 1:
        raise InputError(
            Code.MIXED_STUDIES,
            f"The images belong to {len(uids)} different studies.",
            "Send each study (one visit) in a folder of its own.",
        )


def _only_mr(pictures: Sequence[Picture]) -> tuple[tuple[Picture, ...], tuple[SkippedFile, ...]]:
    """MR and pictures that are only captures; other modalities are noted, or refused when there is nothing else."""
    kept = tuple(p for p in pictures if p.modality in ("MR", "OT", "SC", ""))
    others = sorted({p.modality for p in pictures} - {p.modality for p in kept})
    if not kept:
        raise InputError(
            Code.NOT_MR,
            f"These are {' and '.join(others)} images, not magnetic resonance (MR).",
            "Send the lumbar-spine MRI; this box reads nothing else.",
        )
    count = len(pictures) - len(kept)
    note = SkippedFile(f"{count} {' and '.join(others)} images", "because only MR is.")
    mr = tuple(p for p in kept if p.modality == "MR")
    return mr or kept, (note,) if count else ()


def _refuse_other_body_part(pictures: Sequence[Picture]) -> None:
    """Only when every picture names another part and nothing mentions the lumbar spine."""
    parts = {p.body_part.upper().replace("_", "") for p in pictures}
    words = " ".join(sorted({f"{p.study.description} {p.contrast.description}" for p in pictures})).upper()
    named_other = all(any(word in part for word in OTHER_PARTS) for part in parts)
    if named_other and not any(word in text for word in LUMBAR_WORDS for text in (words, *parts)):
        raise InputError(
            Code.NOT_LUMBAR,
            f"This is an MRI of another part of the body ({', '.join(sorted(parts)).lower()}).",
            "Send the lumbar-spine MRI. If it is one, correct Body Part Examined on the scanner.",
        )


def _drop_doubles(pictures: Sequence[Picture]) -> tuple[tuple[Picture, ...], tuple[SkippedFile, ...]]:
    """The first of each picture; a second with the same UID in the same place is the same picture sent twice."""
    first: dict[object, Picture] = {}
    for p in pictures:
        first.setdefault((p.series_uid, p.slice.sop_uid, p.slice.frame, p.slice.plane), p)
    doubles = len(pictures) - len(first)
    note = SkippedFile(f"{doubles} images", "that came twice under the same identifier; read once.")
    return tuple(first.values()), (note,) if doubles else ()


def _series(pictures: Sequence[Picture]) -> tuple[Series, ...]:
    """Grouped by series, echo and direction; sorted so that the order of the files does not matter."""
    groups: dict[tuple[str, float, bool], list[Picture]] = {}
    for p in pictures:
        key = (p.series_uid, p.contrast.echo_time or 0.0, p.slice.plane is not None)
        groups.setdefault(key, []).append(p)
    stacks = [stack for key in sorted(groups) for stack in _stacks(groups[key])]
    return tuple(_one_series(stack) for stack in stacks)


def _stacks(pictures: list[Picture]) -> list[list[Picture]]:
    """Pictures of one series parted by the direction they look in."""
    stacks: list[list[Picture]] = []
    for p in sorted(pictures, key=_filing_order):
        home = next((s for s in stacks if _same_direction(s[0], p)), None)
        if home is None:
            stacks.append([p])
        else:
            home.append(p)
    return stacks


def _same_direction(a: Picture, b: Picture) -> bool:
    if a.slice.plane is None or b.slice.plane is None:
        return a.slice.plane is b.slice.plane
    cosine = abs(float(a.slice.plane.normal @ b.slice.plane.normal))
    return cosine >= float(np.cos(np.radians(SAME_DIRECTION_DEGREES)))


def _one_series(stack: list[Picture]) -> Series:
    first = stack[0]
    slices = tuple(p.slice for p in sorted(stack, key=_position_order))
    return Series(first.series_uid, slices, first.contrast, first.modality)


def _position_order(p: Picture) -> tuple[float, int, str, int]:
    where = round(p.slice.plane.position, 3) if p.slice.plane is not None else 0.0
    return (where, *_filing_order(p))


def _filing_order(p: Picture) -> tuple[int, str, int]:
    return (p.slice.instance_number or 0, p.slice.sop_uid, p.slice.frame)


def _fullest(studies: Iterable[StudyFacts]) -> StudyFacts:
    """The facts that say most: one file may lack what another has."""
    return max(studies, key=lambda s: (len(s.patient.patient_id + s.patient.name + s.description), repr(s)))


def _plain_name(name: str) -> str:
    return name.replace("^", " ").strip().casefold()
