"""Receipts in `_status/` on the share: a few lines a study and one page of all, for whoever has only the share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from html import escape
from pathlib import Path
from urllib.parse import quote

from appliance.core.drops import plain_name
from appliance.core.health import Alarm
from appliance.core.jobs import Job
from appliance.core.words import in_words, next_step

STATUS, PAGE = "_status", "status.html"
KEPT = 200


class Receipts:
    """Writes only what changed since it last wrote."""

    def __init__(self, opened: Callable[[], AbstractContextManager[Path]]) -> None:
        """`opened` holds the share open and gives its path; it raises when the share is gone."""
        self._opened = opened
        self._written: dict[str, str] = {}
        self._shown: tuple[tuple[tuple[Job, str], ...], tuple[Alarm, ...]] | None = None

    def write(self, jobs: Sequence[Job], alarms: tuple[Alarm, ...], now: datetime) -> None:
        """`jobs` newest first; older receipts than these are taken away. Alarms tell why nothing moves."""
        by_id = {j.id: j for j in jobs}
        shown = tuple((j, in_words(j, now, by_id.get(j.joined))) for j in jobs[:KEPT])
        if (shown, alarms) == self._shown:
            return
        wanted = {f"{plain_name(j.name)} {j.id[:4]}.txt": _lines(j, words) for j, words in shown}
        wanted[PAGE] = _page(shown, alarms)
        with self._opened() as root:
            folder = root / STATUS
            written = self._written if folder.is_dir() else {}  # somebody tidied it away
            folder.mkdir(exist_ok=True)
            for name, text in wanted.items():
                if written.get(name) != text:
                    _replace(folder / name, text)
            for old in {path.name for path in folder.glob("*.txt")} - set(wanted):
                (folder / old).unlink(missing_ok=True)
        self._written, self._shown = wanted, (shown, alarms)


def _lines(job: Job, words: str) -> str:
    when = job.updated_at.strftime("%Y-%m-%d %H:%M:%S")
    lines = [job.name, "", f"{when}  {words}", next_step(job)]
    if job.filed:
        lines.append(f"It lies in {job.filed_as}.")
    return "\n".join(line for number, line in enumerate(lines) if line or number == 1) + "\n"


def _page(shown: Sequence[tuple[Job, str]], alarms: Sequence[Alarm]) -> str:
    ill = "".join(f"<p class=ill><b>{escape(a.message)}</b> {escape(a.action)}\n" for a in alarms)
    rows = "".join(
        f"<tr class={j.state}><th>{escape(j.name)}<td>{escape(words)}"
        f"{f'<p>{escape(step)}' if (step := next_step(j)) else ''}"
        f"{f'<p><a href={_link(j.filed_as)}>{escape(j.filed_as)}</a>' if j.filed else ''}"
        f"<td>{j.updated_at.strftime('%Y-%m-%d %H:%M')}</tr>\n"
        for j, words in shown
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="10">'
        '<meta name="viewport" content="width=device-width"><title>Lumbarbox: status</title>\n'
        f"<style>{_STYLE}</style>\n<h1>Lumbarbox</h1>\n"
        f"{ill}<p>Where each study is. Newest first. The page renews itself.</p>\n"
        f"<table>\n{rows or '<tr><td>Nothing has been dropped here yet.</tr>'}</table>\n"
    )


_STYLE = (
    "body{font:17px/1.4 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.5em .8em;"
    "border-top:1px solid #bbb}td:last-child{white-space:nowrap;color:#555}p{margin:.3em 0}"
    "tr{border-left:.4em solid #888}.reading,.queued{border-left-color:#2a6fb0}.done{border-left-color:#2c7a3f}"
    ".failed,.quarantined{border-left-color:#b3261e}.ill{border-left:.4em solid #b3261e;padding-left:.8em}"
)


def _link(place: str) -> str:
    """From the status folder to where a study was filed."""
    return "../" + quote(place) + "/"


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f"~{path.name}.tmp")
    beside.write_text(text, "utf-8")
    beside.replace(path)
