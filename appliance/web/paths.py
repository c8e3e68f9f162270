"""Where a form may lead afterwards."""

from __future__ import annotations


def inside(path: str) -> str:
    """A path of this page, or nothing: never another site."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) and "\n" not in path else ""
