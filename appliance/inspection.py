"""What is in a drop, by its headers: the wiring of `file_source` and a reader of headers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from appliance.adapters.file_source import Called, iterate_files, own_name
from appliance.core.gathering import Image
from appliance.core.limits import Limits
from appliance.errors import Code, InputError

ReadHeader = Callable[[str, bytes, Limits], Image | None]

PASSED_OVER = (Code.CORRUPT, Code.UNSUPPORTED, Code.NOT_DICOM, Code.TOO_LARGE)
"""A file that cannot be opened belongs to no study; the reading says so with its reason."""


class Inspector:
    """Opens every file of a drop, archives too. Fits `ports.Inspector`."""

    def __init__(self, limits: Limits, header: ReadHeader, called: Called = own_name) -> None:
        """`called`: what people call the file a copy was made of."""
        self._limits, self._header, self._called = limits, header, called

    def inspect(self, files: Sequence[Path]) -> tuple[Image, ...]:
        """In the order of the files. Raises InputError for tricks and limits of the drop as a whole."""
        found = ((file, self._one(file.name, file.data)) for file in iterate_files(files, self._limits, self._called))
        return tuple(replace(image, file=file.source.name) for file, image in found if image is not None)

    def _one(self, name: str, data: bytes) -> Image | None:
        try:
            return self._header(name, data, self._limits)
        except InputError as exc:
            if exc.code not in PASSED_OVER:
                raise
            return None
