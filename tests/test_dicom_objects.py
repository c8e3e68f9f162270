"""A report's DICOM objects together: one study, two series, sent to a real archive and back."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pydicom
import pytest

from appliance.adapters.report_files import write_report
from appliance.core.renumbering import renumbered
from appliance.core.study import Patient
from appliance.dicom_objects import dicom_files, dicom_zip
from appliance.report_folder import Leaves, in_order, write_again, write_all, write_dicom
from tests.core.make_values import SOP, dicom_report, dicom_study, report, study

JANE = Patient("7", "Doe^Jane")
needs_dcmtk = pytest.mark.skipif(shutil.which("storescp") is None, reason="dcmtk is not installed")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    folder = tmp_path_factory.mktemp("report")
    write_report(dicom_report(), dicom_study(), folder)
    return dicom_files(dicom_report(), in_order(folder), Patient(), "1")


def test_report_matrix_and_every_marked_picture_are_there(files: Mapping[str, bytes]) -> None:
    assert list(files) == ["report.sr.dcm", "matrix.sc.dcm", "levels.sc.dcm", "spinal_canal_stenosis_l4_l5.sc.dcm"]
    sr, *pictures = (pydicom.dcmread(BytesIO(data)) for data in files.values())
    assert {o.StudyInstanceUID for o in (sr, *pictures)} == {"1.2.826.0"}
    assert len({o.SeriesInstanceUID for o in pictures}) == 1 and sr.SeriesInstanceUID != pictures[0].SeriesInstanceUID
    assert len({o.SOPInstanceUID for o in (sr, *pictures)}) == 4
    assert [o.InstanceNumber for o in pictures] == [1, 2, 3]
    assert pictures[1].SourceImageSequence[0].ReferencedSOPInstanceUID == SOP


def test_the_zip_is_the_same_each_time(files: Mapping[str, bytes]) -> None:
    made = dicom_zip(files)
    assert made == dicom_zip(files)
    with zipfile.ZipFile(BytesIO(made)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == dict(files)


def test_beside_the_report_only_where_wanted_and_possible(tmp_path: Path) -> None:
    assert write_dicom(dicom_report(), tmp_path, Leaves(), JANE) and not list(tmp_path.iterdir())
    assert not write_dicom(report(), tmp_path, Leaves(dicom=True), JANE) and not list(tmp_path.iterdir())
    assert write_dicom(dicom_report(), tmp_path, Leaves(dicom=True), JANE)
    assert not pydicom.dcmread(tmp_path / "report.sr.dcm").PatientName
    assert write_dicom(dicom_report(), tmp_path, Leaves(dicom=True, names=True), JANE)
    assert pydicom.dcmread(tmp_path / "report.sr.dcm").PatientName == "Doe^Jane"


def test_a_study_of_plain_pictures_makes_none(tmp_path: Path) -> None:
    write_report(report(), study(), tmp_path)
    with pytest.raises(ValueError, match="no DICOM image"):
        dicom_files(report(), in_order(tmp_path), Patient(), "1")


@needs_dcmtk
def test_an_archive_takes_them_and_keeps_them_whole(files: Mapping[str, bytes], tmp_path: Path) -> None:
    sent, kept = tmp_path / "sent", tmp_path / "kept"
    sent.mkdir()
    kept.mkdir()
    for name, data in files.items():
        (sent / name).write_bytes(data)
    with archive(kept) as port:
        command = ["storescu", "--scan-directories", "127.0.0.1", str(port), str(sent)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    stored = {o.SOPInstanceUID: o for o in map(pydicom.dcmread, kept.iterdir())}
    assert len(stored) == len(files)
    for data in files.values():
        made = pydicom.dcmread(BytesIO(data))
        assert stored[made.SOPInstanceUID] == made


@contextmanager
def archive(folder: Path) -> Iterator[int]:
    """dcmtk's storage peer on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    peer = subprocess.Popen(["storescp", "--output-directory", str(folder), str(port)])
    try:
        for _ in range(200):
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        peer.terminate()
        peer.wait(10)


def test_the_share_gets_them_and_a_new_revision_gets_new_ones(tmp_path: Path) -> None:
    """What a reading leaves in its folder, and what moving the level names leaves after it."""
    leaves = Leaves(slices=True, dicom=True, names=True)
    write_all(dicom_report(), replace(dicom_study(), patient=JANE), tmp_path, leaves)
    first = pydicom.dcmread(tmp_path / "report.sr.dcm")
    assert first.PatientName == "Doe^Jane" and (tmp_path / "levels.sc.dcm").exists()
    write_again(renumbered(dicom_report(), 1, 2), tmp_path, JANE, leaves)
    second = pydicom.dcmread(tmp_path / "report.sr.dcm")
    assert second.SOPInstanceUID != first.SOPInstanceUID and second.StudyInstanceUID == first.StudyInstanceUID
    told = [item.get("TextValue", "") for item in second.ContentSequence]
    assert "A person moved all level names by one towards the head." in told
