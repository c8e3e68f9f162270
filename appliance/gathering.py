"""From drops to studies: which job the images of a drop belong to, and when a study is whole enough to be read.

A study may come in many drops, and a drop may hold many studies. What comes late, when its study is read already,
makes a new job that supersedes the old one; it never makes a second study.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from appliance.core.gathering import Image, Waits, by_study, due_at, missing_of
from appliance.core.jobs import Job, Source
from appliance.core.words import SERIES
from appliance.ports import Ledger


class Gathering:
    """Works inside the transaction in which a drop is claimed: a power cut leaves all of it or nothing."""

    def __init__(self, ledger: Ledger, waits: Waits, new_id: Callable[[], str]) -> None:
        self._ledger, self._waits, self._new_id = ledger, waits, new_id

    def place(self, job: Job, images: Sequence[Image], is_all: bool, now: datetime) -> None:
        """Give the studies of a claimed drop to the jobs that wait for them, or to jobs of their own.

        `is_all`: whoever sent it said that nothing more comes.
        """
        studies = by_study(images)
        if not studies:
            self._ledger.completed(job.id, "names no study", now)
            return
        hurried = is_all or job.hurried
        targets = {uid: waiting for uid in studies if (waiting := self._ledger.study_waiting(uid)) is not None}
        own = [uid for uid in studies if uid not in targets]
        for uid, target in targets.items():
            self._ledger.add_part(target.id, job.id)
            self._grow(target, uid, hurried or target.hurried, now)
        for number, uid in enumerate(own, start=1):
            self._grow(job if number == 1 else self._sibling(job, number, now), uid, hurried, now)
        if not own:
            self._ledger.joined(job.id, next(iter(targets.values())).id, now)

    def complete(self, now: datetime) -> bool:
        """Queue every study whose time has come. Whether there was one."""
        ripe = [job for job in self._ledger.gathering() if self._is_due(job, now)]
        for job in ripe:
            self._queue(job, now)
        return bool(ripe)

    def _is_due(self, job: Job, now: datetime) -> bool:
        """Its time has come, or lies so far ahead that the clock must have been set back."""
        return job.due_at is None or job.due_at <= now or job.due_at > now + max(self._waits.study, self._waits.series)

    def _grow(self, job: Job, uid: str, hurried: bool, now: datetime) -> None:
        images = self._ledger.images_of(job.id, uid)
        missing = missing_of(image.role for image in images + self._images_read(uid))
        self._ledger.grew(job.id, uid, missing, now if hurried else due_at(now, missing, self._waits), now)

    def _images_read(self, uid: str) -> tuple[Image, ...]:
        """Late slices complete what was read before: those series are not missing."""
        earlier = self._ledger.study_read(uid)
        return self._ledger.images_of(earlier.id, uid) if earlier is not None else ()

    def _sibling(self, job: Job, number: int, now: datetime) -> Job:
        """A job for a further study of the same drop. It has no entry of its own: its images are copied, not moved."""
        made = self._ledger.receive(self._new_id(), f"{job.name}, study {number}", "", Source.SHARE, now)
        manifest = job.manifest or self._ledger.job(job.id).manifest
        assert manifest is not None, "only a claimed drop is placed"
        self._ledger.claimed(made.id, "", manifest, (), (), now)
        self._ledger.remove_part(made.id, made.id)
        self._ledger.add_part(made.id, job.id)
        return made

    def _queue(self, job: Job, now: datetime) -> None:
        note = "a person said so" if job.hurried else "all three series are there" if not job.missing else _lacking(job)
        self._ledger.completed(job.id, note, now)


def _lacking(job: Job) -> str:
    return "without " + ", ".join(SERIES[role] for role in job.missing)


def is_read_already(job: Job, earlier: Job, images: Callable[[str, str], Sequence[Image]]) -> bool:
    """Whether a job brings nothing that its study's earlier reading has not seen."""
    known = {image.key for image in images(earlier.id, job.study_uid)}
    return {image.key for image in images(job.id, job.study_uid)} <= known
