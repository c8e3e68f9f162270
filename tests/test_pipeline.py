"""The story of the product, told with models that need no weights."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from numpy.typing import NDArray

from appliance.adapters.fake_models import FakeDetector, fake_graders
from appliance.core.geometry import PixelMm
from appliance.core.models import DetectedBox, Grade
from appliance.core.numbering import SHORT_DISC
from appliance.core.report import Outcome, Reason, Report, Status
from appliance.core.spine import LEVELS, Condition, Level, Region, Structure
from appliance.core.study import Contrast, Role, Series, SkippedFile, Study
from appliance.errors import Code, InputError
from appliance.pipeline import Models, Options, read_study
from tests.core.make_values import T1, T2, axial, sagittal, study
from tests.make_dicom import DISCS_Z, Recipe

STAGES = ("levels", "canal on axial", "canal", "foraminal", "subarticular")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PLAIN = Options()
STIR = Contrast(4000, 60, 160)


def models(detector: FakeDetector | None = None) -> Models:
    return Models(detector or FakeDetector(), fake_graders())


def read(*series: Series, detector: FakeDetector | None = None, options: Options = PLAIN) -> Report:
    return read_study(study(*series), models(detector), NOW, options=options)


def reasons(report: Report, region: Region) -> set[Reason | None]:
    return {f.reason for f in report.findings if f.condition.region is region}


def test_a_whole_study_is_read_in_twenty_five_places() -> None:
    report = read()
    assert report.outcome is Outcome.READ
    assert [level.level for level in report.levels] == list(LEVELS)
    for located, z in zip(report.levels, DISCS_Z, strict=True):
        assert located.position_mm is not None
        assert located.position_mm[2] == pytest.approx(z, abs=2.1)  # a pixel of the test's pictures
    assert report.times.read_at == "2026-01-02T03:04:05+00:00"


def test_every_finding_names_the_slice_that_decided_and_where() -> None:
    for finding in read().findings:
        assert finding.evidence is not None and finding.evidence.position_mm is not None
        prefix = {Region.CANAL: "t2.", Region.FORAMINAL: "t1.", Region.SUBARTICULAR: "ax."}[finding.condition.region]
        assert finding.evidence.sop_uid.startswith(prefix)


def test_left_is_the_patients_left() -> None:
    """+x is left in DICOM: the slices of the left foramina lie there."""
    report = read()
    left, right = Condition.LEFT_NEURAL_FORAMINAL_NARROWING, Condition.RIGHT_NEURAL_FORAMINAL_NARROWING
    for condition, sign in ((left, 1), (right, -1)):
        evidence = report.finding(condition, Level.L4_L5).evidence
        assert evidence is not None and evidence.position_mm is not None
        assert evidence.position_mm[0] * sign > 5


def test_the_same_study_twice_gives_the_same_report() -> None:
    one, two = read(), read()
    assert replace(one, runtime=two.runtime) == two


def test_the_report_id_depends_on_pictures_and_weights_and_not_on_order() -> None:
    whole = read()
    assert read(axial(), sagittal("t2", T2), sagittal("t1", T1)).report_id == whole.report_id
    assert read(sagittal("t2", T2), axial()).report_id != whole.report_id


@pytest.mark.parametrize(
    ("series", "region", "reason"),
    [
        ((sagittal("t2", T2), axial()), Region.FORAMINAL, Reason.NO_SAGITTAL_T1),
        ((sagittal("t1", T1), axial()), Region.CANAL, Reason.NO_SAGITTAL_T2),
        ((sagittal("t1", T1), sagittal("t2", T2)), Region.SUBARTICULAR, Reason.NO_AXIAL_T2),
        ((sagittal("t2", T2), axial("ax", Contrast())), Region.SUBARTICULAR, Reason.SEQUENCE_UNKNOWN),
    ],
    ids=["no T1", "no T2", "no axial", "axial of unknown sequence"],
)
def test_a_missing_series_refuses_its_own_region_only(
    series: tuple[Series, ...], region: Region, reason: Reason
) -> None:
    report = read(*series)
    assert report.outcome is Outcome.PARTLY_READ
    assert reasons(report, region) == {reason}
    assert any(f.status is Status.GRADED for f in report.findings)


def test_stir_serves_as_t2() -> None:
    report = read(sagittal("stir", STIR))
    assert reasons(report, Region.CANAL) == {None}
    assert report.series[0].role is Role.SAGITTAL_STIR


def test_axial_alone_cannot_be_read_and_says_what_to_send() -> None:
    report = read(axial())
    assert report.outcome is Outcome.NOT_EVALUABLE
    assert reasons(report, Region.SUBARTICULAR) == {Reason.NO_SAGITTAL_T2}


def test_a_level_outside_the_axial_stack_is_not_covered_and_not_guessed() -> None:
    short = axial(recipe=Recipe(axial_slices=22))  # +-47 mm: L1/L2 at 70 and L5/S1 at -68 are outside
    report = read(sagittal("t1", T1), sagittal("t2", T2), short)
    uncovered = {f.level for f in report.findings if f.reason is Reason.LEVEL_NOT_COVERED}
    assert uncovered == {Level.L1_L2, Level.L5_S1}


def test_without_the_sacrum_nothing_is_named_with_certainty_and_nothing_graded() -> None:
    report = read(detector=FakeDetector(lumbosacral=False))
    assert report.outcome is Outcome.NOT_EVALUABLE
    assert {f.reason for f in report.findings} == {Reason.NUMBERING_UNCERTAIN}
    assert "numbering_uncertain" in {a.code for a in report.alerts}


def test_where_t2_shows_no_sacrum_t1_is_asked_too() -> None:
    """A detector that knows the sacrum only on the second series it is shown."""

    class OnT1Only(FakeDetector):
        def detect(
            self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
        ) -> tuple[DetectedBox, ...]:
            discs = super().detect(picture, pixel_mm, fill)
            on_t2 = self.pictures_seen <= 5
            return tuple(replace(d, structure=Structure.DISC) for d in discs) if on_t2 else discs

    report = read(detector=OnT1Only())
    assert report.outcome is Outcome.READ
    assert report.levels[0].sop_uid.startswith("t1.")


def test_a_short_disc_on_the_sacrum_is_told_whatever_t1_shows() -> None:
    class ShortOnT2(FakeDetector):
        def detect(
            self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
        ) -> tuple[DetectedBox, ...]:
            discs = super().detect(picture, pixel_mm, fill)
            if len(discs) < 2 or self.pictures_seen > 5:
                return discs
            x0, y0, x1, y1 = discs[-1].box_px
            return (*discs[:-1], replace(discs[-1], box_px=(x0, y0, x0 + 0.7 * (x1 - x0), y1)))

    report = read(detector=ShortOnT2())
    assert SHORT_DISC in report.warnings
    assert "numbering_uncertain" in {a.code for a in report.alerts}
    assert report.outcome is Outcome.READ
    assert report.levels[0].sop_uid.startswith("t2.")


def test_no_spine_is_refused_and_never_a_report_without_findings() -> None:
    with pytest.raises(InputError) as caught:
        read(sagittal("head", T2, Recipe(discs_z=())), axial())
    assert caught.value.code is Code.NOT_LUMBAR
    with pytest.raises(InputError):
        read(detector=OneDisc())


class OneDisc(FakeDetector):
    """Something round in a head that looks like a disc."""

    def detect(
        self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
    ) -> tuple[DetectedBox, ...]:
        return super().detect(picture, pixel_mm, fill)[:1]


class WeakSacrum(FakeDetector):
    """The lowest disc looks a little like the one on the sacrum, and so does the one above it."""

    def detect(
        self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
    ) -> tuple[DetectedBox, ...]:
        discs = super().detect(picture, pixel_mm, fill)
        if len(discs) < 2:
            return discs
        rivals = [replace(discs[i], structure=Structure.LUMBOSACRAL_DISC, score=s) for i, s in ((-1, 0.45), (-2, 0.4))]
        return (*(replace(d, structure=Structure.DISC) for d in discs), *rivals)


def test_weak_signs_of_the_sacrum_give_names_with_an_alert() -> None:
    report = read(detector=WeakSacrum())
    assert "may be one off" in next(a.message for a in report.alerts if a.code == "numbering_uncertain")
    assert report.outcome is not Outcome.NOT_EVALUABLE


def test_a_severe_canal_raises_an_alert_that_names_the_level() -> None:
    class Grave:
        def __init__(self, region: Region) -> None:
            self._fake = fake_graders()[region]
            self.identity, self.spec = self._fake.identity, self._fake.spec

        def grade(self, crops: NDArray[np.uint8]) -> Grade:
            return Grade((0.1, 0.2, 0.7), (1.0,) + (0.0,) * (len(crops) - 1))

    graders = {**fake_graders(), Region.CANAL: Grave(Region.CANAL)}
    report = read_study(study(), Models(FakeDetector(), graders), NOW)  # type: ignore[arg-type]
    alerts = [a for a in report.alerts if a.code == "severe_canal_stenosis"]
    assert [a.level for a in alerts] == list(LEVELS)
    assert alerts[3].message == "Severe spinal canal stenosis at L4/L5."


def test_skipped_files_are_told_in_the_report() -> None:
    skipped = [SkippedFile("IM3", "is damaged."), *(SkippedFile(f"{i}.txt", "is not DICOM.") for i in range(9))]
    told = read_study(replace(study(), skipped=tuple(skipped)), models(), NOW).warnings
    assert told[-2:] == ("Not read: IM3 is damaged.", "Not read: 0.txt, 8 more is not DICOM.")


def test_progress_and_milliseconds_by_stage() -> None:
    told: list[tuple[str, int, int]] = []
    ticking = iter(range(100))
    report = read_study(
        study(), models(), NOW, progress=lambda *step: told.append(step), timer=lambda: float(next(ticking))
    )
    assert report.runtime.milliseconds == tuple((s, 1000.0) for s in STAGES)
    assert told[4] == ("levels", 5, 5) and told[-1] == ("subarticular", 10, 10)
    assert len(told) == 5 + 5 + 25


class CanalSeer(FakeDetector):
    """Sees the canal 6 mm to the left of the middle on every axial slice."""

    def detect(
        self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
    ) -> tuple[DetectedBox, ...]:
        found = super().detect(picture, pixel_mm, fill)
        seen = (DetectedBox(Structure.SPINAL_CANAL, (61.0, 69.0, 73.0, 81.0), 0.8),)
        return seen if len(found) != len(DISCS_Z) else found


def test_levels_can_be_moved_to_the_canal_that_the_axial_slices_show() -> None:
    plain = read(detector=CanalSeer(), options=Options(refine_by_canal=False))
    moved = read(detector=CanalSeer())
    for level in LEVELS:
        before = plain.finding(Condition.LEFT_SUBARTICULAR_STENOSIS, level).evidence
        after = moved.finding(Condition.LEFT_SUBARTICULAR_STENOSIS, level).evidence
        assert before and after and before.position_mm and after.position_mm
        assert after.position_mm[0] - before.position_mm[0] == pytest.approx(6, abs=0.5)


def test_one_slice_with_a_place_is_read_as_far_as_it_goes() -> None:
    stack = sagittal("t2", T2)
    one = replace(stack, slices=stack.slices[5:6])
    report = read(one)
    assert reasons(report, Region.CANAL) == {None}
    assert reasons(report, Region.FORAMINAL) == {Reason.NO_SAGITTAL_T1}


def unplaced(pixels: NDArray[np.float32]) -> Study:
    series = sagittal("p")
    return study(replace(series, slices=(replace(series.slices[5], plane=None, pixels=pixels),), contrast=Contrast()))


def test_a_picture_that_looks_like_t2_has_its_canal_graded_and_says_what_it_cannot_know() -> None:
    pixels = sagittal("p").slices[5].pixels.copy()
    pixels[:, 72:80] = 900  # a bright sac behind the discs
    report = read_study(unplaced(pixels), models(), NOW)
    assert reasons(report, Region.CANAL) == {None}
    assert reasons(report, Region.FORAMINAL) == {Reason.SIDE_UNKNOWN}
    assert "side cannot be known" in report.warnings[0]
    assert all(level.position_mm is None for level in report.levels)
    assert all(f.evidence.position_mm is None for f in report.findings if f.evidence)


def test_a_picture_with_a_dark_sac_is_not_graded() -> None:
    pixels = sagittal("p").slices[5].pixels.copy()
    pixels[:, 68:84] = 150
    report = read_study(unplaced(pixels), models(), NOW)
    assert report.outcome is Outcome.NOT_EVALUABLE
    assert reasons(report, Region.CANAL) == {Reason.SEQUENCE_UNKNOWN}


def test_a_picture_of_something_else_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        read_study(unplaced(np.zeros((64, 64), np.float32)), models(), NOW)
    assert caught.value.code is Code.NOT_LUMBAR


def test_an_axial_picture_is_recognised_and_honestly_refused() -> None:
    class Axial(FakeDetector):
        def detect(
            self, picture: NDArray[np.uint8], pixel_mm: PixelMm | None = None, fill: bool = False
        ) -> tuple[DetectedBox, ...]:
            return (DetectedBox(Structure.SPINAL_CANAL, (10, 10, 20, 20), 0.9),)

    report = read_study(unplaced(np.ones((64, 64), np.float32)), models(Axial()), NOW)
    assert report.outcome is Outcome.NOT_EVALUABLE
    assert reasons(report, Region.SUBARTICULAR) == {Reason.NO_POSITION}
    assert "axial picture" in report.warnings[0]
