"""Which of the box's copies hold a study; and back onto the box, from `_done`, what it no longer keeps.

What lies in `_done` may have been changed by anybody: an original counts only when its bytes are those that were read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from appliance.core.gathering import Image
from appliance.core.jobs import Job, Source
from appliance.errors import Code, InputError
from appliance.ports import Inspector, Ledger, Shelf, Spool

log = logging.getLogger(__name__)


class Copies:
    """Of drops, in the spool; a study may lie in many."""

    def __init__(self, ledger: Ledger, spool: Spool, shelf: Shelf, inspector: Inspector) -> None:
        self._ledger, self._spool, self._shelf, self._inspector = ledger, spool, shelf, inspector

    def to_read(self, job: Job, earlier: Job | None) -> tuple[Path, ...]:
        """Those that hold this job's study, each image once, the newest drop first.

        `earlier` is the reading it will supersede. Raises InputError when images of that are nowhere any more,
        SystemicError when the share is needed and gone.
        """
        chosen, lost = self._choose(job)
        if lost and earlier is not None:
            for drop_id in self._ledger.parts(job.id):
                if not self._spool.files(drop_id):
                    self._fetch(self._ledger.job(drop_id))
            chosen, lost = self._choose(job)
        if lost and earlier is not None:
            raise InputError(
                Code.EARLIER_IMAGES_GONE,
                f"These images belong to a study that was read on {earlier.updated_at:%Y-%m-%d %H:%M}; the box does not "
                f"keep its other {len(lost)} images any more.",
                "Drop the whole study again. Its earlier report still stands.",
            )
        return chosen

    def to_file(self, job: Job) -> tuple[Path, ...]:
        """Those of a drop; for a second study of one, those of its images."""
        own = self._spool.files(job.id)
        if own or job.source is not Source.SHARE or job.entry:
            return own
        drops = ((self._spool.files(d), self._ledger.images_in(d)) for d in self._ledger.parts(job.id))
        return tuple(f for files, images in drops for f in files_of_study(files, images, job.study_uid, frozenset()))

    def lent(self, job: Job) -> dict[str, tuple[Path, ...]]:
        """Those of this study's images in drops whose originals lie with another study, by a name for each drop.

        Without them a failed study, tried again, would be read without these images. Those of an earlier reading are
        found again by the study's UID.
        """
        found: dict[str, tuple[Path, ...]] = {}
        own = {job.id, *(self._ledger.parts(job.revises) if job.revises else ())}
        for drop_id in self._ledger.parts(job.id) if job.entry else ():
            drop = self._ledger.find(drop_id)
            if drop_id in own or drop is None or drop.joined == job.id:
                continue
            images = self._ledger.images_in(drop_id)
            name = drop.name if drop.name not in found else f"{drop.name} {drop_id}"  # people call many folders alike
            found[name] = tuple(files_of_study(self._spool.files(drop_id), images, job.study_uid, frozenset()))
        return found

    def _choose(self, job: Job) -> tuple[tuple[Path, ...], set[tuple[str, str]]]:
        """Files, and the keys of images that none of them holds."""
        chosen: list[Path] = []
        seen: set[tuple[str, str]] = set()
        for drop_id in self._ledger.parts(job.id):
            files = self._spool.files(drop_id)
            images = self._ledger.images_in(drop_id)
            chosen += files_of_study(files, images, job.study_uid, frozenset(seen))
            names = {file.name for file in files}
            seen |= {image.key for image in images if _copy_of(image) in names}
        wanted = {image.key for image in self._ledger.images_of(job.id, job.study_uid)} if job.study_uid else set()
        return tuple(chosen), wanted - seen

    def _fetch(self, drop: Job) -> None:
        """The originals of a filed drop, copied anew; only what is byte by byte as it was read counts."""
        card = {"id": drop.id, "name": drop.name, "entry": drop.entry, "source": drop.source, "files": []}
        with self._shelf.originals(drop) as originals:
            if not originals or self._spool.claim(drop.id, originals, card) is None:
                return
        known = {image.key for image in self._ledger.images_in(drop.id)}
        found = {image.key: image for image in self._looked_through(drop.id) if image.key in known}
        if found.keys() != known:
            log.warning("drop %s: %d originals are not as they were read", drop.id, len(known - found.keys()))
            self._spool.discard(drop.id)
            return
        self._spool.keep(drop.id, {_copy_of(image) for image in found.values()})
        self._ledger.fetched(drop.id, found.values())

    def _looked_through(self, drop_id: str) -> tuple[Image, ...]:
        """Whoever may write on the share may have put anything there."""
        try:
            return self._inspector.inspect(self._spool.files(drop_id))
        except InputError:
            return ()


def files_of_study(
    files: Sequence[Path], images: Sequence[Image], study_uid: str, known: frozenset[tuple[str, str]]
) -> list[Path]:
    """Of one drop's copies those that hold images of the study not among `known`, and those that hold nothing known.

    What no header could be read of goes with the only study of its drop, so that the report names it as not read.
    """
    studies = {image.study_uid for image in images}
    inside: dict[str, list[Image]] = {}
    for image in images:
        inside.setdefault(_copy_of(image), []).append(image)
    wanted = []
    for file in files:
        held = inside.get(file.name)
        if held is None:
            take = studies <= {study_uid}
        else:
            take = any(image.study_uid == study_uid and image.key not in known for image in held)
        if take:
            wanted.append(file)
    return wanted


def _copy_of(image: Image) -> str:
    """The copy that holds it: an archive holds many."""
    return image.file.split("/")[0]
