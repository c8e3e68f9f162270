"""A report as a DICOM Structured Report, by highdicom: Comprehensive SR, TID 1500 "Measurement Report".

Each of the 25 places is a measurement group: graded with severity, probabilities and the square on the slice that
decided, or not assessed with its reason. Each disc found is one too. Nothing is decided here; it lays out the report.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from highdicom import sr
from pydicom import Dataset
from pydicom.uid import UID

from appliance.core import dicom_codes as c
from appliance.core.dicom_identity import DESCRIPTION, MULTI_FRAME, NAME, NAMELESS, SR_SERIES, Identity, uid_of
from appliance.core.models import Box
from appliance.core.report import Evidence, Finding, LocatedLevel, Report, SourceImage
from appliance.core.spine import SEVERITIES, Region

Group = sr.PlanarROIMeasurementsAndQualitativeEvaluations | sr.MeasurementsAndQualitativeEvaluations


def report_sr(who: Identity) -> bytes:
    """The report as the bytes of one DICOM file; the same bytes for the same report."""
    evidence = [_evidence(who, image) for image in who.images.values()]
    made = sr.ComprehensiveSR(
        evidence=evidence,
        content=_content(who),
        series_instance_uid=who.uid("SR", "series"),
        series_number=SR_SERIES,
        sop_instance_uid=who.uid("SR"),
        instance_number=1,
        manufacturer=NAME,
        manufacturer_model_name=NAME,
        software_versions=who.software,
        series_description=DESCRIPTION,
        is_complete=True,
        specific_character_set="ISO_IR 192",
        content_date=who.read_at.date(),
        content_time=who.read_at.time(),
    )
    _finish(made, who)
    out = BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def _finish(made: Dataset, who: Identity) -> None:
    made.InstanceCreationDate, made.InstanceCreationTime = made.ContentDate, made.ContentTime
    made.SeriesDate, made.SeriesTime = made.ContentDate, made.ContentTime
    if not who.is_named:
        made.PatientIdentityRemoved, made.DeidentificationMethod = "YES", NAMELESS
    for equipment in made.get("ContributingEquipmentSequence", ()):
        equipment.ContributionDateTime = f"{made.ContentDate}{made.ContentTime}"
    scheme = Dataset()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = c.SCHEME, c.SCHEME_NAME
    scheme.CodingSchemeResponsibleOrganization = NAME
    made.CodingSchemeIdentificationSequence = [scheme]


def _evidence(who: Identity, image: SourceImage) -> Dataset:
    """As much of a source image as an SR copies from it: the patient and the study, or their empty places."""
    known = Dataset()
    known.PatientName, known.PatientID = who.patient_name, who.patient_id
    known.PatientBirthDate, known.PatientSex = who.birth_date, who.sex
    known.StudyInstanceUID, known.StudyDate, known.StudyTime = who.report.study_uid, who.study_date, ""
    known.AccessionNumber = known.StudyID = known.ReferringPhysicianName = ""
    known.SOPClassUID, known.SOPInstanceUID = image.sop_class_uid, image.sop_uid
    known.SeriesInstanceUID = image.series_uid
    return known


def _content(who: Identity) -> sr.MeasurementReport:
    report = who.report
    made = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=_device(who)),
        procedure_reported=_code(c.PROCEDURE),
        imaging_measurements=[*(_disc(at, who) for at in report.levels), *(_place(f, who) for f in report.findings)],
    )
    items = made[0].ContentSequence
    for item in _told(report):
        items.insert(len(items) - 1, item)  # a reader meets the warning before the numbers, as everywhere
    return made


def _device(who: Identity) -> sr.ObserverContext:
    """The program with these weights; which box it ran on is nobody's business but the clinic's."""
    uid = uid_of("device", who.software, *(model.sha256 for model in who.report.models))
    told = sr.DeviceObserverIdentifyingAttributes(UID(uid), NAME, NAME, NAME)
    return sr.ObserverContext(_code(("121007", "DCM", "Device")), told)


def _told(report: Report) -> Iterator[sr.ContentItem]:
    """What is said of the whole: the notice first, as everywhere."""
    yield _text(c.NOTICE, report.notice)
    yield sr.CodeContentItem(_code(c.OUTCOME), _code(c.OUTCOMES[report.outcome]), sr.RelationshipTypeValues.CONTAINS)
    yield from (_text(c.ALERT, alert.message) for alert in report.alerts)
    yield from (_text(c.WARNING, warning) for warning in report.warnings)
    runtime = report.runtime
    precision = ", ".join(f"{m.name} {m.version} {m.precision} sha256 {m.sha256}" for m in report.models)
    yield _text(c.COMMENT, f"Report {report.report_id}, revision {report.revision}. On {runtime.device}: {precision}")


def _disc(at: LocatedLevel, who: Identity) -> Group:
    """Where the detector saw a disc, and how sure it was."""
    return _group(
        who,
        f"disc {at.level}",
        at,
        finding_type=_code(c.DISCS[at.level]),
        finding_sites=[sr.FindingSite(_code(c.LEVEL_SITES[at.level]))],
        algorithm_id=_algorithm(who.report, None),
        measurements=[_number(c.CERTAINTY, round(at.score * 100, 2), c.PERCENT)],
    )


def _place(finding: Finding, who: Identity) -> Group:
    """One of the 25."""
    side = finding.condition.side
    site = sr.FindingSite(_code(c.LEVEL_SITES[finding.level]), _code(c.SIDES[side]) if side else None)
    return _group(
        who,
        f"{finding.condition} {finding.level}",
        finding.evidence,
        finding_type=_code(c.CONDITIONS[finding.condition.region]),
        finding_sites=[site],
        **(_graded(finding, who.report) if finding.reason is None else _not_assessed(finding)),
    )


def _graded(finding: Finding, report: Report) -> dict[str, Any]:
    assert finding.severity is not None and finding.probabilities is not None
    shares = zip(SEVERITIES, finding.probabilities, strict=True)
    return {
        "algorithm_id": _both(report, finding) if finding.votes else _algorithm(report, finding.condition.region),
        "measurements": [_number(c.PROBABILITIES[s], round(share, 6), c.NO_UNITS) for s, share in shares],
        "qualitative_evaluations": [_answer(c.SEVERITY, c.SEVERITIES[finding.severity])],
    }


def _not_assessed(finding: Finding) -> dict[str, Any]:
    assert finding.reason is not None
    told = [_answer(c.STATUS, c.NOT_ASSESSED), _answer(c.REASON, c.REASONS[finding.reason])]
    return {"qualitative_evaluations": told}


def _group(who: Identity, name: str, where: LocatedLevel | Evidence | None, **told: Any) -> Group:
    """With the square on its image, where there is one to point to."""
    tracking = sr.TrackingIdentifier(who.uid("SR", name), name)
    image = who.images.get(where.sop_uid) if where is not None else None
    if where is None or image is None:
        return sr.MeasurementsAndQualitativeEvaluations(tracking, **told)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(tracking, _region(where.box_px, image, where.frame), **told)


def _region(box: Box, image: SourceImage, frame: int) -> sr.ImageRegion:
    """Ours: (0, 0) is the centre of the first pixel. SCOORD's (PS3.3, C.18.6.1.1): its upper left corner."""
    x0, y0, x1, y1 = np.clip(np.array(box) + 0.5, 0, (image.columns, image.rows) * 2)
    frames = [frame] if frame > 1 or image.sop_class_uid in MULTI_FRAME else None
    return sr.ImageRegion(
        sr.GraphicTypeValues.POLYLINE,
        np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]),
        sr.SourceImageForRegion(image.sop_class_uid, image.sop_uid, frames),
    )


