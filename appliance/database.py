"""One SQLite file of the box: opened, locked and shared between threads, its troubles told as ours.

Below the adapters, of which several keep a file each: SQLite is what they are made of, not an outside thing that one of
them could own. Nothing else opens a database; what the tables mean is the adapters' business.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from appliance.errors import Code, SystemicError

WAIT_SECONDS = 10
"""For another part of the box that writes in this moment."""
ACTION = "Check the box's disk: is it full, read-only or failing?"


class Database:
    """One connection, one lock, short transactions. Readable by the box alone."""

    def __init__(self, path: Path, complaint: str, schema: str = "", *, durable: bool = False) -> None:
        """`complaint` is what is said of it when it cannot be used, with `{why}` in it; `schema` may be run again.

        `durable`: what is written is on the disk when the call returns, and readers do not wait for writers.
        """
        self.path, self._complaint = path, complaint
        self._lock = threading.RLock()
        with self._translated():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=WAIT_SECONDS)
            path.chmod(0o600)
            if durable:
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(schema)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def held(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone; errors become SystemicError."""
        with self._lock, self._translated():
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything inside is committed together, or not at all. May be nested."""
        with self.held() as db:
            if db.in_transaction:
                yield db
                return
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def rows(self, query: str, *values: Any) -> list[Any]:
        with self.held() as db:
            return db.execute(query, values).fetchall()

    def affected(self, query: str, *values: Any) -> int:
        """How many rows this wrote or took away."""
        with self.held() as db:
            return db.execute(query, values).rowcount

    def trouble(self, exc: Exception) -> SystemicError:
        """What is raised in place of SQLite's own error."""
        return SystemicError(Code.LEDGER, self._complaint.format(why=exc), ACTION)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as exc:
            raise self.trouble(exc) from exc


def snapshot(source: Path, target: Path) -> None:
    """A copy of a database as it is in one moment, also while others write to it. Raises SystemicError."""
    complaint = f"{source.name} cannot be copied"
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=WAIT_SECONDS)) as old,
            closing(sqlite3.connect(target)) as new,
        ):
            target.chmod(0o600)
            old.backup(new)
            new.execute("PRAGMA journal_mode=DELETE")  # one file: nothing of it stays in a -wal beside it
    except (sqlite3.Error, OSError) as exc:
        raise SystemicError(Code.LEDGER, f"{complaint}: {exc}", ACTION) from exc


def fault_of(path: Path) -> str:
    """What SQLite finds wrong with a file; empty when it is whole."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            verdict = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as exc:
        return str(exc)
    return "" if verdict == "ok" else verdict
