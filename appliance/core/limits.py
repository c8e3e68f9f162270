"""How much one study may cost. Every file is hostile until read; these are the walls."""

from __future__ import annotations

from dataclasses import dataclass, fields

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Checked on real bytes, never on what a header claims. Each wall refuses with its own words."""

    files: int = 5_000
    """Files in one study, counted inside archives too."""
    file_bytes: int = 1_024 * MIB
    total_bytes: int = 4_096 * MIB
    """Of all files together, after unpacking."""
    rows: int = 4_096
    columns: int = 4_096
    frames: int = 2_000
    """Pictures in one multi-frame object."""
    decoded_bytes: int = 1_024 * MIB
    """Of all decoded pictures together, four bytes a pixel."""
    archive_entries: int = 10_000
    archive_ratio: int = 200
    """An archive that grows by more than this is a bomb."""
    archive_nesting: int = 1
    """Archives inside archives, this deep."""
    decode_seconds: float = 30.0
    """For one file's pixels, where decoding runs in a child process."""

    def __post_init__(self) -> None:
        for item in fields(self):
            least = 0 if item.name == "archive_nesting" else 1e-9
            if getattr(self, item.name) < least:
                raise ValueError(f"limit {item.name} must be greater than zero")
