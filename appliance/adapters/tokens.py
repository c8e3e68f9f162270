"""Bearer tokens for programs: made by an administrator, shown once, kept as a hash. A SQLite file of their own."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.errors import Code, SystemicError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tokens (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, hash TEXT NOT NULL UNIQUE, made_by TEXT NOT NULL,
    made_at TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of one; the token itself is not."""

    number: int
    name: str
    made_by: str
    made_at: datetime


class Tokens:
    """Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        with self._database():
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.executescript(_SCHEMA)
        path.chmod(0o600)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def make(self, name: str, made_by: str, now: datetime) -> str:
        """The token, this once."""
        token = secrets.token_urlsafe(32)
        with self._lock, self._database():
            self._db.execute(
                "INSERT INTO tokens (name, hash, made_by, made_at) VALUES (?, ?, ?, ?)",
                (name, _hash(token), made_by, now.isoformat()),
            )
        return token

    def find(self, token: str) -> Token | None:
        """Looked up by its hash, so that the time it takes tells nothing."""
        return next(iter(self._many("WHERE hash = ?", _hash(token))), None)

    def all(self) -> tuple[Token, ...]:
        """Newest first."""
        return self._many("ORDER BY number DESC")

    def revoke(self, number: int) -> bool:
        """False when there is none of this number."""
        with self._lock, self._database():
            return self._db.execute("DELETE FROM tokens WHERE number = ?", (number,)).rowcount == 1

    def _many(self, where: str, *values: object) -> tuple[Token, ...]:
        with self._lock, self._database():
            rows = self._db.execute(f"SELECT number, name, made_by, made_at FROM tokens {where}", values).fetchall()
        return tuple(Token(n, name, by, datetime.fromisoformat(at)) for n, name, by, at in rows)

    @contextmanager
    def _database(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise SystemicError(
                Code.LEDGER, f"The tokens cannot be used: {exc}", "Check the box's disk: is it full or read-only?"
            ) from exc


def _hash(token: str) -> str:
    """A fast hash is enough: a token is 256 random bits, not a word a person chose."""
    return hashlib.sha256(token.encode()).hexdigest()
