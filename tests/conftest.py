"""What holds for every test."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance import wiring


@pytest.fixture(autouse=True)
def _no_box_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever /etc/lumbarbox says on the machine the tests run on, it does not reach them."""
    monkeypatch.setattr(wiring, "USUAL_CONFIGS", (Path("lumbarbox.toml"),))
