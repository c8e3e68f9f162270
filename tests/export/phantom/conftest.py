"""Small, quick phantoms shared by the tests: 96-pixel pictures, no noise unless a test is about noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

numba = pytest.importorskip("numba", reason="the phantom's renderer needs numba (extra 'export')")

from export.phantom import PhantomOptions, RenderedStudy, render_study, write_study  # noqa: E402
from export.phantom.options import Balance  # noqa: E402

SMALL = PhantomOptions(
    balance=Balance.TRAINING, quirks=False, max_matrix=96, artefacts=False, simple_geometry=True
)


@pytest.fixture(scope="session")
def small_study() -> RenderedStudy:
    """One study, rendered once for all tests that only look at it."""
    return render_study(7, 0, SMALL)


@pytest.fixture(scope="session")
def write_with_quirk(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Write the small study with one quirk forced; returns the folder. Each quirk is written once."""
    done: dict[str, Path] = {}

    def write(name: str) -> Path:
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            options = PhantomOptions(
                balance=Balance.TRAINING, quirk=name, max_matrix=64, artefacts=False, simple_geometry=True
            )
            write_study(render_study(7, 0, options), done[name])
        return done[name]

    return write