def _algorithm(report: Report, region: Region | None) -> sr.AlgorithmIdentification | None:
    """The weights that spoke: the report names the detector first, then the graders in the order of `Region`."""
    by_region = dict(zip((None, *Region), report.models, strict=False))
    model = by_region.get(region)
    if model is None:
        return None
    return sr.AlgorithmIdentification(model.name, model.version, [f"sha256 {model.sha256}", f"precision {model.precision}"])


def _both(report: Report, finding: Finding) -> sr.AlgorithmIdentification:
    """Two models were averaged: no number is laid at the door of one of them."""
    voted = {vote.model for vote in finding.votes}
    models = [m for m in report.models if m.name in voted]
    name, version = (" + ".join(words) for words in ([m.name for m in models], [m.version for m in models]))
    told = [f"{m.name} sha256 {m.sha256}" for m in models] + [f"{m.name} precision {m.precision}" for m in models]
    each = [f"{vote.model} says {vote.severity.label}" for vote in finding.votes]
    return sr.AlgorithmIdentification(name, version, [*told, *each])


def _number(name: c.CodeTriple, value: float, unit: c.CodeTriple) -> sr.Measurement:
    return sr.Measurement(_code(name), value, _code(unit))


def _answer(name: c.CodeTriple, value: c.CodeTriple) -> sr.QualitativeEvaluation:
    return sr.QualitativeEvaluation(_code(name), _code(value))


def _text(name: c.CodeTriple, words: str) -> sr.TextContentItem:
    return sr.TextContentItem(_code(name), words, sr.RelationshipTypeValues.CONTAINS)


def _code(triple: c.CodeTriple) -> sr.CodedConcept:
    value, scheme, meaning = triple
    return sr.CodedConcept(value, scheme, meaning)
