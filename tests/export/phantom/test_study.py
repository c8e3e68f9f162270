"""A rendered study: same seed, same patient; left is left; narrowing one place changes that place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from appliance.core.geometry import Plane
from appliance.core.spine import LEVELS, Condition, Level, Severity, Side, Structure
from export.phantom import PhantomOptions, RenderedSlice, RenderedStudy, render_study
from export.phantom.options import Role
from export.phantom.quirk_plan import RATES, draw_quirks
from tests.export.phantom.conftest import SMALL

AXIAL = replace(SMALL, max_matrix=160, roles=(Role.AXIAL_T2,))
SAGITTAL = replace(SMALL, max_matrix=192, roles=(Role.SAGITTAL_T1, Role.SAGITTAL_T2))


def narrowed(
    options: PhantomOptions, condition: Condition, level: Level, values: tuple[float, float]
) -> list[RenderedStudy]:
    """The same patient with one place wide and then tight."""
    return [render_study(7, 1, replace(options, override=((condition, level, v),))) for v in values]


def change(before: RenderedSlice, after: RenderedSlice) -> np.ndarray:
    """Change per pixel; under 1 % it is the series' common scale that moved."""
    moved = np.abs(after.pixels.astype(float) - before.pixels.astype(float))
    return np.where(moved > 0.01 * before.pixels.max(), moved, 0)


def share_near(
    images: list[tuple[RenderedSlice, RenderedSlice]], point: tuple[float, ...], radius: float
) -> float:
    """Share of all change that lies within `radius` mm of a patient point."""
    near = total = 0.0
    for before, after in images:
        plane = before.plane
        rows, columns = np.mgrid[: plane.rows, : plane.columns]
        mm = plane.to_patient(np.stack([columns, rows], axis=-1).astype(float))
        moved = change(before, after)
        near += float(moved[np.linalg.norm(mm - np.asarray(point), axis=-1) < radius].sum())
        total += float(moved.sum())
    return near / total


def pairs(studies: list[RenderedStudy], role: Role) -> list[tuple[RenderedSlice, RenderedSlice]]:
    return list(zip(*(s.of_role(role)[0].slices for s in studies), strict=True))


def test_same_seed_same_pixels_and_uids(small_study: RenderedStudy) -> None:
    again = render_study(7, 0, SMALL)
    assert again.truth == small_study.truth
    for a, b in zip(again.series, small_study.series, strict=True):
        for x, y in zip(a.slices, b.slices, strict=True):
            assert x.sop_uid == y.sop_uid
            assert np.array_equal(x.pixels, y.pixels)


def test_noise_belongs_to_the_seed_too() -> None:
    options = replace(SMALL, artefacts=True, max_matrix=64, roles=(Role.SAGITTAL_T2,))
    first, second = (render_study(7, 0, options).series[0].slices[3].pixels for _ in range(2))
    assert np.array_equal(first, second)


def test_another_index_is_another_patient(small_study: RenderedStudy) -> None:
    other = render_study(7, 1, SMALL)
    assert other.truth.study_uid != small_study.truth.study_uid
    assert other.truth.findings != small_study.truth.findings


def test_every_study_has_its_25_findings_and_usual_series(small_study: RenderedStudy) -> None:
    assert len(small_study.truth.findings) == 25
    roles = {s.role for s in small_study.series}
    assert {Role.SAGITTAL_T1, Role.SAGITTAL_T2, Role.AXIAL_T2} <= roles
    for s in small_study.series:
        wanted = Plane.AXIAL if s.role is Role.AXIAL_T2 else Plane.SAGITTAL
        assert {x.plane.plane for x in s.slices} == {wanted}


