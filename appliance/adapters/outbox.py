"""Results that wait for the broker. Durable: a row leaves only when the broker has acknowledged it; none is evicted.

Kept beside them: the newest live result, so that a broker that lost its memory can be told it again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.database import Database

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE results (
    number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, study TEXT NOT NULL, body TEXT NOT NULL,
    put_at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, not_before REAL NOT NULL DEFAULT 0
);
CREATE INDEX results_by_study ON results (study, number);
CREATE INDEX results_by_time ON results (put_at, number);
CREATE TABLE kept (name TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
_FROM_FIRST = (
    "ALTER TABLE results RENAME TO first;",
    "INSERT INTO results (number, id, study, body, put_at) "
    "SELECT number, id, id, body, CAST(strftime('%s', put_at) AS REAL) FROM first; DROP TABLE first;",
)
"""The first boxes' outbox had neither studies nor refusals."""
_SENDABLE = """
SELECT number, id, body, put_at, tries FROM results AS r
WHERE number NOT IN ({marks}) AND not_before <= ? {live}
AND NOT EXISTS (SELECT 1 FROM results AS e WHERE e.study = r.study AND e.number < r.number)
ORDER BY {order} LIMIT ?
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One result not yet acknowledged. `tries`: how often the broker refused it."""

    number: int
    id: str
    body: dict[str, Any]
    put_at: datetime
    tries: int


class Outbox:
    """Safe to share between threads and processes. `put` twice with one id keeps the first."""

    def __init__(self, path: Path) -> None:
        self._db = Database(path, "The outbox cannot be used: {why}", durable=True)
        self.close = self._db.close
        with self._db.held() as db:
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                first = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'results'").fetchone()
                before, after = _FROM_FIRST if first else ("", "")
                script = f"{before} {_SCHEMA} {after} PRAGMA user_version = {SCHEMA_VERSION};"
                db.executescript(f"BEGIN IMMEDIATE; {script} COMMIT;")

    def put(self, result_id: str, study: str, body: Mapping[str, Any], now: datetime) -> None:
        """On disk when this returns. Results of one `study` leave in the order they were put."""
        self._db.rows(
            "INSERT OR IGNORE INTO results (id, study, body, put_at) VALUES (?, ?, ?, ?)",
            result_id,
            study,
            json.dumps(body),
            now.timestamp(),
        )

    def sendable(self, limit: int, sending: Collection[int], since: datetime | None, now: datetime) -> tuple[Waiting, ...]:
        """The oldest that may go now: not one being sent, none before an earlier one of its study; with `since`, only
        those put since then. The reader's clock may be as much ahead as `since` lies behind: it puts while `now` ages."""
        span = (since.timestamp(), (now + (now - since)).timestamp()) if since is not None else ()
        live, order = ("AND put_at BETWEEN ? AND ?", "put_at, number") if span else ("", "number")
        query = _SENDABLE.format(marks=", ".join("?" * len(sending)), live=live, order=order)
        rows = self._db.rows(query, *sending, now.timestamp(), *span, limit)
        return tuple(_waiting(row) for row in rows)

    def oldest(self, limit: int) -> tuple[Waiting, ...]:
        """In the order they were put, for people to look at."""
        rows = self._db.rows("SELECT number, id, body, put_at, tries FROM results ORDER BY number LIMIT ?", limit)
        return tuple(_waiting(row) for row in rows)

    def acknowledged(self, numbers: Collection[int]) -> None:
        """The broker has them: they leave, together."""
        self._db.rows(f"DELETE FROM results WHERE number IN ({', '.join('?' * len(numbers))})", *numbers)

    def put_off(self, number: int, until: datetime) -> None:
        """The broker refused it: it stays, and lets others go first."""
        self._db.rows(
            "UPDATE results SET tries = tries + 1, not_before = ? WHERE number = ?", until.timestamp(), number
        )

    def put_off_ended(self) -> None:
        """Whatever was refused may be tried again at once: another connection, or other access rules."""
        self._db.rows("UPDATE results SET not_before = 0 WHERE not_before > 0")

    def holds(self, result_id: str) -> bool:
        """Whether a result still waits for the broker."""
        return bool(self._db.rows("SELECT 1 FROM results WHERE id = ?", result_id))

    def count(self) -> int:
        return int(self._db.rows("SELECT COUNT(*) FROM results")[0][0])

    def since(self) -> datetime | None:
        """When the oldest was put here; None when nothing waits."""
        found = self._db.rows("SELECT put_at FROM results ORDER BY number LIMIT 1")
        return _time(found[0][0]) if found else None

    def keep_last(self, body: Mapping[str, Any]) -> None:
        """The newest live result that was sent."""
        self._db.rows("INSERT OR REPLACE INTO kept VALUES ('last', ?)", json.dumps(body))

    def last(self) -> dict[str, Any] | None:
        found = self._db.rows("SELECT body FROM kept WHERE name = 'last'")
        return dict(json.loads(found[0][0])) if found else None


def _waiting(row: Any) -> Waiting:
    number, result_id, body, put_at, tries = row
    return Waiting(number, result_id, json.loads(body), _time(put_at), tries)


def _time(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp).astimezone()
