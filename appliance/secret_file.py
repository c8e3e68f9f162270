"""A key of the box's own: made once, readable by the box alone. Below the adapters, like `database.py`."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from appliance.errors import Code, from_os

BYTES = 32


def secret(path: Path) -> bytes:
    """The key in this file; a new one where there is none yet. Raises SystemicError."""
    try:
        with suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(secrets.token_bytes(BYTES))
        return path.read_bytes()
    except OSError as exc:
        raise from_os(exc, f"The file {path}", Code.FAULT) from exc
