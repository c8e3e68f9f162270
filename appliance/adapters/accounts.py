"""Who may use the page: names and scrypt hashes in a SQLite file of their own. There is no default password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

from appliance.core.roles import Role
from appliance.database import Database

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
CREATE INDEX IF NOT EXISTS audit_by_who ON audit (who, number);
CREATE TABLE IF NOT EXISTS kiosk (only INTEGER PRIMARY KEY CHECK (only = 1), hash TEXT NOT NULL);
"""

_NOT_LAST = "(role <> 'administrator' OR (SELECT COUNT(*) FROM users WHERE role = 'administrator') > 1)"


@dataclass(frozen=True, slots=True)
class User:
    """`stamp` changes with the password, so that old sessions end with it."""

    name: str
    role: Role
    stamp: str


class Accounts:
    """Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        self._nobody = generate_password_hash("nobody has this password", "scrypt")
        self._db = Database(path, "The accounts cannot be used: {why}", _SCHEMA)
        self.close = self._db.close

    def is_empty(self) -> bool:
        return not self._db.rows("SELECT 1 FROM users LIMIT 1")

    def add_first(self, name: str, password: str) -> bool:
        """The administrator. False when somebody is there already."""
        hashed = generate_password_hash(password, "scrypt")
        return self._changed(
            "INSERT INTO users (name, hash, role) SELECT ?, ?, 'administrator' WHERE NOT EXISTS (SELECT 1 FROM users)",
            name,
            hashed,
        )

    def find(self, name: str) -> User | None:
        rows = self._db.rows("SELECT name, role, hash FROM users WHERE name = ?", name)
        return _user(rows[0]) if rows else None

    def all(self) -> tuple[User, ...]:
        """By name."""
        return tuple(_user(row) for row in self._db.rows("SELECT name, role, hash FROM users ORDER BY name"))

    def add(self, name: str, password: str, role: Role) -> bool:
        """False when the name is taken."""
        hashed = generate_password_hash(password, "scrypt")
        return self._changed("INSERT OR IGNORE INTO users (name, hash, role) VALUES (?, ?, ?)", name, hashed, role.value)

    def set_password(self, name: str, password: str) -> bool:
        """Ends the sessions of the old one, and any lock."""
        hashed = generate_password_hash(password, "scrypt")
        return self._changed("UPDATE users SET hash = ?, failures = 0, locked_until = '' WHERE name = ?", hashed, name)

    def set_role(self, name: str, role: Role) -> bool:
        """False for the last administrator, who stays one."""
        spared = "" if role is Role.ADMINISTRATOR else f" AND {_NOT_LAST}"
        return self._changed(f"UPDATE users SET role = ? WHERE name = ?{spared}", role.value, name)

    def remove(self, name: str) -> bool:
        """False for the last administrator. What they did stays in the audit."""
        return self._changed(f"DELETE FROM users WHERE name = ? AND {_NOT_LAST}", name)

    def new_kiosk_token(self) -> str:
        """Opens the view for the wall, and nothing else; the one before no longer does."""
        token = secrets.token_urlsafe(18)
        self._changed("INSERT OR REPLACE INTO kiosk VALUES (1, ?)", _digest(token))
        return token

    def end_kiosk(self) -> None:
        self._changed("DELETE FROM kiosk")

    def has_kiosk(self) -> bool:
        return bool(self._db.rows("SELECT 1 FROM kiosk"))

    def opens_kiosk(self, token: str) -> bool:
        found = self._db.rows("SELECT hash FROM kiosk")
        return bool(found) and hmac.compare_digest(found[0][0], _digest(token))

    def login(self, name: str, password: str, now: datetime) -> User | None:
        """None when name or password is wrong, or there were too many tries. As slow for an unknown name."""
        rows = self._db.rows("SELECT hash, failures, locked_until FROM users WHERE name = ?", name)
        hashed, failures, locked = rows[0] if rows else (self._nobody, 0, "")
        right = check_password_hash(hashed, password)
        if not rows or (locked and now < datetime.fromisoformat(locked)):
            return None
        self._count(name, 0 if right else int(failures) + 1, now)
        return self.find(name) if right else None

    def note(self, who: str, what: str, now: datetime) -> None:
        """One line of the audit: who saw or did what."""
        self._changed("INSERT INTO audit (at, who, what) VALUES (?, ?, ?)", now.isoformat(), who, what)

    def audit(self, limit: int, offset: int = 0, who: str = "") -> list[tuple[str, str, str]]:
        """Newest first: when, who, what."""
        where, values = ("WHERE who = ? ", (who,)) if who else ("", ())
        query = f"SELECT at, who, what FROM audit {where}ORDER BY number DESC LIMIT ? OFFSET ?"
        return [(row[0], row[1], row[2]) for row in self._db.rows(query, *values, limit, offset)]

    def _count(self, name: str, failures: int, now: datetime) -> None:
        until = ""
        if failures >= FREE_TRIES:
            until = (now + min(FIRST_LOCK * 2 ** (failures - FREE_TRIES), LONGEST_LOCK)).isoformat()
        self._changed("UPDATE users SET failures = ?, locked_until = ? WHERE name = ?", failures, until, name)

    def _changed(self, query: str, *values: object) -> bool:
        return self._db.affected(query, *values) == 1


def _user(row: tuple[str, ...]) -> User:
    name, role, hashed = row
    return User(name, Role(role), hashed[-12:])


def _digest(token: str) -> str:
    """The token is long and random: it needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
