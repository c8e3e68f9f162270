"""Bearer tokens for programs: made by an administrator, shown once, kept as a hash. A SQLite file of their own."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.database import Database

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
        self._db = Database(path, "The tokens cannot be used: {why}", _SCHEMA)
        self.close = self._db.close

    def make(self, name: str, made_by: str, now: datetime) -> str:
        """The token, this once."""
        token = secrets.token_urlsafe(32)
        self._db.rows(
            "INSERT INTO tokens (name, hash, made_by, made_at) VALUES (?, ?, ?, ?)",
            *(name, _hash(token), made_by, now.isoformat()),
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
        return self._db.affected("DELETE FROM tokens WHERE number = ?", number) == 1

    def _many(self, where: str, *values: object) -> tuple[Token, ...]:
        rows = self._db.rows(f"SELECT number, name, made_by, made_at FROM tokens {where}", *values)
        return tuple(Token(n, name, by, datetime.fromisoformat(at)) for n, name, by, at in rows)


def _hash(token: str) -> str:
    """A fast hash is enough: a token is 256 random bits, not a word a person chose."""
    return hashlib.sha256(token.encode()).hexdigest()
