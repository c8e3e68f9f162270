"""From a path to a Study: files found, each read by what it contains, brought together.

The wiring of three adapters that do not know each other: `file_source`, `dicom_reader`, `image_reader`.
Raises `InputError` when nothing can be read, with the most telling reason; one bad file among good ones is
skipped with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from appliance.adapters.dicom_reader import is_dicom, read_dicom
from appliance.adapters.file_source import Called, FoundFile, iterate_files, own_name
from appliance.adapters.image_reader import is_image, read_image
from appliance.ahead import one_ahead
from appliance.assembly import assemble
from appliance.core.limits import MIB, Limits
from appliance.core.picture import Picture
from appliance.core.study import SkippedFile, Study
from appliance.errors import Code, InputError

ReadFile = Callable[[str, bytes, Limits], tuple[Picture, ...]]
"""Name, bytes, limits to pictures: the seam where decoding moves into a child process."""

DEFAULTS = Limits()
AS_EXPORTED = "Send the images as the scanner exports them: DICOM files, or PNG or JPEG pictures."


def read_file(name: str, data: bytes, limits: Limits) -> tuple[Picture, ...]:
    """In this process: for what is trusted. `adapters/decoder.py` does the same in another."""
    return read_image(name, data, limits) if is_image(data) else read_dicom(name, data, limits)


MOST_TELLING = (
    Code.TOO_LARGE, Code.UNSUPPORTED, Code.CORRUPT, Code.NO_PIXELS, Code.NOT_DICOM,
)  # fmt: skip
"""Which reason is given when every file failed, each in its own way."""

NOBODYS_FAULT = (Code.CORRUPT, Code.UNSUPPORTED, Code.NO_PIXELS, Code.NOT_DICOM)
"""One such file does not condemn its study; a trick or a limit does."""


def read_path(
    path: Path | Sequence[Path],
    limits: Limits = DEFAULTS,
    *,
    decode: ReadFile = read_file,
    study_uid: str = "",
    called: Called = own_name,
    progress: Callable[[int], None] = lambda files: None,
) -> Study:
    """A folder, a zip, a DICOM file, a PNG or a JPEG, or several of them that are one study.

    `decode` opens one file's pictures; `study_uid` leaves out what names another study; `called` is what people call
    a file named by itself; `progress` is told how many files were looked at.
    """
    pictures: list[Picture] = []
    plain_images: list[FoundFile] = []
    failures: list[tuple[str, InputError]] = []
    with one_ahead(iterate_files(path, limits, called)) as files:
        for count, file in enumerate(files, start=1):
            if is_image(file.data):
                plain_images.append(file)
            else:
                _collect(file, decode, limits, pictures, failures, study_uid)
            progress(count)
    if not pictures:
        for file in plain_images:
            _collect(file, decode, limits, pictures, failures)
        pictures = _as_one_study(pictures)
    if not pictures:
        raise _why_nothing(path, [error for _, error in failures])
    skipped = (SkippedFile(name, error.message.removeprefix(f"{name} ")) for name, error in failures)
    return assemble(pictures, tuple(skipped))


def _collect(
    file: FoundFile, read: ReadFile, limits: Limits, pictures: list[Picture], failures: list[tuple[str, InputError]],
    study_uid: str = "",
) -> None:  # fmt: skip
    """Add what one file holds, or note why it holds nothing; refusals of the whole study pass through."""
    try:
        if not file.data:
            raise InputError(Code.CORRUPT, f"{file.name} is empty: 0 bytes.", "Copy it again from the scanner.")
        if not is_image(file.data) and not is_dicom(file.data):
            raise InputError(Code.NOT_DICOM, f"{file.name} is not a DICOM file.", "")
        found = read(file.name, file.data, limits)
        pictures.extend(p for p in found if not study_uid or p.study.study_uid in ("", study_uid))
    except InputError as error:
        if error.code not in NOBODYS_FAULT:
            raise
        failures.append((file.name, error))
        return
    if sum(p.slice.pixels.nbytes for p in pictures) > limits.decoded_bytes:
        raise InputError(
            Code.TOO_LARGE,
            f"The study decodes to more than {limits.decoded_bytes // MIB} MB.",
            "Send only the lumbar-spine series, or raise the limit in the configuration.",
        )


def _as_one_study(pictures: list[Picture]) -> list[Picture]:
    """Plain pictures of one folder have no UID in common: they take the first's."""
    return [replace(p, study=pictures[0].study) for p in sorted(pictures, key=lambda p: p.slice.sop_uid)]


def _why_nothing(path: Path | Sequence[Path], errors: list[InputError]) -> InputError:
    """The most telling of the reasons, or that there was nothing at all."""
    if not errors:
        said = f"There are no files in {path.name}." if isinstance(path, Path) else "There are no files in it."
        return InputError(Code.EMPTY, said, "Copy the study's images into it.")
    worst = min(errors, key=lambda e: MOST_TELLING.index(e.code))
    if len(errors) == 1:
        return _with_action(worst, worst.message)
    return _with_action(worst, f"None of the {len(errors)} files can be read. For example: {worst.message}")


def _with_action(error: InputError, message: str) -> InputError:
    return InputError(error.code, message, error.action or AS_EXPORTED)
