"""Every way a scanner or an archive may have written the same picture must give the same picture back."""

from __future__ import annotations

import random
import shutil
import subprocess
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    JPEG2000,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from appliance.adapters.dicom_reader import is_dicom, read_dicom
from appliance.core.geometry import Plane
from appliance.core.limits import MIB, Limits
from appliance.core.picture import Picture
from appliance.errors import Code, InputError
from tests.make_dicom import SAGITTAL, T2, Recipe, dataset, sagittal_picture, set_pixels

ROOMY = Limits()
RECIPE = Recipe(side_px=64)
TRUTH = sagittal_picture(RECIPE)
PLACED = {"ImagePositionPatient": [0, -128, 128], "ImageOrientationPatient": list(SAGITTAL), **T2}


def one(pixels: np.ndarray = TRUTH, **tags: object) -> FileDataset:
    return dataset(RECIPE, "t2", 0, pixels, **{**PLACED, **tags})


def written(ds: FileDataset) -> bytes:
    out = BytesIO()
    ds.save_as(out, enforce_file_format=True)
    return out.getvalue()


def read(data: bytes, limits: Limits = ROOMY) -> Picture:
    (picture,) = read_dicom("IM0", data, limits)
    return picture


def code_of(data: bytes, limits: Limits = ROOMY) -> Code:
    with pytest.raises(InputError) as caught:
        read_dicom("IM0", data, limits)
    assert caught.value.message and caught.value.action
    return caught.value.code


# --- transfer syntaxes ---


def test_explicit_little_endian_is_read_with_its_place_and_contrast() -> None:
    picture = read(written(one()))
    assert np.array_equal(picture.slice.pixels, TRUTH)
    assert picture.slice.plane is not None and picture.slice.plane.plane is Plane.SAGITTAL
    assert (picture.contrast.repetition_time, picture.contrast.echo_time) == (3500, 100)
    assert not picture.slice.pixels.flags.writeable


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_and_deflated(syntax: str) -> None:
    ds = one(TRUTH.byteswap() if syntax == ExplicitVRBigEndian else TRUTH)
    ds.file_meta.TransferSyntaxUID = syntax
    out = BytesIO()
    pydicom.dcmwrite(out, ds, enforce_file_format=True)
    assert np.array_equal(read(out.getvalue()).slice.pixels, TRUTH)


