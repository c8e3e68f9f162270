"""The report: everything the box says about one study. Frozen values that check themselves.

`to_json` in `appliance/core/report_json.py` writes them as `lumbarbox.report/1`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from appliance.core.models import Box, ModelIdentity, Vote, graver_of_likeliest
from appliance.core.spine import Condition, Level, Severity
from appliance.core.study import Role

SCHEMA = "lumbarbox.report/1"

NOTICE = (
    "Computer pre-screening aid, not a diagnosis. Not reviewed by a doctor. "
    "Every finding must be checked on the images by a qualified reader."
)

Triple = tuple[float, float, float]


class Outcome(StrEnum):
    READ = "read"
    PARTLY_READ = "partly_read"
    NOT_EVALUABLE = "not_evaluable"


class Status(StrEnum):
    GRADED = "graded"
    NOT_ASSESSED = "not_assessed"


class Reason(StrEnum):
    """Why a place was not assessed."""

    NO_SAGITTAL_T1 = "no_sagittal_t1"
    NO_SAGITTAL_T2 = "no_sagittal_t2"
    NO_AXIAL_T2 = "no_axial_t2"
    LEVEL_NOT_FOUND = "level_not_found"
    LEVEL_NOT_COVERED = "level_not_covered"
    SIDE_UNKNOWN = "side_unknown"
    NO_POSITION = "no_position"
    SEQUENCE_UNKNOWN = "sequence_unknown"
    NUMBERING_UNCERTAIN = "numbering_uncertain"
    RENUMBERED = "renumbered"
    SEQUENCE_DOUBTFUL = "sequence_doubtful"
    MOTION = "motion"
    SIGNAL_VOID = "signal_void"

    @property
    def label(self) -> str:
        return _REASONS[self]


_REASONS: dict[Reason, str] = {
    Reason.NO_SAGITTAL_T1: "No sagittal T1 series in this study. Send it, or repeat it while the patient is here.",
    Reason.NO_SAGITTAL_T2: "No sagittal T2 series in this study. Send it, or repeat it while the patient is here.",
    Reason.NO_AXIAL_T2: "No axial T2 series in this study. Send it, or repeat it while the patient is here.",
    Reason.LEVEL_NOT_FOUND: "This disc was not found on the sagittal images.",
    Reason.LEVEL_NOT_COVERED: "No slice passes through this place.",
    Reason.SIDE_UNKNOWN: "Left and right cannot be told from a picture without positions.",
    Reason.NO_POSITION: "The pictures do not say where they lie, so the series cannot be brought together.",
    Reason.SEQUENCE_UNKNOWN: "The picture does not say which sequence it is.",
    Reason.NUMBERING_UNCERTAIN: "The levels could not be numbered with certainty: the sacrum was not seen.",
    Reason.RENUMBERED: "A person moved the level names by one; the level now called so was not read.",
    Reason.SEQUENCE_DOUBTFUL: "This series does not look like the sequence its header names. Check whether T1 and T2 "
    "were mixed up.",
    Reason.MOTION: "This series is ghosted or blurred, as when the patient moves. Repeat it while the patient is here.",
    Reason.SIGNAL_VOID: "The picture is black here: metal, or nothing was imaged.",
}


@dataclass(frozen=True, slots=True)
class SeriesUse:
    """One series, what it was taken for, and why."""

    series_uid: str
    role: Role
    plane: str
    slices: int
    why: str


@dataclass(frozen=True, slots=True)
class LocatedLevel:
    """Where a disc is. `center_px` and `box_px` in the pixels of the image `sop_uid` (and `frame`)."""

    level: Level
    sop_uid: str
    center_px: tuple[float, float]
    box_px: Box
    position_mm: tuple[float, float, float] | None
    score: float
    frame: int = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """The slice that decided, and the square that was graded on it."""

    sop_uid: str
    box_px: Box
    position_mm: tuple[float, float, float] | None
    attention: float
    slices: int
    frame: int = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One of the 25. Graded with probabilities and evidence, or not assessed with a reason: never neither."""

    condition: Condition
    level: Level
    probabilities: Triple | None = None
    evidence: Evidence | None = None
    reason: Reason | None = None
    votes: tuple[Vote, ...] = ()
    """Of each model by itself, the one with the better record first; empty where one model graded."""

    def __post_init__(self) -> None:
        graded = self.probabilities is not None and self.evidence is not None
        if graded == (self.reason is not None):
            raise ValueError("a finding is either graded with evidence or not assessed with a reason")
        if self.probabilities is not None and abs(sum(self.probabilities) - 1) > 1e-3:
            raise ValueError(f"probabilities do not sum to 1: {self.probabilities}")

    @property
    def status(self) -> Status:
        return Status.NOT_ASSESSED if self.reason is not None else Status.GRADED

    @property
    def severity(self) -> Severity | None:
        """The most probable class. A tie is settled by the first vote that is in it; without votes by the graver."""
        if self.probabilities is None:
            return None
        written = [round(p, 6) for p in self.probabilities]
        tied = (v.severity for v in self.votes if written[v.severity.rank] == max(written))
        return next(tied, graver_of_likeliest(self.probabilities))

    @property
    def disagreement(self) -> bool:
        """Two models were asked, and each named another severity."""
        return len({vote.severity for vote in self.votes}) > 1


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person must look at first."""

    code: str
    message: str
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Runtime:
    """On what it was read. `milliseconds` by stage, in order."""

    device: str
    precision: str
    fallback: bool
    milliseconds: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Times:
    """ISO 8601 with zone; None where not known to the reader."""

    read_at: str
    study_date: str = ""


@dataclass(frozen=True, slots=True)
class SourceImage:
    """What another DICOM object must know of an image to point to it."""

    sop_uid: str
    sop_class_uid: str
    series_uid: str
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class Report:
    """One reading of one study. Always 25 findings."""

    report_id: str
    revision: int
    outcome: Outcome
    study_uid: str
    series: tuple[SeriesUse, ...]
    levels: tuple[LocatedLevel, ...]
    findings: tuple[Finding, ...]
    alerts: tuple[Alert, ...]
    warnings: tuple[str, ...]
    models: tuple[ModelIdentity, ...]
    runtime: Runtime
    times: Times
    notice: str = NOTICE
    numbering_shift: int = 0
    """Levels towards the head by which a person moved the names: -1, 0 or 1. Not 0: not the model's own numbering."""

    images: tuple[SourceImage, ...] = ()
    """Those the report points to; where it points to none, the first of each series. Empty: they are no DICOM objects."""

    def __post_init__(self) -> None:
        places = {(f.condition, f.level) for f in self.findings}
        if len(self.findings) != 25 or len(places) != 25:
            raise ValueError(f"a report has 25 different findings, not {len(self.findings)}")

    def finding(self, condition: Condition, level: Level) -> Finding:
        return next(f for f in self.findings if f.condition is condition and f.level is level)
