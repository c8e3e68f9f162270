"""The sample study on the terminal: dropped in, watched, its report printed."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from time import sleep

from appliance import selftest
from appliance.box import Box
from appliance.core.jobs import Job, State
from appliance.core.words import STAGES, in_words, next_step
from appliance.errors import Code, InputError
from appliance.progress import ProgressLine

WELL, FAULT, DEGRADED = 0, 1, 4
NAME = "Sample study.zip"
LOOK_SECONDS = 0.1
PATIENCE_SECONDS = 300


class Demo:
    """One study, made by the box's own phantom: nobody's spine."""

    def __init__(self, box: Box, url: str, study: Path | None = None) -> None:
        self._box, self._url = box, url
        self._study = study or selftest.STUDY

    def run(self) -> int:
        """Drop it and wait for its end; what a person would see. WELL when it was read."""
        before = {job.id for job in self._box.ledger.newest(1000)}
        name = self._drop()
        job = self._watch(name, before)
        if job is None:
            print("The sample study was not read in time; see the page for where it is.", file=sys.stderr)
            return FAULT
        return self._tell(job)

    def _drop(self) -> str:
        """As a technician's copy would arrive: under another name until it is whole."""
        if not self._study.exists():
            raise InputError(Code.EMPTY, f"There is no study at {self._study}.", "Name another with --demo PATH.")
        name = NAME if self._study.suffix == ".zip" else self._study.name
        target = self._box.settings.inbox_path / name
        if target.exists():
            return name
        arriving = target.with_name(f"{name}.part")
        if self._study.is_dir():
            shutil.copytree(self._study, arriving, dirs_exist_ok=True)
        else:
            shutil.copyfile(self._study, arriving)
        arriving.rename(target)
        return name

    def _watch(self, name: str, before: set[str]) -> Job | None:
        show = ProgressLine(sys.stderr)
        try:
            for _ in range(int(PATIENCE_SECONDS / LOOK_SECONDS)):
                job = next((j for j in self._box.ledger.newest(50) if j.name == name and j.id not in before), None)
                if job is not None and job.state.is_final:
                    return job
                show(*_line(job))
                sleep(LOOK_SECONDS)
        finally:
            show.close()
        return None

    def _tell(self, job: Job) -> int:
        if job.state is not State.DONE or job.result is None:
            print(f"{in_words(job)} {next_step(job)}", file=sys.stderr)
            return FAULT
        text = self._box.reports.folder(job.duplicate_of or job.id) / "report.txt"
        if text.is_file():
            print("\n" + text.read_text("utf-8"))
        print(in_words(job) + ".")
        if self._url:
            print(f"The report with its pictures: {self._url}/study/{job.id}")
        return WELL if job.result.outcome == "read" else DEGRADED


def _line(job: Job | None) -> tuple[str, int, int]:
    if job is None:
        return "sample study dropped into the inbox", 0, 0
    if job.state is State.READING:
        return STAGES.get(job.stage, job.stage) or "starting", round(job.fraction * 100), 100
    return in_words(job).lower(), 0, 0