@pytest.mark.parametrize("syntax", [RLELossless, JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("signed", [False, True])
def test_lossless_compression_gives_back_every_grey(syntax: str, signed: bool) -> None:
    truth = TRUTH.astype(np.int16) - 500 if signed else TRUTH
    ds = one(truth)
    ds.compress(syntax, generate_instance_uid=False)
    assert np.array_equal(read(written(ds)).slice.pixels, truth)


@pytest.mark.parametrize("syntax", [JPEG2000, JPEGLSNearLossless])
def test_lossy_compression_comes_close(syntax: str) -> None:
    ds = one()
    ds.compress(syntax, generate_instance_uid=False, **({"j2k_psnr": [80]} if syntax == JPEG2000 else {"jls_error": 3}))
    assert alike(read(written(ds)).slice.pixels, TRUTH)


def alike(found: np.ndarray, truth: np.ndarray) -> bool:
    """The same picture but for noise and a shift or stretch of the greys: dcmtk scales before lossy coding."""
    return float(np.corrcoef(found.ravel(), truth.astype(np.float64).ravel())[0, 1]) > 0.998


@pytest.mark.parametrize(
    ("option", "bits", "lossless"),
    [("+e1", 16, True), ("+el", 16, True), ("+ee", 12, False), ("+eb", 8, False)],
    ids=["lossless sv1", "lossless", "extended 12 bit", "baseline"],
)
def test_jpeg_as_dcmtk_writes_it(option: str, bits: int, lossless: bool, tmp_path: Path) -> None:
    if shutil.which("dcmcjpeg") is None:
        pytest.skip("dcmtk's dcmcjpeg is not installed")
    truth = (TRUTH // 4).clip(0, 255).astype(np.uint8) if bits == 8 else TRUTH
    ds = one()
    set_pixels(ds, truth, stored=bits)
    (tmp_path / "plain").write_bytes(written(ds))
    subprocess.run(["dcmcjpeg", option, "plain", "small"], cwd=tmp_path, check=True)
    found = read((tmp_path / "small").read_bytes()).slice.pixels
    assert np.array_equal(found, truth) if lossless else alike(found, truth)


def test_htj2k() -> None:
    """`data/htj2k_64.j2c` is TRUTH, encoded without loss by OpenJPH (imagecodecs 2026.3)."""
    ds = one()
    ds.PixelData = encapsulate([(Path(__file__).parents[1] / "data" / "htj2k_64.j2c").read_bytes()])
    ds.file_meta.TransferSyntaxUID = HTJ2KLossless
    assert np.array_equal(read(written(ds)).slice.pixels, TRUTH)


def test_the_odd_files_that_come_with_pydicom() -> None:
    """Damaged and odd files among them are refused in words; no other exception comes out of any."""
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    if not folder.is_dir():
        pytest.skip("this pydicom came without its test files")
    read_ones = 0
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        data = path.read_bytes()
        with suppress(InputError):
            read_ones += len(read_dicom(path.name, data, ROOMY)) if is_dicom(data) else 0
    assert read_ones > 40


# --- what the values mean ---


def test_monochrome1_is_turned_so_that_bright_is_high() -> None:
    flipped = (65535 - TRUTH.astype(np.int64)).astype(np.uint16)
    assert np.array_equal(read(written(one(flipped, PhotometricInterpretation="MONOCHROME1"))).slice.pixels, TRUTH)


def test_rescale_is_applied_where_it_is_given() -> None:
    picture = read(written(one(RescaleSlope=2, RescaleIntercept=-100)))
    assert np.array_equal(picture.slice.pixels, TRUTH * 2.0 - 100)


def test_twelve_bits_stored_in_sixteen() -> None:
    ds = one()
    set_pixels(ds, TRUTH, stored=12)
    assert np.array_equal(read(written(ds)).slice.pixels, TRUTH)


def test_a_secondary_capture_in_colour_has_no_place_and_becomes_grey() -> None:
    ds = one(ImageOrientationPatient=None, ImagePositionPatient=None)
    ds.SamplesPerPixel, ds.PlanarConfiguration, ds.PhotometricInterpretation = 3, 0, "RGB"
    grey = (TRUTH // 4).clip(0, 255).astype(np.uint8)
    ds.PixelData, ds.BitsAllocated, ds.BitsStored, ds.HighBit = np.stack([grey] * 3, axis=-1).tobytes(), 8, 8, 7
    picture = read(written(ds))
    assert picture.slice.plane is None
    assert np.array_equal(picture.slice.pixels, grey)


def test_an_enhanced_multi_frame_object_becomes_one_slice_a_frame() -> None:
    ds = one(np.stack([TRUTH, TRUTH + 1, TRUTH + 2]), ImagePositionPatient=None, ImageOrientationPatient=None,
             PixelSpacing=None, RepetitionTime=None, EchoTime=None)  # fmt: skip
    ds.NumberOfFrames = 3
    shared = group(PlaneOrientationSequence={"ImageOrientationPatient": list(SAGITTAL)},
                   PixelMeasuresSequence={"PixelSpacing": [4, 4]},
                   MRTimingAndRelatedParametersSequence={"RepetitionTime": 3000},
                   MREchoSequence={"EffectiveEchoTime": 90.0})  # fmt: skip
    ds.SharedFunctionalGroupsSequence = Sequence([shared])
    ds.PerFrameFunctionalGroupsSequence = Sequence(
        [group(PlanePositionSequence={"ImagePositionPatient": [x, -128, 128]}) for x in (-4, 0, 4)]
    )
    pictures = read_dicom("IM0", written(ds), Limits())
    assert [p.slice.frame for p in pictures] == [1, 2, 3]
    assert [p.slice.plane.origin[0] for p in pictures if p.slice.plane] == [-4, 0, 4]
    assert [float(p.slice.pixels[0, 0] - TRUTH[0, 0]) for p in pictures] == [0, 1, 2]
    assert (pictures[0].contrast.repetition_time, pictures[0].contrast.echo_time) == (3000, 90)


def group(**sequences: dict[str, object]) -> Dataset:
    """One functional group item: a sequence of one item for each macro."""
    item = Dataset()
    for name, values in sequences.items():
        inner = Dataset()
        for keyword, value in values.items():
            setattr(inner, keyword, value)
        setattr(item, name, Sequence([inner]))
    return item


def test_names_that_are_not_ascii_survive() -> None:
    ds = one(SpecificCharacterSet="ISO_IR 192", PatientName="Müller^Jürgen 山田", StudyDescription="LWS nativ ä")
    facts = read(written(ds)).study
    assert facts.patient.name == "Müller^Jürgen 山田"
    assert facts.description == "LWS nativ ä"


def test_a_file_without_preamble_and_one_without_identifiers() -> None:
    data = written(one())[132:]
    assert is_dicom(data) and np.array_equal(read(data).slice.pixels, TRUTH)
    nameless = one(SOPInstanceUID=None)
    out = BytesIO()
    pydicom.dcmwrite(out, nameless, enforce_file_format=False)
    assert read(out.getvalue()).slice.sop_uid == read(out.getvalue()).slice.sop_uid != ""


def test_nonsense_in_one_attribute_costs_that_fact_and_not_the_picture() -> None:
    data = written(one()).replace(b"3500", b"35x0", 1)
    assert read(data).contrast.repetition_time is None
    tilted = written(one(ImageOrientationPatient=[1, 0, 0, 1, 0, 0]))
    assert read(tilted).slice.plane is None


# --- refusals ---


def test_a_file_cut_off_anywhere_is_refused_in_words() -> None:
    data = written(one())
    for keep in (140, 300, len(data) // 2, len(data) - 10):
        assert code_of(data[:keep]) in (Code.CORRUPT, Code.NO_PIXELS)


def test_a_compressed_file_cut_off_is_refused_too() -> None:
    ds = one()
    ds.compress(JPEG2000Lossless, generate_instance_uid=False)
    data = written(ds)
    assert code_of(data[: len(data) - 600]) in (Code.CORRUPT, Code.NO_PIXELS)


def test_no_pixels() -> None:
    ds = one()
    del ds.PixelData
    assert code_of(written(ds)) is Code.NO_PIXELS


def test_a_structured_report_is_not_a_picture() -> None:
    ds = one(Modality="SR")
    for keyword in ("PixelData", "Rows", "Columns"):
        delattr(ds, keyword)
    assert code_of(written(ds)) is Code.NO_PIXELS


def test_a_syntax_nobody_decodes_is_unsupported() -> None:
    ds = one()
    ds.compress(RLELossless, generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG2
    assert code_of(written(ds)) is Code.UNSUPPORTED


@pytest.mark.parametrize(
    "limits", [Limits(rows=32), Limits(columns=32), Limits(decoded_bytes=1000)], ids=["rows", "columns", "bytes"]
)
def test_a_picture_over_the_limits_is_refused(limits: Limits) -> None:
    assert code_of(written(one()), limits) is Code.TOO_LARGE


def test_a_small_header_around_a_huge_codestream_is_refused() -> None:
    ds = one()
    ds.compress(JPEG2000Lossless, generate_instance_uid=False)
    ds.Rows, ds.Columns = 8, 8
    assert code_of(written(ds), Limits(rows=32, columns=32)) is Code.TOO_LARGE


def test_a_deflated_bomb_is_refused_before_it_grows() -> None:
    ds = one()
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    plain = written(ds)
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    bomb = packer.compress(bytes(64 * MIB)) + packer.flush()
    header = plain[: plain.index(b"1.2.840.10008.1.2.1.99") + 22]
    assert code_of(header + bomb, Limits(file_bytes=MIB)) in (Code.TOO_LARGE, Code.CORRUPT)


def test_a_dicomdir_is_an_index_and_yields_nothing() -> None:
    ds = one()
    ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    out = BytesIO()
    ds.save_as(out, enforce_file_format=False)
    assert read_dicom("DICOMDIR", out.getvalue(), Limits()) == ()


def test_text_is_not_dicom() -> None:
    assert not is_dicom(b"Dear colleague, please find enclosed ...")
    assert not is_dicom(b"")


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, JPEG2000Lossless, JPEGLSLossless])
def test_whatever_is_damaged_no_other_exception_comes_out(syntax: str) -> None:
    """Two hundred seeded mutations of each; thousands more were run by hand."""
    ds = one()
    if syntax != ExplicitVRLittleEndian:
        ds.compress(syntax, generate_instance_uid=False)
    whole, rng = written(ds), random.Random(7)
    for _ in range(200):
        damaged = bytearray(whole[: rng.choice((len(whole), rng.randrange(132, len(whole))))])
        for _ in range(rng.randrange(1, 12)):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        with suppress(InputError):
            read_dicom("IM0", bytes(damaged), ROOMY)
