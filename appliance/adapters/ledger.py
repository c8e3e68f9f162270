"""The ledger: one SQLite file that knows every job, its state and its history. Local disk only, never the share.

Each transition is one committed transaction (`synchronous=FULL`), checked against the table in `core/jobs.py`. The
parts of the box are coupled by this file alone, so each of them can die and be started again by itself.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from appliance.core.health import Alarm
from appliance.core.jobs import Event, Job, Manifest, Reason, Result, Search, Source, State, Transition, after
from appliance.errors import Code, SystemicError

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE jobs (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, source TEXT NOT NULL, state TEXT NOT NULL,
    entry TEXT NOT NULL DEFAULT '', created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
    content TEXT, files INTEGER, bytes INTEGER, attempts INTEGER NOT NULL DEFAULT 0,
    stage TEXT NOT NULL DEFAULT '', fraction REAL NOT NULL DEFAULT 0,
    reason TEXT, result TEXT, report_id TEXT, duplicate_of TEXT NOT NULL DEFAULT '',
    handed_over INTEGER NOT NULL DEFAULT 0, filed INTEGER NOT NULL DEFAULT 0, filed_as TEXT NOT NULL DEFAULT ''
);
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_by_content ON jobs (content);
CREATE INDEX jobs_by_report ON jobs (report_id);
CREATE TABLE transitions (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL, at TEXT NOT NULL, event TEXT NOT NULL,
    state TEXT NOT NULL, note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX transitions_by_job ON transitions (job_id);
CREATE TABLE alarms (
    code TEXT NOT NULL, part TEXT NOT NULL, message TEXT NOT NULL, action TEXT NOT NULL, since TEXT NOT NULL,
    PRIMARY KEY (code, part)
);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
_WORST = "json_extract(result, '$.worst')"
_INDEXES = f"""
CREATE INDEX IF NOT EXISTS jobs_by_worst ON jobs ({_WORST}, number);
CREATE INDEX IF NOT EXISTS jobs_by_day ON jobs (updated_at);
CREATE INDEX IF NOT EXISTS jobs_by_original ON jobs (duplicate_of);
"""
"""For what is asked of the history; made at every start, so that they need no schema of their own."""


class Ledger:
    """Safe to share between threads: one connection, one lock, short transactions."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        with _translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            path.chmod(0o600)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._migrate()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # -- one job's way ------------------------------------------------------------------------------------------

    def receive(self, job_id: str, name: str, entry: str, source: Source, now: datetime) -> Job:
        """A new job, first seen."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO jobs (id, name, entry, source, state, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (job_id, name, entry, source, State.RECEIVED, _stamp(now), _stamp(now)),
            )
            self._note(job_id, now, Event.SEEN, State.RECEIVED, "")
        return self.job(job_id)

    def withdraw(self, job_id: str) -> None:
        """The drop was taken away again before it was complete: as if it had never been."""
        with self._transaction() as db:
            db.execute("DELETE FROM jobs WHERE id = ? AND state IN ('received', 'settling')", (job_id,))

    def changed(self, job_id: str, now: datetime) -> Job:
        return self._move(job_id, Event.CHANGED, now)

    def claimed(self, job_id: str, manifest: Manifest, now: datetime) -> Job:
        """Copied whole into the spool: waits to be read."""
        return self._move(
            job_id, Event.CLAIMED, now, content=manifest.content, files=manifest.files, bytes=manifest.bytes
        )

    def take(self, now: datetime) -> Job | None:
        """The job that has waited longest becomes `reading`; its attempt is counted before the work starts."""
        if not self.count(State.QUEUED):
            return None
        with self._transaction() as db:
            row = db.execute("SELECT id, attempts FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1").fetchone()
            if row is None:
                return None
            return self._move(row["id"], Event.TAKEN, now, attempts=row["attempts"] + 1, stage="", fraction=0.0)

    def read(self, job_id: str, result: Result, duplicate_of: str, now: datetime) -> Job:
        return self._move(
            job_id,
            Event.READ,
            now,
            result=json.dumps(asdict(result)),
            report_id=result.report_id,
            duplicate_of=duplicate_of,
            handed_over=int(bool(duplicate_of)),
            stage="",
            fraction=1.0,
        )

    def revised(self, job_id: str, result: Result, now: datetime) -> Job:
        """A person changed the report: its new revision is handed over like the first."""
        told = {"result": json.dumps(asdict(result)), "handed_over": 0}
        return self._move(job_id, Event.REVISED, now, f"revision {result.revision}", **told)

    def refuse(self, job_id: str, reason: Reason, now: datetime) -> Job:
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
        with self._lock, _translated():
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("UPDATE jobs SET stage = ?, fraction = ? WHERE id = ?", (stage, fraction, job_id))
            self._db.execute("PRAGMA synchronous=FULL")

    def handed_over(self, job_id: str) -> None:
        with self._transaction() as db:
            db.execute("UPDATE jobs SET handed_over = 1 WHERE id = ?", (job_id,))

    def filing(self, job_id: str, filed_as: str) -> Job:
        """Where its files are about to go: written down before anything moves."""
        with self._transaction() as db:
            db.execute("UPDATE jobs SET filed_as = ? WHERE id = ?", (filed_as, job_id))
        return self.job(job_id)

    def filed(self, job_id: str) -> None:
        with self._transaction() as db:
            db.execute("UPDATE jobs SET filed = 1 WHERE id = ?", (job_id,))

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
        found = self._many("state IN ('received', 'settling') AND source = 'share'")
        return {job.entry: job for job in found}

    def unfinished_business(self) -> tuple[Job, ...]:
        """Read or refused, but the result not handed over or the files not moved: what a power cut may leave."""
        return self._many(
            "(state = 'done' AND (handed_over = 0 OR filed = 0)) OR "
            "(state IN ('failed', 'quarantined') AND filed = 0) ORDER BY number LIMIT 100"
        )

    def entries_being_worked_on(self) -> frozenset[str]:
        """Entries of the drop area that are claimed and not yet moved away: not new drops."""
        found = self._rows(
            "SELECT entry FROM jobs WHERE filed = 0 AND source = 'share' AND state NOT IN ('received', 'settling')"
        )
        return frozenset(row["entry"] for row in found)

    def read_before(self, content: str, fingerprint: str) -> Job | None:
        """The first job with the same content that these models have read."""
        found = self._many("content = ? AND state = 'done' AND duplicate_of = '' ORDER BY number", content)
        return next((job for job in found if job.result and job.result.fingerprint == fingerprint), None)

    def with_report(self, report_id: str) -> Job | None:
        return self._one("report_id = ? AND duplicate_of = '' ORDER BY number LIMIT 1", report_id)

    def newest(self, limit: int, offset: int = 0, *states: State) -> tuple[Job, ...]:
        where = f"state IN ({_marks(states)})" if states else "1"
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
        return tuple(
            _transition(r) for r in self._rows("SELECT * FROM transitions WHERE job_id = ? ORDER BY number", job_id)
        )

    def transitions_after(self, number: int, limit: int = 100) -> tuple[Transition, ...]:
        found = self._rows("SELECT * FROM transitions WHERE number > ? ORDER BY number LIMIT ?", number, limit)
        return tuple(_transition(r) for r in found)

    def last_transition(self) -> int:
        return int(self._rows("SELECT COALESCE(MAX(number), 0) AS n FROM transitions")[0]["n"])

    def version(self) -> tuple[int, int]:
        """Another one after every change, whoever made it: what was drawn from the ledger before is then old."""
        with self._lock, _translated():
            return int(self._db.execute("PRAGMA data_version").fetchone()[0]), self._db.total_changes

    # -- alarms and facts ---------------------------------------------------------------------------------------

    def raise_alarm(self, part: str, code: str, message: str, action: str, now: datetime) -> None:
        """Since its first raising; raised again it only renews its words."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO alarms VALUES (?, ?, ?, ?, ?) ON CONFLICT (code, part) DO UPDATE SET "
                "message = excluded.message, action = excluded.action",
                (code, part, message, action, _stamp(now)),
            )

    def clear_alarms(self, part: str) -> None:
        """All that this part raised, in this process or an earlier one."""
        with self._transaction() as db:
            db.execute("DELETE FROM alarms WHERE part = ?", (part,))

    def alarms(self) -> tuple[Alarm, ...]:
        found = self._rows(
            "SELECT code, message, action, MIN(since) AS since FROM alarms GROUP BY code ORDER BY since, code"
        )
        return tuple(Alarm(r["code"], r["message"], r["action"], datetime.fromisoformat(r["since"])) for r in found)

    def set_fact(self, name: str, value: Any) -> None:
        """Something one part tells the others, as `reader`: models and device."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, json.dumps(value)),
            )

    def fact(self, name: str) -> Any:
        found = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return json.loads(found[0]["value"]) if found else None

    # -- inside -------------------------------------------------------------------------------------------------

    def _migrate(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise SystemicError(
                Code.LEDGER,
                f"The ledger was written by a newer version (schema {version}).",
                "Install that version again, or restore a backup.",
            )
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        self._db.executescript(_INDEXES)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, _translated():
            nested = self._db.in_transaction
            if nested:
                yield self._db
                return
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _move(self, job_id: str, event: Event, now: datetime, note: str = "", **columns: Any) -> Job:
        with self._transaction() as db:
            state = after(self.job(job_id).state, event)
            values = {"state": state, "updated_at": _stamp(now), **columns}
            sets = ", ".join(f"{column} = ?" for column in values)
            db.execute(f"UPDATE jobs SET {sets} WHERE id = ?", (*values.values(), job_id))
            self._note(job_id, now, event, state, note)
            return self.job(job_id)

    def _again(self, job_id: str, event: Event, entry: str, now: datetime) -> Job:
        return self._move(
            job_id, event, now, entry=entry, source=Source.SHARE, attempts=0, filed=0, filed_as="", reason=None
        )

    def _note(self, job_id: str, now: datetime, event: Event, state: State, note: str) -> None:
        self._db.execute(
            "INSERT INTO transitions (job_id, at, event, state, note) VALUES (?, ?, ?, ?, ?)",
            (job_id, _stamp(now), event, state, note),
        )

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock, _translated():
            return self._db.execute(query, values).fetchall()

    def _one(self, where: str, *values: Any) -> Job | None:
        found = self._many(where, *values)
        return found[0] if found else None

    def _many(self, where: str, *values: Any) -> tuple[Job, ...]:
        return tuple(_job(row) for row in self._rows(f"SELECT * FROM jobs WHERE {where}", *values))


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


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as exc:
        raise SystemicError(
            Code.LEDGER, f"The ledger cannot be used: {exc}", "Check the box's disk: is it full, read-only or failing?"
        ) from exc


def _job(row: sqlite3.Row) -> Job:
    return Job(
        id=row["id"],
        name=row["name"],
        source=Source(row["source"]),
        state=State(row["state"]),
        entry=row["entry"],
        created_at=datetime.fromisoformat(row["created_at"]),
        updated_at=datetime.fromisoformat(row["updated_at"]),
        manifest=Manifest(row["content"], row["files"], row["bytes"]) if row["content"] else None,
        attempts=row["attempts"],
        stage=row["stage"],
        fraction=row["fraction"],
        reason=Reason(**json.loads(row["reason"])) if row["reason"] else None,
        result=Result(**json.loads(row["result"])) if row["result"] else None,
        duplicate_of=row["duplicate_of"],
        handed_over=bool(row["handed_over"]),
        filed=bool(row["filed"]),
        filed_as=row["filed_as"],
    )


def _transition(row: sqlite3.Row) -> Transition:
    return Transition(
        row["number"],
        row["job_id"],
        datetime.fromisoformat(row["at"]),
        Event(row["event"]),
        State(row["state"]),
        row["note"],
    )


def _stamp(now: datetime) -> str:
    return now.isoformat()


def _marks(values: tuple[Any, ...]) -> str:
    return ", ".join("?" * len(values))
