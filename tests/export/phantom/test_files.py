"""The files: real DICOM, plainly synthetic, in the place the truth says, readable with every quirk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from appliance.core.geometry import ImagePlane
from export.phantom import PhantomTruth, RenderedStudy, write_study
from export.phantom.__main__ import main
from export.phantom.jpeg_lossless import encode
from export.phantom.options import Role
from export.phantom.quirk_plan import RATES

Writer = Callable[[str], Path]
READABLE = sorted(name for name in RATES if name != "truncated_file")


def files_in(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "truth.json")


def plane_of(ds: Dataset) -> ImagePlane:
    """The plane as a reader works it out from the tags alone."""
    direction = [float(v) for v in ds.ImageOrientationPatient]
    row_mm, column_mm = (float(v) for v in ds.PixelSpacing)
    origin = tuple(float(v) for v in ds.ImagePositionPatient)
    return ImagePlane(
        origin, tuple(direction[:3]), tuple(direction[3:]), row_mm, column_mm, ds.Rows, ds.Columns
    )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def written(small_study: RenderedStudy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_study(small_study, folder)
    return folder


def test_truth_comes_back_as_it_was_written(small_study: RenderedStudy, written: Path) -> None:
    assert PhantomTruth.load(written / "truth.json") == small_study.truth


def test_tags_map_the_truths_millimetres_to_the_truths_pixels(
    small_study: RenderedStudy, written: Path
) -> None:
    by_uid = {ds.SOPInstanceUID: ds for ds in map(pydicom.dcmread, files_in(written))}
    for series in small_study.series:
        for picture in series.slices:
            plane = plane_of(by_uid[picture.sop_uid])
            for level in small_study.truth.levels:
                expected = picture.plane.to_pixel(level.canal_center_mm)
                assert np.allclose(plane.to_pixel(level.canal_center_mm), expected, atol=0.01)


def test_every_file_says_that_it_is_no_patient(written: Path) -> None:
    for path in files_in(written):
        ds = pydicom.dcmread(path, stop_before_pixels=True)
        assert "SYNTHETIC PHANTOM" in ds.ImageComments
        assert "SYNTHETIC PHANTOM" in ds.StudyDescription
        assert str(ds.PatientName).startswith("PHANTOM")
        assert (ds.PatientIdentityRemoved, ds.BurnedInAnnotation) == ("YES", "NO")


def test_pixels_come_back_as_rendered(small_study: RenderedStudy, written: Path) -> None:
    series = small_study.of_role(Role.SAGITTAL_T1)[0]
    stored = [pydicom.dcmread(p).pixel_array for p in files_in(written / series.folder)]
    assert np.array_equal(np.stack(stored), np.stack([s.pixels for s in series.slices]))


def test_sequence_timing_tells_t1_from_t2(small_study: RenderedStudy, written: Path) -> None:
    echoes = {s.role: pydicom.dcmread(files_in(written / s.folder)[0]).EchoTime for s in small_study.series}
    assert echoes[Role.SAGITTAL_T1] < 20
    assert echoes[Role.SAGITTAL_T2] > 70


@pytest.mark.parametrize("name", READABLE)
def test_a_study_with_this_quirk_can_be_read(name: str, write_with_quirk: Writer) -> None:
    folder = write_with_quirk(name)
    truth = PhantomTruth.load(folder / "truth.json")
    assert name in truth.quirks
    uids = set()
    for path in files_in(folder):
        ds = pydicom.dcmread(path)
        assert ds.pixel_array.std() >= 0
        assert ds.StudyInstanceUID == truth.study_uid
        uids.add(ds.SOPInstanceUID)
    assert {box.sop_uid for box in truth.boxes} <= uids


@pytest.mark.parametrize("name", ["rle", "jpeg_lossless", "jpeg_ls", "jpeg_2000", "deflated"])
def test_compression_loses_nothing(name: str, write_with_quirk: Writer) -> None:
    plain, packed = files_in(write_with_quirk("no_rescale")), files_in(write_with_quirk(name))
    for a, b in zip(plain[::9], packed[::9], strict=True):
        assert np.array_equal(pydicom.dcmread(a).pixel_array, pydicom.dcmread(b).pixel_array)
    syntaxes = {pydicom.dcmread(p).file_meta.TransferSyntaxUID for p in (plain[0], packed[0])}
    assert len(syntaxes) == 2


def test_quirks_never_change_what_is_true(write_with_quirk: Writer) -> None:
    plain = PhantomTruth.load(write_with_quirk("no_rescale") / "truth.json")
    for name in READABLE:
        truth = PhantomTruth.load(write_with_quirk(name) / "truth.json")
        assert (truth.findings, truth.levels) == (plain.findings, plain.levels), name


def test_mixed_spacing_moves_the_boxes_with_the_pixels(write_with_quirk: Writer) -> None:
    plain = PhantomTruth.load(write_with_quirk("no_rescale") / "truth.json")
    mixed = PhantomTruth.load(write_with_quirk("mixed_spacing") / "truth.json")
    planes = {name: {ds.SOPInstanceUID: plane_of(ds) for ds in map(pydicom.dcmread, files_in(write_with_quirk(name)))}
              for name in ("no_rescale", "mixed_spacing")}  # fmt: skip
    assert len({p.row_spacing for p in planes["mixed_spacing"].values()}) > len(
        {p.row_spacing for p in planes["no_rescale"].values()}
    )
    for a, b in zip(plain.boxes, mixed.boxes, strict=True):
        before = planes["no_rescale"][a.sop_uid].to_patient(a.box_px[:2])
        after = planes["mixed_spacing"][b.sop_uid].to_patient(b.box_px[:2])
        assert np.allclose(before, after, atol=0.05)


def test_multiframe_boxes_name_their_frame(write_with_quirk: Writer) -> None:
    folder = write_with_quirk("enhanced_multiframe")
    truth = PhantomTruth.load(folder / "truth.json")
    sizes = {ds.SOPInstanceUID: int(ds.NumberOfFrames) for ds in map(pydicom.dcmread, files_in(folder))}
    assert len(sizes) == len(truth.series)
    assert all(0 <= box.frame < sizes[box.sop_uid] for box in truth.boxes)
    assert len({box.frame for box in truth.boxes}) > 5


def test_what_single_quirks_do(write_with_quirk: Writer) -> None:
    def first(name: str) -> Dataset:
        return pydicom.dcmread(files_in(write_with_quirk(name))[0])

    assert first("monochrome1").PhotometricInterpretation == "MONOCHROME1"
    assert first("signed").PixelRepresentation == 1
    assert first("sixteen_bit").BitsStored == 16
    assert first("feet_first").PatientPosition == "FFS"
    assert "RescaleSlope" not in first("no_rescale")
    assert not str(first("non_ascii_name").PatientName).isascii()
    assert all(p.suffix == "" for p in files_in(write_with_quirk("no_extension")))
    assert not (write_with_quirk("missing_t1") / "02_sagittal_t1").exists()
    screen = pydicom.dcmread(write_with_quirk("secondary_capture") / "99_screen" / "screen.dcm")
    assert "ImageOrientationPatient" not in screen


def test_reversed_t1_counts_from_left_to_right(write_with_quirk: Writer) -> None:
    folder = write_with_quirk("reversed_t1") / "02_sagittal_t1"
    images = sorted(map(pydicom.dcmread, files_in(folder)), key=lambda ds: ds.InstanceNumber)
    xs = [float(ds.ImagePositionPatient[0]) for ds in images]
    assert xs == sorted(xs, reverse=True)


def test_duplicate_instances_share_their_uid(write_with_quirk: Writer) -> None:
    uids = [pydicom.dcmread(p).SOPInstanceUID for p in files_in(write_with_quirk("duplicate_sop_uid"))]
    assert len(uids) > len(set(uids))


def test_a_truncated_file_cannot_be_decoded(write_with_quirk: Writer) -> None:
    broken = 0
    for path in files_in(write_with_quirk("truncated_file")):
        try:
            pydicom.dcmread(path).pixel_array  # noqa: B018
        except Exception:  # noqa: BLE001  the kind of error is the reader's business
            broken += 1
    assert broken == 1


def test_jpeg_lossless_survives_extreme_differences() -> None:
    from pylibjpeg import decode

    pixels = np.random.default_rng(0).choice([0, 1, 255, 32767, 32768, 65535], (33, 47)).astype(np.uint16)
    assert np.array_equal(decode(encode(pixels, 16)).reshape(pixels.shape), pixels)


def test_the_command_writes_the_same_study_whatever_the_number(tmp_path: Path) -> None:
    common = ["--seed", "4", "--no-quirks", "--max-matrix", "64", "--out"]
    main([*common, str(tmp_path / "both"), "--studies", "2"])
    main([*common, str(tmp_path / "one"), "--studies", "1", "--first", "1"])
    alone = files_in(tmp_path / "one")
    together = files_in(tmp_path / "both" / "PHANTOM0004-00001")
    assert [p.read_bytes() for p in alone] == [p.read_bytes() for p in together]
