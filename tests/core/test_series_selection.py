"""Which series is which: geometry, then times, then words."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.core.geometry import ImagePlane
from appliance.core.series_selection import Weighting, choose_series, slices_around, weighting
from appliance.core.study import Contrast, Role, Series, Slice, Study

PLANES = {
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0)),
}
T1 = Contrast(600, 10)
T2 = Contrast(3500, 100)
STIR = Contrast(4000, 60, 160)


def series(uid: str, plane: str, contrast: Contrast = T2, count: int = 12, spacing: float = 1.0) -> Series:
    row, column = PLANES[plane]
    where = ImagePlane((0.0, 0.0, 0.0), row, column, spacing, spacing, 4, 4)
    pixels = np.zeros((4, 4), np.float32)
    return Series(uid, tuple(Slice(f"{uid}.{i}", pixels, where) for i in range(count)), contrast)


def roles(*all_series: Series) -> dict[str, Role]:
    return {use.series_uid: use.role for use in choose_series(Study("1", all_series)).uses}


def test_the_three_series_of_an_ordinary_study() -> None:
    study = Study("1", (series("a", "sagittal", T1), series("b", "sagittal", T2), series("c", "axial", T2)))
    chosen = choose_series(study)
    assert chosen.sagittal_t1 is not None and chosen.sagittal_t1.series_uid == "a"
    assert chosen.sagittal_t2 is not None and chosen.sagittal_t2.series_uid == "b"
    assert [s.series_uid for s in chosen.axial_t2] == ["c"]
    assert chosen.uses[0].why == "sagittal by geometry, T1 by TR 600 ms, TE 10 ms"


@pytest.mark.parametrize(
    ("contrast", "expected"),
    [
        (Contrast(600, 10), Weighting.T1),
        (Contrast(2200, 9, 860), Weighting.T1),  # T1 FLAIR at 3 T
        (Contrast(3500, 100), Weighting.T2),
        (Contrast(1500, 130), Weighting.T2),  # 3D T2
        (Contrast(4000, 60, 160), Weighting.STIR),
        (Contrast(5000, 30, 220), Weighting.STIR),
        (Contrast(description="t2_tse_sag"), Weighting.T2),
        (Contrast(description="SAG T1"), Weighting.T1),
        (Contrast(description="sag T2 STIR"), Weighting.STIR),
        (Contrast(2500, 30, description="pd"), Weighting.UNKNOWN),
        (Contrast(4, 2, description="survey"), Weighting.UNKNOWN),
        (Contrast(), Weighting.UNKNOWN),
    ],
)
def test_weighting(contrast: Contrast, expected: Weighting) -> None:
    assert weighting(contrast)[0] is expected


def test_a_description_that_contradicts_the_times_loses_and_this_is_said() -> None:
    found, why = weighting(Contrast(600, 10, description="t2_tse"))
    assert found is Weighting.T1
    assert "although its description says T2" in why


def test_geometry_beats_the_description() -> None:
    assert roles(series("x", "axial", Contrast(3500, 100, description="SAG T2")))["x"] is Role.AXIAL_T2


def test_stir_serves_where_there_is_no_t2_and_rests_where_there_is() -> None:
    assert roles(series("s", "sagittal", STIR))["s"] is Role.SAGITTAL_STIR
    both = choose_series(Study("1", (series("s", "sagittal", STIR), series("t", "sagittal", T2))))
    assert both.sagittal_t2 is not None and both.sagittal_t2.series_uid == "t"
    assert "there is a T2 series" in next(u.why for u in both.uses if u.series_uid == "s")


def test_the_full_plain_fine_series_wins() -> None:
    few = series("few", "sagittal", T1, count=3, spacing=0.3)
    enhanced = series("enhanced", "sagittal", Contrast(600, 10, description="t1 +C"), spacing=0.3)
    coarse, fine = series("coarse", "sagittal", T1, spacing=1.0), series("fine", "sagittal", T1, spacing=0.5)
    found = roles(few, enhanced, coarse, fine)
    assert [uid for uid, role in found.items() if role is Role.SAGITTAL_T1] == ["fine"]


def test_every_axial_t2_is_pooled_and_axial_t1_is_not() -> None:
    found = roles(series("a", "axial"), series("b", "axial"), series("c", "axial", T1))
    assert list(found.values()) == [Role.AXIAL_T2, Role.AXIAL_T2, Role.UNUSED]


def test_localizers_coronals_and_captures_are_not_read() -> None:
    scout = series("scout", "sagittal", Contrast(5, 2, description="localizer"), count=3)
    capture = Series("capture", (Slice("u", np.zeros((4, 4), np.float32), None),))
    chosen = choose_series(Study("1", (scout, series("cor", "coronal"), capture)))
    assert {u.role for u in chosen.uses} == {Role.UNUSED}
    assert all(u.why for u in chosen.uses)
    assert chosen.localising == ()


def test_an_axial_series_that_says_nothing_is_unknown_and_not_guessed() -> None:
    chosen = choose_series(Study("1", (series("x", "axial", Contrast()),)))
    assert chosen.axial_t2 == () and chosen.axial_unknown


def test_slices_around_stay_inside() -> None:
    stack = series("s", "sagittal", count=7)
    assert list(slices_around(stack, 3, 5)) == [1, 2, 3, 4, 5]
    assert list(slices_around(stack, 0, 5)) == [0, 1, 2, 3, 4]
    assert list(slices_around(stack, 6, 5)) == [2, 3, 4, 5, 6]
    assert list(slices_around(series("s", "sagittal", count=2), 1, 5)) == [0, 1]
