"""Who may use the page: names, scrypt hashes and open sessions in a SQLite file of their own. No default password."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from werkzeug.security import check_password_hash, generate_password_hash

from appliance.core import logins
from appliance.core.roles import Role
from appliance.database import Database

FREE_TRIES = 5
FIRST_LOCK = timedelta(seconds=30)
LONGEST_LOCK = timedelta(minutes=15)
FORGIVEN_AFTER = timedelta(days=1)
"""Wrong tries older than this no longer count."""
LEAST_GUESSES_LOG10 = 6.0
"""zxcvbn's own line between what a patient person tries and what needs a machine (its score 2)."""
LONGEST_RATED = 72
"""Characters zxcvbn looks at; more only makes a password stronger."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY COLLATE NOCASE, hash TEXT NOT NULL, role TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS tries (
    name TEXT PRIMARY KEY COLLATE NOCASE, failures INTEGER NOT NULL, at TEXT NOT NULL, locked_until TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sessions (
    hash TEXT PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, until TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS audit (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_by_who ON audit (who, number);
CREATE INDEX IF NOT EXISTS audit_by_what ON audit (who, what, at);
CREATE TABLE IF NOT EXISTS kiosk (only INTEGER PRIMARY KEY CHECK (only = 1), hash TEXT NOT NULL);
"""

_NOT_LAST = "(role <> 'administrator' OR (SELECT COUNT(*) FROM users WHERE role = 'administrator') > 1)"


