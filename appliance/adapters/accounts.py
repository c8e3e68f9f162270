"""Who may use the page: names and scrypt hashes in a SQLite file of their own. There is no default password."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

from appliance.errors import Code, SystemicError

FREE_TRIES = 5
FIRST_LOCK = timedelta(seconds=30)
LONGEST_LOCK = timedelta(minutes=15)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY COLLATE NOCASE, hash TEXT NOT NULL, role TEXT NOT NULL,
    failures INTEGER NOT NULL DEFAULT 0, locked_until TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class User:
    """`stamp` changes with the password, so that old sessions end with it."""

    name: str
    role: str
    stamp: str


class Accounts:
    """Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._nobody = generate_password_hash("nobody has this password", "scrypt")
        with self._database():
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.executescript(_SCHEMA)
        path.chmod(0o600)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def is_empty(self) -> bool:
        return not self._rows("SELECT 1 FROM users LIMIT 1")

    def add_first(self, name: str, password: str) -> bool:
        """The administrator. False when somebody is there already."""
        hashed = generate_password_hash(password, "scrypt")
        with self._lock, self._database():
            done = self._db.execute(
                "INSERT INTO users (name, hash, role) SELECT ?, ?, 'administrator' WHERE NOT EXISTS (SELECT 1 FROM users)",
                (name, hashed),
            )
            return done.rowcount == 1

    def find(self, name: str) -> User | None:
        rows = self._rows("SELECT name, role, hash FROM users WHERE name = ?", name)
        return User(rows[0][0], rows[0][1], rows[0][2][-12:]) if rows else None

    def login(self, name: str, password: str, now: datetime) -> User | None:
        """None when name or password is wrong, or there were too many tries. As slow for an unknown name."""
        rows = self._rows("SELECT hash, failures, locked_until FROM users WHERE name = ?", name)
        hashed, failures, locked = rows[0] if rows else (self._nobody, 0, "")
        right = check_password_hash(hashed, password)
        if not rows or (locked and now < datetime.fromisoformat(locked)):
            return None
        self._count(name, 0 if right else int(failures) + 1, now)
        return self.find(name) if right else None

    def note(self, who: str, what: str, now: datetime) -> None:
        """One line of the audit: who saw or did what."""
        with self._lock, self._database():
            self._db.execute("INSERT INTO audit (at, who, what) VALUES (?, ?, ?)", (now.isoformat(), who, what))

    def audit(self, limit: int) -> list[tuple[str, str, str]]:
        """Newest first: when, who, what."""
        rows = self._rows("SELECT at, who, what FROM audit ORDER BY number DESC LIMIT ?", limit)
        return [(row[0], row[1], row[2]) for row in rows]

    def _count(self, name: str, failures: int, now: datetime) -> None:
        until = ""
        if failures >= FREE_TRIES:
            until = (now + min(FIRST_LOCK * 2 ** (failures - FREE_TRIES), LONGEST_LOCK)).isoformat()
        with self._lock, self._database():
            self._db.execute("UPDATE users SET failures = ?, locked_until = ? WHERE name = ?", (failures, until, name))

    def _rows(self, query: str, *values: object) -> list[tuple[str, ...]]:
        with self._lock, self._database():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _database(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise SystemicError(
                Code.LEDGER, f"The accounts cannot be used: {exc}", "Check the box's disk: is it full or read-only?"
            ) from exc
