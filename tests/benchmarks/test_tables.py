"""Numbers in documents come from results, and results from a script."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from benchmarks import results, tables
from benchmarks.results import Table

ONE = Table("Speed", "one synthetic study", "make bench", ("what", "measured"), (("reading, s", "1.0"),))


def test_every_document_is_fresh() -> None:
    assert tables.main(check=True) == 0, "run: python -m benchmarks.tables"


@pytest.mark.parametrize("path", sorted(results.FOLDER.glob("*.json")), ids=lambda p: p.stem)
def test_every_result_is_shown_and_says_what_it_stands_on(path: Path) -> None:
    shown = "".join(document.read_text("utf-8") for document in tables.documents())
    assert f"<!-- results:{path.stem} -->" in shown, "no document shows it"
    for table in results.load(path.stem):
        assert table.title and table.data and table.rows
        assert re.match(r"(make|python -m|git archive) \w+", table.command), table.command


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    results.save("speed", [ONE], tmp_path)
    assert results.load("speed", tmp_path) == (ONE,)
    assert json.loads((tmp_path / "speed.json").read_text())[0]["command"] == "make bench"


def test_a_block_is_renewed_and_the_words_around_it_stay(tmp_path: Path) -> None:
    results.save("speed", [ONE], tmp_path)
    before = "# Title\n\n<!-- results:speed -->\nold numbers\n<!-- /results -->\n\nMore words.\n"
    after = tables.filled(before, tmp_path)
    assert "old numbers" not in after and "| reading, s | 1.0 |" in after and "From `make bench`" in after
    assert after.startswith("# Title\n") and after.endswith("More words.\n")
    assert tables.filled(after, tmp_path) == after


def test_a_document_that_asks_for_what_was_never_measured_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tables.filled("<!-- results:luck -->\n<!-- /results -->", tmp_path)


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Table("t", "d", "c", ("a", "b"), (("1",),))


@pytest.mark.parametrize("path", tables.documents(), ids=lambda p: p.name)
def test_no_document_shows_a_table_twice(path: Path) -> None:
    """A merge once doubled two chapters."""
    shown = [match[2] for match in tables.BLOCK.finditer(path.read_text("utf-8"))]
    assert len(shown) == len(set(shown))
