"""Results that wait for the broker. Durable: a row leaves only when the broker has acknowledged it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.errors import Code, SystemicError


@dataclass(frozen=True, slots=True)
class Waiting:
    """One result not yet acknowledged."""

    number: int
    id: str
    body: dict[str, Any]
    put_at: datetime


class Outbox:
    """Safe to share between threads. `put` twice with one id keeps the first."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        with self._database_errors():
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS results (number INTEGER PRIMARY KEY AUTOINCREMENT, "
                "id TEXT NOT NULL UNIQUE, body TEXT NOT NULL, put_at TEXT NOT NULL)"
            )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def put(self, result_id: str, body: Mapping[str, Any], now: datetime) -> None:
        with self._lock, self._database_errors():
            self._db.execute(
                "INSERT OR IGNORE INTO results (id, body, put_at) VALUES (?, ?, ?)",
                (result_id, json.dumps(body), now.isoformat()),
            )

    def oldest(self, limit: int) -> tuple[Waiting, ...]:
        """In the order they were put."""
        with self._lock, self._database_errors():
            rows = self._db.execute("SELECT number, id, body, put_at FROM results ORDER BY number LIMIT ?", (limit,))
            return tuple(Waiting(n, i, json.loads(b), datetime.fromisoformat(at)) for n, i, b, at in rows)

    def acknowledged(self, number: int) -> None:
        with self._lock, self._database_errors():
            self._db.execute("DELETE FROM results WHERE number = ?", (number,))

    def holds(self, result_id: str) -> bool:
        """Whether a result still waits for the broker."""
        with self._lock, self._database_errors():
            return self._db.execute("SELECT 1 FROM results WHERE id = ?", (result_id,)).fetchone() is not None

    def count(self) -> int:
        with self._lock, self._database_errors():
            return int(self._db.execute("SELECT COUNT(*) FROM results").fetchone()[0])

    @contextmanager
    def _database_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            raise SystemicError(
                Code.LEDGER,
                f"The outbox cannot be used: {exc}",
                "Check the box's disk: is it full, read-only or failing?",
            ) from exc
