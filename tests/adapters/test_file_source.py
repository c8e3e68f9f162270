"""Folders and archives as people and attackers send them."""

from __future__ import annotations

import os
import random
import stat
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest

from appliance.adapters.file_source import FoundFile, iterate_files
from appliance.core.limits import MIB, Limits
from appliance.errors import Code, InputError, SystemicError

ROOMY = Limits()


def found(path: Path, limits: Limits = ROOMY) -> list[FoundFile]:
    return list(iterate_files(path, limits))


def refused(path: Path, limits: Limits = ROOMY) -> Code:
    with pytest.raises(InputError) as caught:
        found(path, limits)
    assert caught.value.action
    return caught.value.code


def zipped(entries: dict[str, bytes]) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def test_a_folder_is_read_in_one_order_and_its_clutter_passed_over(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a/9", "Thumbs.db", ".DS_Store", "__MACOSX/x", "@eaDir/y", "DICOMDIR"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert [f.name for f in found(tmp_path)] == ["a/9", "b/1", "b/2"]


def test_links_and_devices_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"1")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "pipe")
    assert [f.name for f in found(tmp_path)] == ["real"]


def test_an_archive_is_known_by_its_content_and_opened(tmp_path: Path) -> None:
    (tmp_path / "study.dat").write_bytes(zipped({"s/2": b"two", "s/1": b"one", "s/.hidden": b"", "__MACOSX/s/1": b""}))
    assert [(f.name, f.data) for f in found(tmp_path)] == [("study.dat/s/1", b"one"), ("study.dat/s/2", b"two")]


def test_an_archive_in_an_archive_once_but_not_twice(tmp_path: Path) -> None:
    inner = zipped({"image": b"pixels"})
    (tmp_path / "outer.zip").write_bytes(zipped({"inner.zip": inner}))
    assert [f.data for f in found(tmp_path)] == [b"pixels"]
    (tmp_path / "outer.zip").write_bytes(zipped({"middle.zip": zipped({"inner.zip": inner})}))
    assert refused(tmp_path) is Code.UNSAFE_ARCHIVE


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "C:/x", "..\\up"])
def test_an_entry_that_points_outside_condemns_the_archive(tmp_path: Path, name: str) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({name: b"x"}))
    assert refused(tmp_path) is Code.UNSAFE_ARCHIVE


def test_a_link_inside_an_archive_condemns_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert refused(tmp_path) is Code.UNSAFE_ARCHIVE


def test_a_bomb_is_refused_by_its_real_bytes(tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({"zeros": bytes(40 * MIB)}))
    assert refused(tmp_path) is Code.UNSAFE_ARCHIVE


def test_many_small_bombs_run_into_the_total(tmp_path: Path) -> None:
    (tmp_path / "z.zip").write_bytes(zipped({f"z{i}": bytes(2 * MIB) for i in range(8)}))
    assert refused(tmp_path, Limits(total_bytes=5 * MIB)) is Code.TOO_LARGE


def test_too_many_files_entries_and_bytes(tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / str(i)).write_bytes(b"12345")
    assert refused(tmp_path, Limits(files=3)) is Code.TOO_LARGE
    assert refused(tmp_path, Limits(file_bytes=4)) is Code.TOO_LARGE
    assert refused(tmp_path, Limits(total_bytes=12)) is Code.TOO_LARGE
    (tmp_path / "z.zip").write_bytes(zipped({str(i): b"" for i in range(9)}))
    assert refused(tmp_path / "z.zip", Limits(archive_entries=8)) is Code.UNSAFE_ARCHIVE


def test_a_damaged_archive_and_one_with_a_password(tmp_path: Path) -> None:
    whole = zipped({"image": os.urandom(1000)})
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    assert refused(tmp_path / "half.zip") is Code.CORRUPT
    broken = bytearray(whole)
    broken[200:210] = bytes(10)
    (tmp_path / "broken.zip").write_bytes(bytes(broken))
    assert refused(tmp_path / "broken.zip") is Code.CORRUPT
    locked = bytearray(whole)
    locked[6] |= 1
    locked[whole.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(bytes(locked))
    assert refused(tmp_path / "locked.zip") is Code.UNSUPPORTED


def test_nothing_there_is_empty_and_a_share_that_fails_is_not_the_studys_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert refused(tmp_path / "nowhere") is Code.EMPTY
    assert found(tmp_path) == []
    (tmp_path / "a").write_bytes(b"")

    def gone(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error", str(tmp_path / "a"))

    monkeypatch.setattr(Path, "open", gone)
    with pytest.raises(SystemicError):
        found(tmp_path)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive_is_never_taken_for_a_failing_disk(tmp_path: Path, method: int) -> None:
    """150 seeded mutations of each; twelve thousand were run by hand."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a", os.urandom(200) + bytes(2000))
    whole, rng = out.getvalue(), random.Random(3)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(rng.randrange(1, 8)):
            damaged[rng.randrange(4, len(damaged))] ^= 1 << rng.randrange(8)
        (tmp_path / "z.zip").write_bytes(bytes(damaged))
        with suppress(InputError):
            found(tmp_path)
