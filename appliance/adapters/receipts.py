"""Receipts in `_status/` on the share: a few lines a study and one page of all, for whoever has only the share."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from appliance.core.drops import plain_name
from appliance.core.jobs import Job
from appliance.core.words import in_words, next_step
from appliance.errors import from_os

STATUS, PAGE = "_status", "status.html"
KEPT = 200


class Receipts:
    """Writes only what changed since it last wrote."""

    def __init__(self, root: Path) -> None:
        self._folder = root / STATUS
        self._written: dict[Path, str] = {}

    def write(self, jobs: Sequence[Job]) -> None:
        """`jobs` newest first; older receipts than these are taken away."""
        wanted = {self._folder / f"{plain_name(j.name)} {j.id[:4]}.txt": _lines(j) for j in jobs[:KEPT]}
        wanted[self._folder / PAGE] = _page(jobs[:KEPT])
        try:
            self._folder.mkdir(exist_ok=True)
            for path, text in wanted.items():
                if self._written.get(path) != text:
                    _replace(path, text)
            for old in set(self._folder.glob("*.txt")) - set(wanted):
                old.unlink(missing_ok=True)
        except OSError as exc:
            raise from_os(exc, f"The folder {self._folder}") from exc
        self._written = wanted


def _lines(job: Job) -> str:
    when = job.updated_at.strftime("%Y-%m-%d %H:%M:%S")
    parts = [job.name, "", f"{when}  {in_words(job)}", next_step(job)]
    return "\n".join(part for part in parts if part or part == "") + "\n"


def _page(jobs: Sequence[Job]) -> str:
    rows = "".join(
        f"<tr><td>{escape(j.name)}<td>{escape(in_words(j))}<td>{escape(next_step(j))}"
        f"<td>{j.updated_at.strftime('%Y-%m-%d %H:%M')}</tr>\n"
        for j in jobs
    )
    return (
        '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="10"><title>Lumbarbox: status</title>\n'
        "<style>body{font:16px system-ui;margin:2em}td{padding:.3em 1em;border-top:1px solid #ccc}</style>\n"
        f"<h1>Lumbarbox</h1><table>\n{rows}</table>\n"
    )


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f"~{path.name}.tmp")
    beside.write_text(text, "utf-8")
    beside.replace(path)