@dataclass(frozen=True, slots=True)
class User:
    """Whoever may log in."""

    name: str
    role: Role


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
        rows = self._db.rows("SELECT name, role FROM users WHERE name = ?", name)
        return _user(rows[0]) if rows else None

    def all(self) -> tuple[User, ...]:
        """By name."""
        return tuple(_user(row) for row in self._db.rows("SELECT name, role FROM users ORDER BY name"))

    def add(self, name: str, password: str, role: Role) -> bool:
        """False when the name is taken."""
        hashed = generate_password_hash(password, "scrypt")
        return self._changed("INSERT OR IGNORE INTO users (name, hash, role) VALUES (?, ?, ?)", name, hashed, role.value)

    def set_password(self, name: str, password: str) -> bool:
        """Ends the sessions of the old one, and any lock."""
        hashed = generate_password_hash(password, "scrypt")
        with self._db.transaction():
            self._forget(name)
            return self._changed("UPDATE users SET hash = ? WHERE name = ?", hashed, name)

    def set_role(self, name: str, role: Role) -> bool:
        """False for the last administrator, who stays one."""
        spared = "" if role is Role.ADMINISTRATOR else f" AND {_NOT_LAST}"
        return self._changed(f"UPDATE users SET role = ? WHERE name = ?{spared}", role.value, name)

    def remove(self, name: str) -> bool:
        """False for the last administrator. What they did stays in the audit."""
        with self._db.transaction():
            removed = self._changed(f"DELETE FROM users WHERE name = ? AND {_NOT_LAST}", name)
            if removed:
                self._forget(name)
        return removed

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
        rows = self._db.rows("SELECT hash FROM users WHERE name = ?", name)
        right = check_password_hash(rows[0][0] if rows else self._nobody, password)
        if self.locked_for(name, now):
            return None
        if rows and right:
            self._changed("DELETE FROM tries WHERE name = ?", name)
            return self.find(name)
        self._count(name, now)
        return None

    def locked_for(self, name: str, now: datetime) -> timedelta:
        """How long no password opens this name; zero when it is not locked. Names nobody has are locked like others."""
        rows = self._db.rows("SELECT locked_until FROM tries WHERE name = ?", name)
        until = datetime.fromisoformat(rows[0][0]) if rows and rows[0][0] else now
        return max(until - now, timedelta())

    def begin_session(self, name: str, now: datetime, lasts: timedelta) -> str:
        """Its key, this once: only its hash is kept."""
        key = secrets.token_urlsafe(24)
        with self._db.transaction():
            self._changed("DELETE FROM sessions WHERE until <= ?", _utc(now))
            self._changed("INSERT INTO sessions VALUES (?, ?, ?)", _digest(key), name, _utc(now + lasts))
        return key

    def of_session(self, key: str, now: datetime) -> User | None:
        """None for a session that ended: logged out, too old, or its password was changed."""
        query = (
            "SELECT users.name, users.role FROM sessions JOIN users ON users.name = sessions.name "
            "WHERE sessions.hash = ? AND sessions.until > ?"
        )
        rows = self._db.rows(query, _digest(key), _utc(now))
        return _user(rows[0]) if rows else None

    def end_session(self, key: str) -> None:
        self._changed("DELETE FROM sessions WHERE hash = ?", _digest(key))

    def objection(self, name: str, password: str, again: str) -> str:
        """What is wrong with a new password, in words; empty when nothing."""
        return logins.password_objection(password, again) or (logins.TOO_EASY if _is_easy(name, password) else "")

    def note(self, who: str, what: str, now: datetime) -> None:
        """One line of the audit: who saw or did what."""
        self._changed("INSERT INTO audit (at, who, what) VALUES (?, ?, ?)", now.isoformat(), who, what)

    def note_once(self, who: str, what: str, now: datetime, within: timedelta) -> None:
        """`note`, unless the same was noted this short a time ago."""
        query = "SELECT 1 FROM audit WHERE who = ? AND what = ? AND at > ? LIMIT 1"
        if not self._db.rows(query, who, what, (now - within).isoformat()):
            self.note(who, what, now)

    def audit(self, limit: int, offset: int = 0, who: str = "") -> list[tuple[str, str, str]]:
        """Newest first: when, who, what."""
        where, values = ("WHERE who = ? ", (who,)) if who else ("", ())
        query = f"SELECT at, who, what FROM audit {where}ORDER BY number DESC LIMIT ? OFFSET ?"
        return [(row[0], row[1], row[2]) for row in self._db.rows(query, *values, limit, offset)]

    def _count(self, name: str, now: datetime) -> None:
        """One wrong try more."""
        self._changed("DELETE FROM tries WHERE at < ?", _utc(now - FORGIVEN_AFTER))
        rows = self._db.rows("SELECT failures FROM tries WHERE name = ?", name)
        failures, until = (int(rows[0][0]) if rows else 0) + 1, ""
        if failures >= FREE_TRIES:
            until = (now + min(FIRST_LOCK * 2 ** min(failures - FREE_TRIES, 10), LONGEST_LOCK)).isoformat()
        self._changed("INSERT OR REPLACE INTO tries VALUES (?, ?, ?, ?)", name, failures, _utc(now), until)

    def _forget(self, name: str) -> None:
        """Its wrong tries and its sessions."""
        self._changed("DELETE FROM tries WHERE name = ?", name)
        self._changed("DELETE FROM sessions WHERE name = ?", name)

    def _changed(self, query: str, *values: object) -> bool:
        return self._db.affected(query, *values) == 1


def _user(row: tuple[str, ...]) -> User:
    name, role = row
    return User(name, Role(role))


def _is_easy(name: str, password: str) -> bool:
    """Whether it is among the first a person would try who knows the name (NIST SP 800-63B, 5.1.1.2; Wheeler, zxcvbn,
    USENIX Security 2016)."""
    from zxcvbn import zxcvbn  # its word lists are not wanted by the commands that ask for no password

    rated = zxcvbn(password[:LONGEST_RATED], user_inputs=["lumbarbox", name])
    return bool(rated["guesses_log10"] < LEAST_GUESSES_LOG10)


def _utc(at: datetime) -> str:
    """Comparable as text."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _digest(token: str) -> str:
    """The token is long and random: it needs no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
