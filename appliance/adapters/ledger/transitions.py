"""A job's way through the ledger: each step one committed transaction, allowed by the table in `core/jobs.py`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from appliance.adapters.ledger.ledger_file import marks, stamp
from appliance.adapters.ledger.notices import Notices
from appliance.adapters.ledger.queries import Queries
from appliance.core.drops import SeenFile
from appliance.core.gathering import Image
from appliance.core.jobs import READ_FIRST, Event, Job, Manifest, Reason, Result, Source, State, after
from appliance.core.printable import as_text
from appliance.core.study import Role


class Transitions(Queries, Notices):
    """Asks and notes within the transaction of the step."""

    def receive(self, job_id: str, name: str, entry: str, source: Source, now: datetime) -> Job:
        """A new job, first seen."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO jobs (id, name, entry, source, state, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job_id, name, as_text(entry), source, State.RECEIVED, stamp(now), stamp(now)),
            )
            self._note(job_id, now, Event.SEEN, State.RECEIVED, "")
        return self.job(job_id)

    def withdraw(self, job_id: str) -> None:
        """The drop was taken away again before it was copied: as if it had never been."""
        with self.transaction() as db:
            db.execute(
                "DELETE FROM jobs WHERE id = ? AND state IN ('received', 'settling') AND content IS NULL", (job_id,)
            )

    def changed(self, job_id: str, now: datetime) -> Job:
        return self._move(job_id, Event.CHANGED, now)

    def claimed(
        self, job_id: str, entry: str, manifest: Manifest, files: Iterable[SeenFile], images: Iterable[Image], now: datetime
    ) -> Job:
        """Copied whole into the spool: which files of the share those were, and what images are in them."""
        with self.transaction() as db:
            for table in ("claims", "images"):
                db.execute(f"DELETE FROM {table} WHERE drop_id = ?", (job_id,))
            self.add_claims(job_id, files)
            self._add_images(job_id, images)
            self.add_part(job_id, job_id)
            size = {"content": manifest.content, "files": manifest.files, "bytes": manifest.bytes}
            return self._move(job_id, Event.CLAIMED, now, f"{manifest.files} files", entry=as_text(entry), **size)

    def fetched(self, drop_id: str, images: Iterable[Image]) -> None:
        """A drop whose copies were gone is copied anew: where each image lies in them now."""
        with self.transaction() as db:
            db.executemany(
                "UPDATE images SET file = ? WHERE drop_id = ? AND sop_uid = ? AND digest = ?",
                [(image.file, drop_id, *image.key) for image in images],
            )

    def add_claims(self, drop_id: str, files: Iterable[SeenFile]) -> None:
        """Further files of the drop area that belong to a drop and are not looked at again."""
        with self.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)",
                [(drop_id, as_text(f.path), f.size, f.mtime_ns) for f in files],
            )

    def rename(self, job_id: str, name: str, entry: str) -> Job:
        """Loose files are called after what they are once they are taken in."""
        with self.transaction() as db:
            db.execute("UPDATE jobs SET name = ?, entry = ? WHERE id = ?", (name, as_text(entry), job_id))
        return self.job(job_id)

    def remove_part(self, job_id: str, drop_id: str) -> None:
        with self.transaction() as db:
            db.execute("DELETE FROM parts WHERE job_id = ? AND drop_id = ?", (job_id, drop_id))

    def add_part(self, job_id: str, drop_id: str) -> None:
        """The job's study has images in this drop."""
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO parts VALUES (?, ?)", (job_id, drop_id))

    def grew(self, job_id: str, study_uid: str, missing: tuple[Role, ...], due_at: datetime, now: datetime) -> Job:
        """A study has the images of its parts, lacks `missing`, and is read at `due_at` if nothing more comes."""
        count = len({image.key for image in self.images_of(job_id, study_uid)})
        return self._move(
            job_id, Event.GREW, now, f"{count} images", due_at=stamp(due_at), study_uid=study_uid,
            missing=",".join(missing), images=count,
        )  # fmt: skip

    def joined(self, job_id: str, target: str, now: datetime) -> Job:
        """This drop is part of another job."""
        return self._move(job_id, Event.JOINED, now, f"part of {target}", joined=target)

    def hurry(self, job_id: str, now: datetime) -> Job:
        """A person said: read it now. Files still have to stand still; what is not there yet is not waited for."""
        return self._move(job_id, Event.HURRIED, now, "read now", hurried=1, due_at=stamp(now))

    def completed(self, job_id: str, note: str, now: datetime) -> Job:
        """Nothing more is waited for."""
        return self._move(job_id, Event.COMPLETED, now, note)

    def revise(self, job_id: str, earlier_id: str) -> Job:
        """This reading will supersede that one: what was in its drops belongs to this one too."""
        with self.transaction() as db:
            db.execute("INSERT OR IGNORE INTO parts SELECT ?, drop_id FROM parts WHERE job_id = ?", (job_id, earlier_id))
            db.execute("UPDATE jobs SET revises = ? WHERE id = ?", (earlier_id, job_id))
        return self.job(job_id)

    def take(self, now: datetime) -> Job | None:
        """The job that is to be read first, else the one that has waited longest, becomes `reading`; its attempt is
        counted before the work starts."""
        if not self.count(State.QUEUED):
            return None
        with self.transaction() as db:
            row = db.execute(
                "SELECT id, attempts FROM jobs WHERE state = 'queued' ORDER BY id != ?, number LIMIT 1",
                (self.fact(READ_FIRST) or "",),
            ).fetchone()
            if row is None:
                return None
            return self._move(row["id"], Event.TAKEN, now, attempts=row["attempts"] + 1, stage="", fraction=0.0)

    def read(self, job_id: str, result: Result, duplicate_of: str, now: datetime) -> Job:
        """Done. What it revises is superseded in the same moment, unless the images were all read before."""
        with self.transaction() as db:
            job = self._move(
                job_id,
                Event.READ,
                now,
                f"the same as {duplicate_of}" if duplicate_of else f"revision {result.revision}",
                result=json.dumps(asdict(result)),
                report_id=result.report_id,
                duplicate_of=duplicate_of,
                handed_over=int(bool(duplicate_of)),
                stage="",
                fraction=1.0,
            )
            if job.revises and not duplicate_of:
                db.execute("UPDATE jobs SET superseded_by = ? WHERE id = ?", (job_id, job.revises))
            return job

    def revised(self, job_id: str, result: Result, now: datetime) -> Job:
        """A person changed the report: its new revision is handed over like the first."""
        told = {"result": json.dumps(asdict(result)), "handed_over": 0}
        return self._move(job_id, Event.REVISED, now, f"revision {result.revision}", **told)

    def refuse(self, job_id: str, reason: Reason, now: datetime, files: Iterable[SeenFile] = ()) -> Job:
        """`files` of the drop area, when they were not claimed before: they are no new drop either."""
        with self.transaction():
            self.add_claims(job_id, files)
            return self._move(job_id, Event.REFUSED, now, reason.code, reason=json.dumps(asdict(reason)))

    def postpone(self, job_id: str, reason: Reason, now: datetime) -> Job:
        """Not the study's fault: back to its place in the queue, the attempt not counted."""
        attempts = max(0, self.job(job_id).attempts - 1)
        return self._move(job_id, Event.POSTPONED, now, reason.code, attempts=attempts)

    def interrupted(self, job_id: str, now: datetime) -> Job:
        """The process ended while this was read: tried once more."""
        return self._move(job_id, Event.INTERRUPTED, now)

    def crashed(self, job_id: str, reason: Reason, now: datetime) -> Job:
        return self._move(job_id, Event.CRASHED, now, reason.code, reason=json.dumps(asdict(reason)))

    def retry(self, job_id: str, entry: str, now: datetime) -> Job:
        """A failed job whose originals lie in the drop area again."""
        return self._again(job_id, Event.RETRIED, entry, now)

    def release(self, job_id: str, entry: str, now: datetime) -> Job:
        """A quarantined job is tried again, by a person's decision."""
        return self._again(job_id, Event.RELEASED, entry, now)

    def progress(self, job_id: str, stage: str, fraction: float) -> None:
        """How far the reading is: for people, no transition, and not worth waiting for the disk."""
        with self.held() as db:
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute("UPDATE jobs SET stage = ?, fraction = ? WHERE id = ?", (stage, fraction, job_id))
            db.execute("PRAGMA synchronous=FULL")

    def handed_over(self, job_id: str) -> None:
        with self.transaction() as db:
            db.execute("UPDATE jobs SET handed_over = 1 WHERE id = ?", (job_id,))

    def filing(self, job_id: str, filed_as: str) -> Job:
        """Where its files are about to go: written down before anything moves."""
        with self.transaction() as db:
            db.execute("UPDATE jobs SET filed_as = ? WHERE id = ?", (filed_as, job_id))
        return self.job(job_id)

    def filed(self, job_id: str) -> None:
        """Its files have moved: what lies in the drop area under the same names from now on is new."""
        with self.transaction() as db:
            db.execute("UPDATE jobs SET filed = 1 WHERE id = ?", (job_id,))
            db.execute("DELETE FROM claims WHERE drop_id = ?", (job_id,))

    def forgotten(self, job_id: str) -> None:
        """Its report was deleted, as the configuration asks."""
        with self.transaction() as db:
            db.execute("UPDATE jobs SET forgotten = 1 WHERE id = ?", (job_id,))

    def restore(self, job: Job) -> None:
        """A job that was done, into a ledger made anew."""
        if job.result is None:
            raise ValueError("only a job that was read is restored")
        with self.transaction() as db:
            manifest = job.manifest or Manifest("", 0, 0)
            columns = {
                "id": job.id, "name": job.name, "source": job.source, "state": job.state, "study_uid": job.study_uid,
                "created_at": stamp(job.created_at), "updated_at": stamp(job.updated_at), "images": job.images,
                "content": manifest.content or None, "files": manifest.files, "bytes": manifest.bytes,
                "result": json.dumps(asdict(job.result)), "report_id": job.result.report_id, "revises": job.revises,
                "handed_over": job.handed_over, "filed": job.filed, "fraction": job.fraction,
            }  # fmt: skip
            db.execute(f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({marks(tuple(columns))})", tuple(columns.values()))
            db.execute("UPDATE jobs SET superseded_by = ? WHERE id = ?", (job.id, job.revises))
            self.add_part(job.id, job.id)
            self._note(job.id, job.updated_at, Event.READ, State.DONE, "from its report: the ledger was made anew")

    def restore_drop(
        self, job_id: str, entry: str, files: Iterable[SeenFile], images: Iterable[Image], filed: bool
    ) -> None:
        """The images of a restored job, and its files where they still wait to be moved away."""
        with self.transaction() as db:
            db.execute("UPDATE jobs SET entry = ?, filed = ? WHERE id = ?", (as_text(entry), filed, job_id))
            self.add_claims(job_id, files)
            self._add_images(job_id, images)

    def _move(self, job_id: str, event: Event, now: datetime, note: str = "", **columns: Any) -> Job:
        with self.transaction() as db:
            state = after(self.job(job_id).state, event)
            values = {"state": state, "updated_at": stamp(now), **columns}
            sets = ", ".join(f"{column} = ?" for column in values)
            db.execute(f"UPDATE jobs SET {sets} WHERE id = ?", (*values.values(), job_id))
            self._note(job_id, now, event, state, note)
            return self.job(job_id)

    def _add_images(self, drop_id: str, images: Iterable[Image]) -> None:
        with self.held() as db:
            db.executemany(
                "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(drop_id, i.file, i.study_uid, i.series_uid, i.sop_uid, i.role, i.modality, i.digest) for i in images],
            )

    def _again(self, job_id: str, event: Event, entry: str, now: datetime) -> Job:
        """From the beginning: nothing that was found in its files counts any more."""
        with self.transaction() as db:
            db.execute("DELETE FROM parts WHERE job_id = ?", (job_id,))
            db.execute("DELETE FROM claims WHERE drop_id = ?", (job_id,))
            return self._move(
                job_id, event, now, entry=as_text(entry), source=Source.SHARE, attempts=0, filed=0, filed_as="", reason=None,
                content=None, study_uid="", images=0, missing="", due_at=None, hurried=0, revises="",
            )  # fmt: skip

    def _note(self, job_id: str, now: datetime, event: Event, state: State, note: str) -> None:
        self.rows(
            "INSERT INTO transitions (job_id, at, event, state, note) VALUES (?, ?, ?, ?, ?)",
            *(job_id, stamp(now), event, state, note),
        )
