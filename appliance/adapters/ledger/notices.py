"""What the parts tell each other and people through the ledger: alarms, and facts by name."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from appliance.adapters.ledger.ledger_file import LedgerFile, stamp
from appliance.core.health import Alarm


class Notices(LedgerFile):
    """An alarm stands until the part that raised it takes it back."""

    def raise_alarm(self, part: str, code: str, message: str, action: str, now: datetime) -> None:
        """Since its first raising; raised again it only renews its words."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO alarms VALUES (?, ?, ?, ?, ?) ON CONFLICT (code, part) DO UPDATE SET "
                "message = excluded.message, action = excluded.action",
                (code, part, message, action, stamp(now)),
            )

    def clear_alarms(self, part: str) -> None:
        """All that this part raised, in this process or an earlier one."""
        with self.transaction() as db:
            db.execute("DELETE FROM alarms WHERE part = ?", (part,))

    def alarms(self) -> tuple[Alarm, ...]:
        found = self.rows(
            "SELECT code, message, action, MIN(since) AS since FROM alarms GROUP BY code ORDER BY since, code"
        )
        return tuple(Alarm(r["code"], r["message"], r["action"], datetime.fromisoformat(r["since"])) for r in found)

    def set_fact(self, name: str, value: Any) -> None:
        """Something one part tells the others, as `reader`: models and device."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO facts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (name, json.dumps(value)),
            )

    def fact(self, name: str) -> Any:
        found = self.rows("SELECT value FROM facts WHERE name = ?", name)
        return json.loads(found[0]["value"]) if found else None
