"""The codes of the DICOM report: (value, scheme, meaning). Data only.

Standard where DICOM's own dictionary (PS3.16) has the right code: a test looks each of them up there. What RSNA 2024's
grades mean has none, nor has `not assessed`; those stand under a scheme of our own, listed in docs/report.md.
"""

from __future__ import annotations

from collections.abc import Mapping

from appliance.core.report import Outcome, Reason
from appliance.core.spine import Level, Region, Severity, Side

CodeTriple = tuple[str, str, str]

SCHEME = "99LUMBARBOX"
"""PS3.16, 8.2: schemes beginning with 99 are private."""
SCHEME_NAME = "Lumbarbox: gradings of the lumbar spine"

PROCEDURE: CodeTriple = ("25056-3", "LN", "MRI unspecified body region")
BODY_PART: CodeTriple = ("122496007", "SCT", "Lumbar spine")
SEVERITY: CodeTriple = ("246112005", "SCT", "Severity")
COMMENT: CodeTriple = ("121106", "DCM", "Comment")
CERTAINTY: CodeTriple = ("111011", "DCM", "Certainty of Feature")
PERCENT: CodeTriple = ("%", "UCUM", "Percent")
NO_UNITS: CodeTriple = ("1", "UCUM", "no units")
SOURCE_IMAGE: CodeTriple = ("121322", "DCM", "Source image for image processing operation")

SIDES: Mapping[Side, CodeTriple] = {Side.LEFT: ("7771000", "SCT", "Left"), Side.RIGHT: ("24028007", "SCT", "Right")}
LEVEL_SITES: Mapping[Level, CodeTriple] = {
    Level.L1_L2: ("243920003", "SCT", "Level of L1/L2 intervertebral disc"),
    Level.L2_L3: ("243921004", "SCT", "Level of L2/L3 intervertebral disc"),
    Level.L3_L4: ("243922006", "SCT", "Level of L3/L4 intervertebral disc"),
    Level.L4_L5: ("243923001", "SCT", "Level of L4/L5 intervertebral disc"),
    Level.L5_S1: ("243927000", "SCT", "Level of L5/S1 intervertebral disc"),
}
DISCS: Mapping[Level, CodeTriple] = {
    Level.L1_L2: ("80064006", "SCT", "L1/L2 disc"),
    Level.L2_L3: ("67459009", "SCT", "L2/L3 disc"),
    Level.L3_L4: ("62551000", "SCT", "L3/L4 disc"),
    Level.L4_L5: ("84020006", "SCT", "L4/L5 disc"),
    Level.L5_S1: ("715056000", "SCT", "L5/S1 disc"),
}


def _own(value: str, meaning: str) -> CodeTriple:
    return value, SCHEME, meaning


CONDITIONS: Mapping[Region, CodeTriple] = {
    Region.CANAL: _own("SCS", "Spinal canal stenosis"),
    Region.FORAMINAL: _own("NFN", "Neural foraminal narrowing"),
    Region.SUBARTICULAR: _own("SAS", "Subarticular stenosis"),
}
SEVERITIES: Mapping[Severity, CodeTriple] = {
    Severity.NORMAL_MILD: _own("NORMAL_MILD", "Normal or mild"),
    Severity.MODERATE: ("6736007", "SCT", "Moderate"),
    Severity.SEVERE: ("24484000", "SCT", "Severe"),
}
PROBABILITIES: Mapping[Severity, CodeTriple] = {
    Severity.NORMAL_MILD: _own("P_NORMAL_MILD", "Probability of normal or mild"),
    Severity.MODERATE: _own("P_MODERATE", "Probability of moderate"),
    Severity.SEVERE: _own("P_SEVERE", "Probability of severe"),
}
NOTICE, ALERT, WARNING = _own("NOTICE", "Notice"), _own("ALERT", "Alert"), _own("WARNING", "Warning")
OUTCOME = _own("OUTCOME", "Outcome of the reading")
OUTCOMES: Mapping[Outcome, CodeTriple] = {
    Outcome.READ: _own("READ", "All places were graded"),
    Outcome.PARTLY_READ: _own("PARTLY_READ", "Not every place could be graded"),
    Outcome.NOT_EVALUABLE: _own("NOT_EVALUABLE", "Nothing could be graded"),
}
STATUS, NOT_ASSESSED = _own("STATUS", "Assessment status"), _own("NOT_ASSESSED", "Not assessed")
REASON = _own("REASON", "Reason why not assessed")
REASONS: Mapping[Reason, CodeTriple] = {
    Reason.NO_SAGITTAL_T1: _own("NO_SAG_T1", "No sagittal T1 series"),
    Reason.NO_SAGITTAL_T2: _own("NO_SAG_T2", "No sagittal T2 series"),
    Reason.NO_AXIAL_T2: _own("NO_AX_T2", "No axial T2 series"),
    Reason.LEVEL_NOT_FOUND: _own("LEVEL_NOT_FOUND", "Disc not found on the sagittal images"),
    Reason.LEVEL_NOT_COVERED: _own("NOT_COVERED", "No slice passes through this place"),
    Reason.SIDE_UNKNOWN: _own("SIDE_UNKNOWN", "Left and right cannot be told"),
    Reason.NO_POSITION: _own("NO_POSITION", "Images without positions"),
    Reason.SEQUENCE_UNKNOWN: _own("SEQ_UNKNOWN", "Sequence not known"),
    Reason.NUMBERING_UNCERTAIN: _own("NUMBERING", "Levels could not be numbered"),
    Reason.RENUMBERED: _own("RENUMBERED", "Level names moved by a person; this one was not read"),
    Reason.SEQUENCE_DOUBTFUL: _own("SEQ_DOUBTFUL", "Series does not look like its sequence"),
    Reason.MOTION: ("111210", "DCM", "Motion blur"),
    Reason.SIGNAL_VOID: _own("SIGNAL_VOID", "Picture is black here"),
}
