"""The ledger: one SQLite file that knows every job, its state and its history. Local disk only, never the share.

Each transition is one committed transaction (`synchronous=FULL`), checked against the table in `core/jobs.py`. The
parts of the box are coupled by this file alone, so each of them can die and be started again by itself.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from appliance.core.drops import SeenFile
from appliance.core.gathering import Image
from appliance.core.health import Alarm
from appliance.core.jobs import (
    READ_FIRST,
    Event,
    Job,
    Manifest,
    Reason,
    Result,
    Search,
    Source,
    State,
    Transition,
    after,
)
from appliance.core.ledger_rows import image_of, job_of, transition_of
from appliance.core.ledger_tables import SCHEMA_VERSION, VERSIONS
from appliance.core.study import Role
from appliance.errors import Code, SystemicError

_WORST = "json_extract(result, '$.worst')"
_INDEXES = (
    f"CREATE INDEX IF NOT EXISTS jobs_by_worst ON jobs ({_WORST}, number)",
    "CREATE INDEX IF NOT EXISTS jobs_by_day ON jobs (updated_at)",
    "CREATE INDEX IF NOT EXISTS jobs_by_original ON jobs (duplicate_of)",
)
"""For what is asked of the history; made at every start, so that they need no schema of their own."""

CORRUPT = ("malformed", "not a database", "disk image")
"""How SQLite says that the file itself is damaged, not only out of reach."""


class DamagedLedgerError(SystemicError):
    """The file itself is broken: it must be set aside and made anew."""


class Ledger:
    """Safe to share between threads: one connection, one lock, short transactions."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._path = path
        self._damaged = False
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            path.chmod(0o600)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._check()
            self._migrate()
            self._inode = path.stat().st_ino

    @property
    def is_sound(self) -> bool:
        """False once SQLite has called the file damaged, or another part has set it aside: only a restart helps."""
        try:
            return not self._damaged and self._path.stat().st_ino == self._inode
        except OSError:
            return False

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is committed together, or not at all. May be nested."""
        with self._lock, self._translated():
            if self._db.in_transaction:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    # -- one job's way ------------------------------------------------------------------------------------------

    def receive(self, job_id: str, name: str, entry: str, source: Source, now: datetime) -> Job:
        """A new job, first seen."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO jobs (id, name, entry, source, state, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job_id, name, entry, source, State.RECEIVED, _stamp(now), _stamp(now)),
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
            return self._move(job_id, Event.CLAIMED, now, f"{manifest.files} files", entry=entry, **size)

    def add_claims(self, drop_id: str, files: Iterable[SeenFile]) -> None:
        """Further files of the drop area that belong to a drop and are not looked at again."""
        with self.transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)", [(drop_id, f.path, f.size, f.mtime_ns) for f in files]
            )

    def rename(self, job_id: str, name: str, entry: str) -> Job:
        """Loose files are called after what they are once they are taken in."""
        with self.transaction() as db:
            db.execute("UPDATE jobs SET name = ?, entry = ? WHERE id = ?", (name, entry, job_id))
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
            job_id, Event.GREW, now, f"{count} images", due_at=_stamp(due_at), study_uid=study_uid,
            missing=",".join(missing), images=count,
        )  # fmt: skip

    def joined(self, job_id: str, target: str, now: datetime) -> Job:
        """This drop is part of another job."""
        return self._move(job_id, Event.JOINED, now, f"part of {target}", joined=target)

    def hurry(self, job_id: str, now: datetime) -> Job:
        """A person said: read it now. Files still have to stand still; what is not there yet is not waited for."""
        return self._move(job_id, Event.HURRIED, now, "read now", hurried=1, due_at=_stamp(now))

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
        with self._lock, self._translated():
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("UPDATE jobs SET stage = ?, fraction = ? WHERE id = ?", (stage, fraction, job_id))
            self._db.execute("PRAGMA synchronous=FULL")

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
                "created_at": _stamp(job.created_at), "updated_at": _stamp(job.updated_at), "images": job.images,
                "content": manifest.content or None, "files": manifest.files, "bytes": manifest.bytes,
                "result": json.dumps(asdict(job.result)), "report_id": job.result.report_id, "revises": job.revises,
                "handed_over": job.handed_over, "filed": job.filed, "fraction": job.fraction,
            }  # fmt: skip
            db.execute(f"INSERT INTO jobs ({', '.join(columns)}) VALUES ({_marks(tuple(columns))})", tuple(columns.values()))
            db.execute("UPDATE jobs SET superseded_by = ? WHERE id = ?", (job.id, job.revises))
            self.add_part(job.id, job.id)
            self._note(job.id, job.updated_at, Event.READ, State.DONE, "from its report: the ledger was made anew")

    def restore_drop(
        self, job_id: str, entry: str, files: Iterable[SeenFile], images: Iterable[Image], filed: bool
    ) -> None:
        """The images of a restored job, and its files where they still wait to be moved away."""
        with self.transaction() as db:
            db.execute("UPDATE jobs SET entry = ?, filed = ? WHERE id = ?", (entry, filed, job_id))
            self.add_claims(job_id, files)
            self._add_images(job_id, images)

    # -- questions ----------------------------------------------------------------------------------------------

    def job(self, job_id: str) -> Job:
        found = self.find(job_id)
        if found is None:
            raise KeyError(job_id)
        return found

    def find(self, job_id: str) -> Job | None:
        return self._one("id = ?", job_id)

    def in_state(self, *states: State) -> tuple[Job, ...]:
        """Oldest first."""
        return self._many(f"state IN ({_marks(states)}) ORDER BY number", *states)

    def waiting_in_drop_area(self) -> dict[str, Job]:
        """Jobs not yet claimed, by the name of their entry."""
        found = self._many("state IN ('received', 'settling') AND source = 'share' AND content IS NULL")
        return {job.entry: job for job in found}

    def claimed_files(self, drop_id: str = "") -> frozenset[SeenFile]:
        """Files of the drop area that were copied and not yet moved away: of one drop, or of all."""
        where, values = ("WHERE drop_id = ?", (drop_id,)) if drop_id else ("", ())
        rows = self._rows(f"SELECT path, size, mtime_ns FROM claims {where}", *values)
        return frozenset(SeenFile(r["path"], r["size"], r["mtime_ns"]) for r in rows)

    def claimant(self, entry: str) -> str | None:
        """The drop that was claimed last from this entry of the drop area, while its files are still there."""
        found = self._rows(
            "SELECT drop_id FROM claims JOIN jobs ON jobs.id = drop_id WHERE substr(path, 1, ?) = ? "
            "ORDER BY number DESC LIMIT 1",
            len(entry) + 1,
            f"{entry}/",
        )
        return found[0]["drop_id"] if found else None

    def claims_mark(self) -> tuple[int, int]:
        """Differs whenever `claimed_files` may."""
        return int(self._rows("SELECT COUNT(*) AS n FROM claims")[0]["n"]), self.last_transition()

    def gathering(self) -> tuple[Job, ...]:
        """Studies that wait for their rest, oldest first."""
        return self._many("state = 'settling' AND content IS NOT NULL ORDER BY number")

    def study_waiting(self, study_uid: str) -> Job | None:
        """The job that more images of this study still belong to."""
        return self._one(
            "study_uid = ? AND state IN ('settling', 'queued') AND content IS NOT NULL ORDER BY number DESC LIMIT 1",
            study_uid,
        )

    def study_read(self, study_uid: str) -> Job | None:
        """The reading of this study that counts: no later one has superseded it."""
        return self._one(
            "study_uid = ? AND state = 'done' AND duplicate_of = '' AND superseded_by = '' ORDER BY updated_at DESC LIMIT 1",
            study_uid,
        )

    def parts(self, job_id: str) -> tuple[str, ...]:
        """Drops that hold images of this job's study, newest first."""
        found = self._rows(
            "SELECT drop_id FROM parts LEFT JOIN jobs ON jobs.id = drop_id WHERE job_id = ? ORDER BY jobs.number DESC",
            job_id,
        )
        return tuple(row["drop_id"] for row in found)

    def images_of(self, job_id: str, study_uid: str) -> tuple[Image, ...]:
        """Of one study, in all drops of a job."""
        found = self._rows(
            "SELECT images.* FROM images JOIN parts USING (drop_id) WHERE job_id = ? AND study_uid = ?", job_id, study_uid
        )
        return tuple(image_of(row) for row in found)

    def images_in(self, drop_id: str) -> tuple[Image, ...]:
        """Everything one drop holds."""
        found = self._rows("SELECT * FROM images WHERE drop_id = ? ORDER BY rowid", drop_id)
        return tuple(image_of(row) for row in found)

    def unfinished_business(self) -> tuple[Job, ...]:
        """Read or refused, but the result not handed over or the files not moved: what a power cut may leave."""
        return self._many(
            "(filed = 0 OR handed_over = 0) AND ("
            "state = 'done' OR (state IN ('failed', 'quarantined') AND filed = 0) OR "
            "(state = 'joined' AND filed = 0 AND joined IN (SELECT id FROM jobs WHERE filed = 1))) "
            "ORDER BY number LIMIT 100"
        )

    def spool_needed(self, done_after: datetime) -> frozenset[str]:
        """Drops whose copy must stay: not filed yet, part of a study not finished, or of one done after this moment."""
        found = self._rows(
            "SELECT drop_id FROM parts JOIN jobs ON jobs.id = job_id WHERE filed = 0 OR state = 'quarantined' OR "
            "(state = 'done' AND (handed_over = 0 OR (duplicate_of = '' AND updated_at > ?))) "
            "UNION SELECT id FROM jobs WHERE content IS NOT NULL AND filed = 0",
            _stamp(done_after),
        )
        return frozenset(row["drop_id"] for row in found)

    def done_before(self, moment: datetime) -> tuple[Job, ...]:
        """Jobs whose report is still kept, oldest first."""
        return self._many(
            "state = 'done' AND duplicate_of = '' AND forgotten = 0 AND updated_at < ? ORDER BY number", _stamp(moment)
        )

    def read_before(self, content: str, fingerprint: str) -> Job | None:
        """The first job with the same content that these models have read."""
        found = self._many("content = ? AND state = 'done' AND duplicate_of = '' ORDER BY number", content)
        return next((job for job in found if job.result and job.result.fingerprint == fingerprint), None)

    def with_report(self, report_id: str) -> Job | None:
        return self._one("report_id = ? AND duplicate_of = '' ORDER BY number LIMIT 1", report_id)

    def newest(self, limit: int, offset: int = 0, *states: State) -> tuple[Job, ...]:
        """What a person would call a study: a drop that became part of another is listed only when asked for."""
        where = f"state IN ({_marks(states)})" if states else "state != 'joined'"
        return self._many(f"{where} ORDER BY number DESC LIMIT ? OFFSET ?", *states, limit, offset)

    def search(self, wanted: Search, limit: int, offset: int = 0) -> tuple[tuple[Job, ...], int]:
        """Newest first, and how many there are in all."""
        clauses, values = _clauses(wanted)
        where = " AND ".join(clauses) or "1"
        total = int(self._rows(f"SELECT COUNT(*) AS n FROM jobs WHERE {where}", *values)[0]["n"])
        return self._many(f"{where} ORDER BY number DESC LIMIT ? OFFSET ?", *values, limit, offset), total

    def copies_of(self, job_id: str) -> tuple[Job, ...]:
        """Jobs whose images were the same, so that they show this one's report."""
        return self._many("duplicate_of = ? ORDER BY number", job_id)

    def count(self, *states: State) -> int:
        where = f"WHERE state IN ({_marks(states)})" if states else ""
        return int(self._rows(f"SELECT COUNT(*) AS n FROM jobs {where}", *states)[0]["n"])

    def history(self, job_id: str) -> tuple[Transition, ...]:
        found = self._rows("SELECT * FROM transitions WHERE job_id = ? ORDER BY number", job_id)
        return tuple(transition_of(row) for row in found)

    def transitions_after(self, number: int, limit: int = 100) -> tuple[Transition, ...]:
        found = self._rows("SELECT * FROM transitions WHERE number > ? ORDER BY number LIMIT ?", number, limit)
        return tuple(transition_of(r) for r in found)

    def last_transition(self) -> int:
        return int(self._rows("SELECT COALESCE(MAX(number), 0) AS n FROM transitions")[0]["n"])

    def version(self) -> tuple[int, int]:
        """Another one after every change, whoever made it: what was drawn from the ledger before is then old."""
        with self._lock, self._translated():
            return int(self._db.execute("PRAGMA data_version").fetchone()[0]), self._db.total_changes

    # -- alarms and facts ---------------------------------------------------------------------------------------

    def raise_alarm(self, part: str, code: str, message: str, action: str, now: datetime) -> None:
        """Since its first raising; raised again it only renews its words."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO alarms VALUES (?, ?, ?, ?, ?) ON CONFLICT (code, part) DO UPDATE SET "
                "message = excluded.message, action = excluded.action",
                (code, part, message, action, _stamp(now)),
            )

    def clear_alarms(self, part: str) -> None:
        """All that this part raised, in this process or an earlier one."""
        with self.transaction() as db:
            db.execute("DELETE FROM alarms WHERE part = ?", (part,))

    def alarms(self) -> tuple[Alarm, ...]:
        found = self._rows(
            "SELECT code, message, action, MIN(since) AS since FROM alarms GROUP BY code ORDER BY since, code"
        )
        return tuple(Alarm(r["code"], r["message"], r["action"], datetime.fromisoformat(r["since"])) for r in found)

    def set_fact(self, name: str, value: Any) -> None:
        """Something one part tells the others, as `reader`: models and device."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, json.dumps(value)),
            )

    def fact(self, name: str) -> Any:
        found = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return json.loads(found[0]["value"]) if found else None

    # -- inside -------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        verdict = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"malformed: {verdict}")

    def _migrate(self) -> None:
        """Version by version, each in one transaction; a copy of the old file stays beside it."""
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise SystemicError(
                Code.LEDGER,
                f"The ledger was written by a newer version (schema {version}).",
                "Install that version again, or restore a backup.",
            )
        if 0 < version < SCHEMA_VERSION:
            beside = sqlite3.connect(self._path.with_name(f"{self._path.name}.schema-{version}"))
            self._db.backup(beside)
            beside.close()
        for number, script in enumerate(VERSIONS, start=1):
            with self.transaction() as db:  # another part of the box may be doing the same in this moment
                if db.execute("PRAGMA user_version").fetchone()[0] < number:
                    for statement in filter(str.strip, script.split(";")):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {number}")
        with self.transaction() as db:
            for statement in _INDEXES:
                db.execute(statement)

    def _move(self, job_id: str, event: Event, now: datetime, note: str = "", **columns: Any) -> Job:
        with self.transaction() as db:
            state = after(self.job(job_id).state, event)
            values = {"state": state, "updated_at": _stamp(now), **columns}
            sets = ", ".join(f"{column} = ?" for column in values)
            db.execute(f"UPDATE jobs SET {sets} WHERE id = ?", (*values.values(), job_id))
            self._note(job_id, now, event, state, note)
            return self.job(job_id)

    def _add_images(self, drop_id: str, images: Iterable[Image]) -> None:
        self._db.executemany(
            "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(drop_id, i.file, i.study_uid, i.series_uid, i.sop_uid, i.role, i.modality, i.digest) for i in images],
        )

    def _again(self, job_id: str, event: Event, entry: str, now: datetime) -> Job:
        """From the beginning: nothing that was found in its files counts any more."""
        with self.transaction() as db:
            db.execute("DELETE FROM parts WHERE job_id = ?", (job_id,))
            db.execute("DELETE FROM claims WHERE drop_id = ?", (job_id,))
            return self._move(
                job_id, event, now, entry=entry, source=Source.SHARE, attempts=0, filed=0, filed_as="", reason=None,
                content=None, study_uid="", images=0, missing="", due_at=None, hurried=0, revises="",
            )  # fmt: skip

    def _note(self, job_id: str, now: datetime, event: Event, state: State, note: str) -> None:
        self._db.execute(
            "INSERT INTO transitions (job_id, at, event, state, note) VALUES (?, ?, ?, ?, ?)",
            (job_id, _stamp(now), event, state, note),
        )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as exc:
            damaged = not isinstance(exc, sqlite3.OperationalError) and any(word in str(exc) for word in CORRUPT)
            self._damaged = self._damaged or damaged
            raise (DamagedLedgerError if damaged else SystemicError)(
                Code.LEDGER, f"The ledger cannot be used: {exc}", "Check the box's disk: is it full, read-only or failing?"
            ) from exc

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock, self._translated():
            return self._db.execute(query, values).fetchall()

    def _one(self, where: str, *values: Any) -> Job | None:
        found = self._many(where, *values)
        return found[0] if found else None

    def _many(self, where: str, *values: Any) -> tuple[Job, ...]:
        return tuple(job_of(row) for row in self._rows(f"SELECT * FROM jobs WHERE {where}", *values))


def _clauses(wanted: Search) -> tuple[list[str], list[Any]]:
    """Days compare as text: every stamp is the box's local time, which begins with its day."""
    found: list[tuple[str, tuple[Any, ...]]] = []
    if wanted.states:
        found.append((f"state IN ({_marks(wanted.states)})", wanted.states))
    if wanted.worst:
        found.append((f"{_WORST} = ?", (wanted.worst,)))
    if wanted.since:
        found.append(("updated_at >= ?", (wanted.since,)))
    if wanted.until:
        found.append(("updated_at < ?", ((date.fromisoformat(wanted.until) + timedelta(days=1)).isoformat(),)))
    if wanted.name:
        found.append(("instr(lower(name), lower(?))", (wanted.name,)))
    if wanted.ids is not None:
        found.append((f"id IN ({_marks(wanted.ids)})", wanted.ids))
    return [clause for clause, _ in found], [value for _, values in found for value in values]


def _stamp(now: datetime) -> str:
    return now.isoformat()


def _marks(values: tuple[Any, ...]) -> str:
    return ", ".join("?" * len(values))
