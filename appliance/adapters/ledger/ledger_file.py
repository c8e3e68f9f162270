"""The ledger's file: opened, looked through, and brought up to the schema of this version."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.core.ledger_rows import image_of, job_of, transition_of
from appliance.core.ledger_tables import SCHEMA_VERSION, VERSIONS
from appliance.core.printable import from_text
from appliance.database import ACTION, Database, snapshot
from appliance.errors import Code, SystemicError

WORST = "json_extract(result, '$.worst')"
_INDEXES = f"""
CREATE INDEX IF NOT EXISTS jobs_by_worst ON jobs ({WORST}, number);
CREATE INDEX IF NOT EXISTS jobs_by_day ON jobs (updated_at);
CREATE INDEX IF NOT EXISTS jobs_by_original ON jobs (duplicate_of);
"""
"""For what is asked of the history; made at every start, so that they need no schema of their own."""

CORRUPT = ("malformed", "not a database", "disk image", "Could not decode")
"""How SQLite says that the file itself is damaged, not only out of reach."""


class DamagedLedgerError(SystemicError):
    """The file itself is broken: it must be set aside and made anew."""


class LedgerFile(Database):
    """Knows when it is no longer to be trusted."""

    def __init__(self, path: Path) -> None:
        self._damaged = False
        super().__init__(path, "The ledger cannot be used: {why}", durable=True)
        with self.held() as db:
            db.row_factory = sqlite3.Row
            self._check(db)
            self._migrate(db)
            _read_all(db)
            self._inode = path.stat().st_ino

    @property
    def is_sound(self) -> bool:
        """False once SQLite has called the file damaged, or another part has set it aside: only a restart helps."""
        with suppress(OSError):
            return not self._damaged and self.path.stat().st_ino == self._inode
        return False

    def trouble(self, exc: Exception) -> SystemicError:
        damaged = any(word in str(exc) for word in CORRUPT)
        self._damaged = self._damaged or damaged
        if damaged:
            return DamagedLedgerError(Code.LEDGER, f"The ledger cannot be used: {exc}", ACTION)
        return super().trouble(exc)

    def _check(self, db: sqlite3.Connection) -> None:
        verdict = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"malformed: {verdict}")

    def _migrate(self, db: sqlite3.Connection) -> None:
        """Version by version, each in one transaction; a copy of the old file stays beside it."""
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise SystemicError(
                Code.LEDGER,
                f"The ledger was written by a newer version (schema {version}).",
                "Install that version again, or restore a backup.",
            )
        if 0 < version < SCHEMA_VERSION:
            snapshot(self.path, self.path.with_name(f"{self.path.name}.schema-{version}"))
        for number, script in enumerate(VERSIONS, start=1):
            with self.transaction():  # another part of the box may be doing the same in this moment
                if db.execute("PRAGMA user_version").fetchone()[0] < number:
                    _run(db, script)
                    db.execute(f"PRAGMA user_version = {number}")
        with self.transaction():
            _run(db, _INDEXES)


_EVERY_ROW: dict[str, Callable[[Any], object]] = {
    "SELECT * FROM jobs": job_of,
    "SELECT images.* FROM images JOIN parts USING (drop_id) JOIN jobs ON jobs.id = job_id WHERE filed = 0": image_of,
    "SELECT * FROM transitions ORDER BY number DESC LIMIT 1000": transition_of,
    "SELECT path FROM claims": lambda row: from_text(row["path"]),
    "SELECT value FROM facts": lambda row: json.loads(row["value"]),
    "SELECT since FROM alarms": lambda row: datetime.fromisoformat(row["since"]),
}
"""What the box cannot do without; and how it is understood."""


def _read_all(db: sqlite3.Connection) -> None:
    """Noise may spoil what is written in a file whose structure is whole: SQLite cannot know."""
    try:
        for query, understood in _EVERY_ROW.items():
            for row in db.execute(query):
                understood(row)
    except (ValueError, KeyError, TypeError) as exc:
        raise sqlite3.DatabaseError(f"malformed: {exc}") from exc


def _run(db: sqlite3.Connection, script: str) -> None:
    """Statement by statement: `executescript` would commit what is open."""
    for statement in filter(str.strip, script.split(";")):
        db.execute(statement)


def stamp(moment: datetime) -> str:
    return moment.isoformat()


def marks(values: Iterable[Any]) -> str:
    """A question mark each."""
    return ", ".join("?" for _ in values)
