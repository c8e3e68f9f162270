"""The ledger: one SQLite file that knows every job, its state and its history. Local disk only, never the share.

Each transition is one committed transaction (`synchronous=FULL`), checked against the table in `core/jobs.py`. The
parts of the box are coupled by this file alone, so each of them can die and be started again by itself.

    ledger_file.py    the file: opened, checked, brought up to date
    queries.py        questions about jobs, drops and images
    notices.py        alarms, and what one part tells the others
    transitions.py    a job's way, step by step
"""

from __future__ import annotations

from appliance.adapters.ledger.ledger_file import DamagedLedgerError
from appliance.adapters.ledger.transitions import Transitions

__all__ = ["DamagedLedgerError", "Ledger"]


class Ledger(Transitions):
    """The whole. Safe to share between threads: one connection, one lock, short transactions."""
