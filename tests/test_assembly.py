"""Pictures become one study, in the order in which they lie, or are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from appliance.assembly import assemble
from appliance.core.geometry import ImagePlane
from appliance.core.picture import Picture, StudyFacts
from appliance.core.study import Contrast, Patient, Slice
from appliance.errors import Code, InputError

FACTS = StudyFacts("1.2.3", Patient("P1", "Doe^Jane", "19700101"))


def picture(
    x: float = 0.0, *, number: int | None = 1, series: str = "s", tilt: float = 0.0, facts: StudyFacts = FACTS,
    modality: str = "MR", body: str = "LSPINE", uid: str = "", echo: float | None = None, spacing: float = 1.0,
) -> Picture:  # fmt: skip
    angle = np.radians(tilt)
    down = (float(np.sin(angle)), 0.0, -float(np.cos(angle)))
    plane = ImagePlane((x, 0.0, 0.0), (0.0, 1.0, 0.0), down, spacing, spacing, 4, 4)
    pixels = np.zeros((4, 4), np.float32)
    slice_ = Slice(uid or f"{series}.{x}.{number}.{tilt}", pixels, plane, instance_number=number)
    return Picture(facts, series, slice_, Contrast(echo_time=echo), modality, body)


def refused(*pictures: Picture) -> InputError:
    with pytest.raises(InputError) as caught:
        assemble(pictures)
    assert caught.value.action
    return caught.value


def test_slices_are_ordered_by_where_they_lie_and_not_by_their_number() -> None:
    study = assemble([picture(8, number=1), picture(-8, number=3), picture(0, number=None)])
    (series,) = study.series
    assert [s.plane.origin[0] for s in series.slices if s.plane] == [-8, 0, 8]


def test_the_order_of_the_files_changes_nothing() -> None:
    pictures = [picture(x, number=i, series=s) for s in "ab" for i, x in enumerate((4, -4, 0, 8))]
    one, other = assemble(pictures), assemble(pictures[::-1])
    uids = [[s.sop_uid for s in series.slices] for series in one.series]
    assert uids == [[s.sop_uid for s in series.slices] for series in other.series]


def test_a_series_of_several_tilted_stacks_is_parted() -> None:
    places = [(0, 0), (4, 0), (0, 8), (4, 8), (0, 15)]
    study = assemble([picture(x, tilt=t, number=i) for i, (x, t) in enumerate(places)])
    assert sorted(len(s.slices) for s in study.series) == [1, 2, 2]
    assert {s.series_uid for s in study.series} == {"s"}


def test_two_echoes_under_one_series_uid_are_two_series() -> None:
    study = assemble([picture(x, echo=te, number=int(te)) for x in (0, 4) for te in (10.0, 100.0)])
    assert [s.contrast.echo_time for s in study.series] == [10.0, 100.0]


def test_slices_of_different_pixel_spacing_stay_together_each_with_its_own() -> None:
    (series,) = assemble([picture(0, spacing=1.0), picture(4, spacing=0.5)]).series
    assert [s.plane.row_spacing for s in series.slices if s.plane] == [1.0, 0.5]


def test_a_picture_sent_twice_is_read_once_and_this_is_noted() -> None:
    study = assemble([picture(0), picture(0), picture(4)])
    assert len(study.series[0].slices) == 2
    assert "twice" in study.skipped[0].reason


def test_one_identifier_on_two_different_pictures_loses_neither() -> None:
    study = assemble([picture(0, uid="same"), picture(4, uid="same")])
    assert len(study.series[0].slices) == 2


def test_two_patients() -> None:
    other = replace(FACTS, patient=Patient("P2", "Roe^Jim"))
    assert refused(picture(0), picture(4, facts=other)).code is Code.MIXED_PATIENTS
    nameless = [replace(FACTS, patient=Patient("", name)) for name in ("A^A", "B^B")]
    assert refused(*(picture(facts=f) for f in nameless)).code is Code.MIXED_PATIENTS


def test_one_patient_written_in_two_ways_is_one() -> None:
    other = replace(FACTS, patient=Patient("P1", "DOE^JANE MARY", ""))
    assert assemble([picture(0), picture(4, facts=other)]).patient.patient_id == "P1"


def test_two_studies() -> None:
    assert refused(picture(), picture(4, facts=replace(FACTS, study_uid="9"))).code is Code.MIXED_STUDIES


def test_ct_is_named_in_the_refusal_and_beside_mr_only_noted() -> None:
    error = refused(picture(modality="CT"))
    assert error.code is Code.NOT_MR and "CT" in error.message
    study = assemble([picture(0), picture(4, modality="CT")])
    assert len(study.series) == 1 and "CT" in study.skipped[0].name


def test_a_head_is_not_a_lumbar_spine() -> None:
    error = refused(picture(body="HEAD"), picture(4, body="BRAIN"))
    assert error.code is Code.NOT_LUMBAR and "head" in error.message


@pytest.mark.parametrize("body", ["", "SPINE", "LSPINE", "PELVIS", "L-SPINE"])
def test_silence_and_vague_words_are_no_proof(body: str) -> None:
    assert assemble([picture(body=body)]).series


def test_a_wrong_body_part_loses_to_a_description_of_the_lumbar_spine() -> None:
    facts = replace(FACTS, description="MRT LWS nativ")
    assert assemble([picture(body="HEAD", facts=facts)]).series


def test_nothing_is_empty() -> None:
    assert refused().code is Code.EMPTY