def test_left_recess_is_on_the_patients_left_and_on_the_right_of_the_picture() -> None:
    level = Level.L4_L5
    studies = narrowed(AXIAL, Condition.LEFT_SUBARTICULAR_STENOSIS, level, (7.0, 0.6))
    center = studies[0].truth.level(level).canal_center_mm
    assert studies[0].truth.level(level).left_recess_mm[0] > center[0]
    before, after = min(pairs(studies, Role.AXIAL_T2), key=lambda p: abs(p[0].plane.distance(center)))
    x, y = before.plane.to_pixel(center)
    reach = int(16 / before.plane.column_spacing)
    darker = before.pixels.astype(float) - after.pixels
    window = darker[int(y) - reach // 2 : int(y) + reach // 2]
    right_of_picture = window[:, int(x) + 2 : int(x) + reach]
    left_of_picture = window[:, int(x) - reach : int(x) - 2]
    assert np.clip(right_of_picture, 0, None).sum() > 3 * np.clip(left_of_picture, 0, None).sum()


def test_narrowing_a_recess_changes_only_its_surroundings() -> None:
    studies = narrowed(AXIAL, Condition.RIGHT_SUBARTICULAR_STENOSIS, Level.L3_L4, (6.5, 1.0))
    place = studies[0].truth.level(Level.L3_L4).right_recess_mm
    assert share_near(pairs(studies, Role.AXIAL_T2), place, 22) > 0.9


def test_narrowing_the_canal_darkens_the_cerebrospinal_fluid_at_that_level() -> None:
    level = Level.L2_L3
    studies = narrowed(SAGITTAL, Condition.SPINAL_CANAL_STENOSIS, level, (180.0, 35.0))
    center = studies[0].truth.level(level).canal_center_mm
    assert share_near(pairs(studies, Role.SAGITTAL_T2), center, 25) > 0.75
    before, after = min(pairs(studies, Role.SAGITTAL_T2), key=lambda p: abs(p[0].plane.distance(center)))
    x, y = np.rint(before.plane.to_pixel(center)).astype(int)
    patch = np.s_[y - 2 : y + 3, x - 4 : x + 5]
    assert after.pixels[patch].mean() < 0.75 * before.pixels[patch].mean()


def test_narrowing_a_foramen_takes_the_bright_fat_away_on_t1() -> None:
    level = Level.L4_L5
    studies = narrowed(SAGITTAL, Condition.LEFT_NEURAL_FORAMINAL_NARROWING, level, (17.0, 4.0))
    center = studies[0].truth.level(level).left_foramen_mm
    before, after = min(pairs(studies, Role.SAGITTAL_T1), key=lambda p: abs(p[0].plane.distance(center)))
    x, y = np.rint(before.plane.to_pixel(center)).astype(int)
    patch = np.s_[y - 4 : y + 5, x - 2 : x + 3]
    assert after.pixels[patch].mean() < 0.8 * before.pixels[patch].mean()
    assert (
        studies[1].truth.finding(Condition.LEFT_NEURAL_FORAMINAL_NARROWING, level).severity is Severity.SEVERE
    )


def test_truth_points_lie_inside_their_boxes(small_study: RenderedStudy) -> None:
    truth = small_study.truth
    for level in LEVELS:
        place = truth.level(level)
        sagittal = small_study.of_role(Role.SAGITTAL_T2)[0].slices
        middle = min(sagittal, key=lambda s: abs(s.plane.distance(place.disc_center_mm)))
        x, y = middle.plane.to_pixel(place.disc_center_mm)
        discs = [b for b in truth.boxes_of(middle.sop_uid) if b.level == level and "disc" in b.kind]
        assert len(discs) == 1
        x0, y0, x1, y1 = discs[0].box_px
        assert x0 < x < x1
        assert y0 < y < y1
        assert (discs[0].kind is Structure.LUMBOSACRAL_DISC) == (level is Level.L5_S1)


def test_foramina_are_boxed_on_their_own_side(small_study: RenderedStudy) -> None:
    for picture in small_study.of_role(Role.SAGITTAL_T1)[0].slices:
        for box in small_study.truth.boxes_of(picture.sop_uid):
            if box.kind is Structure.NEURAL_FORAMEN:
                level = small_study.truth.level(Level(box.level))
                side = np.sign(picture.plane.origin[0] - level.disc_center_mm[0])
                assert side == (1 if box.side is Side.LEFT else -1)


def test_axial_boxes_stay_within_5_mm_of_their_level(small_study: RenderedStudy) -> None:
    seen = set()
    for picture in small_study.of_role(Role.AXIAL_T2)[0].slices:
        for box in small_study.truth.boxes_of(picture.sop_uid):
            center = small_study.truth.level(Level(box.level)).canal_center_mm
            assert abs(picture.plane.distance(center)) <= 5
            seen.add((box.kind, box.level))
    assert len(seen) == 10  # canal and recess at five levels


def test_quirks_come_at_their_rates() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_quirks(rng, PhantomOptions()) for _ in range(4000)]
    for name, rate in RATES.items():
        share = np.mean([name in quirks for quirks in drawn])
        assert share == pytest.approx(rate, abs=0.03), name


def test_a_quirk_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no quirk named 'sunspots'"):
        draw_quirks(np.random.default_rng(0), PhantomOptions(quirk="sunspots"))
