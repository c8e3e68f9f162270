"""The picture a newcomer sees first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import report_picture
from benchmarks.tables import ROOT


def test_it_is_small_and_its_caption_says_synthetic() -> None:
    assert report_picture.OUT.stat().st_size <= report_picture.LARGEST_BYTES
    opening = (ROOT / "README.md").read_text("utf-8").split("\n## ", 1)[0]
    assert 'src="docs/report.png"' in opening and "**synthetic**" in opening


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="Debian's chromium is not installed")
def test_it_can_be_taken_anew(tmp_path: Path) -> None:
    assert report_picture.main(["--out", str(tmp_path / "report.png")]) == 0
    with Image.open(tmp_path / "report.png") as image:
        assert image.size == (report_picture.WIDTH, report_picture.HEIGHT)
        assert len(image.convert("L").getcolors(256) or []) > 50
