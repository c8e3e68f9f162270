"""The ledger opened; when it is damaged, set aside and rebuilt from what lies in the spool and among the reports, loudly.

What cannot be known again: histories, attempts, and which studies were refused. No study is lost by that: what was
copied is in the spool with its card, what was read has its report, and what was not copied still lies on the share.
"""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from appliance.adapters.ledger import DamagedLedgerError, Ledger
from appliance.core.drops import SeenFile
from appliance.core.jobs import Job, Manifest, Result, Source, State
from appliance.errors import Code, InputError
from appliance.gathering import Gathering
from appliance.ports import Inspector, Reports, Spool

log = logging.getLogger(__name__)

PART = "recovery"
ACTION = "Check the box's disk and its power. Look through today's studies; then restart the box to clear this."
SENT_AGAIN = timedelta(days=1)
"""Results this young are handed to the broker again: nobody knows whether they went out. Subscribers drop doubles by id."""


class Recovery:
    """Needs what the box keeps beside its ledger. `is_there(file)` tells whether a copied file still lies on the share."""

    def __init__(
        self,
        spool: Spool,
        reports: Reports,
        inspector: Inspector,
        gathering: Callable[[Ledger], Gathering],
        is_there: Callable[[SeenFile], bool],
    ) -> None:
        self._spool, self._reports, self._inspector = spool, reports, inspector
        self._gathering, self._is_there = gathering, is_there

    def open(self, path: Path, now: datetime) -> Ledger:
        """Raises SystemicError when even a new one cannot be made."""
        with alone(path.with_name("ledger.lock")):
            try:
                ledger = Ledger(path)
            except DamagedLedgerError as exc:
                aside = _set_aside(path, now)
                log.critical("%s It is set aside as %s and made anew.", exc, aside.name)
                ledger = Ledger(path)
                self._rebuild(ledger, aside.name, now)
            else:
                self._restore_forgotten(ledger, now)
        return ledger

    def _restore_forgotten(self, ledger: Ledger, now: datetime) -> None:
        """A ledger that is whole but older than what lies beside it: a `-wal` was lost, or an old backup put back."""
        unknown = {folder.name for folder, _ in self._reports.folders()} - ledger.ids()
        cards = [card for card in self._reports.cards() if card.get("id") in unknown] if unknown else []
        found = sum(self._restore_report(ledger, card, now) for card in cards)
        for card in cards:
            self._restore_drop(ledger, card["id"], now)
        if found:
            words = f"The ledger had lost its newest part; {found} reports were put back into it."
            log.critical(words)
            ledger.raise_alarm(PART, Code.LEDGER_REBUILT, words, ACTION, now)

    def _rebuild(self, ledger: Ledger, aside: str, now: datetime) -> None:
        reports = [self._restore_report(ledger, card, now) for card in self._reports.cards()]
        drops = [self._restore_drop(ledger, drop_id, now) for drop_id in self._spool.held()]
        words = (
            f"The ledger was damaged. It is kept as {aside}; a new one was made from {sum(reports)} reports and "
            f"{sum(drops)} copied drops."
        )
        log.critical(words)
        ledger.raise_alarm(PART, Code.LEDGER_REBUILT, words, ACTION, now)

    def _restore_report(self, ledger: Ledger, card: Mapping[str, Any], now: datetime) -> bool:
        try:
            job = _job_of_report(card, now)
        except (KeyError, TypeError, ValueError):
            log.exception("a report's card could not be read")
            return False
        ledger.restore(job)
        return True

    def _restore_drop(self, ledger: Ledger, drop_id: str, now: datetime) -> bool:
        card, copies = self._spool.card(drop_id), self._spool.files(drop_id)
        if card is None or not copies:
            return False
        try:
            files = [SeenFile(path, size, mtime_ns) for path, size, mtime_ns in card["files"]]
            images = self._inspector.inspect(copies)
            manifest = Manifest(**card["manifest"])
            known = ledger.find(drop_id)
            if known is not None:
                still_there = any(map(self._is_there, files))
                ledger.restore_drop(drop_id, card["entry"], files if still_there else (), images, filed=not still_there)
                return True
            job = ledger.receive(drop_id, card["name"], card["entry"], Source(card["source"]), now)
            with ledger.transaction():
                claimed = ledger.claimed(job.id, job.entry, manifest, files, images, now)
                self._gathering(ledger).place(claimed, images, False, now)
        except InputError:
            ledger.withdraw(drop_id)  # it was refused before and lies among the failed, or will be again
            return False
        except (KeyError, TypeError, ValueError):
            log.exception("the card of drop %s could not be read", drop_id)
            return False
        return True


def _job_of_report(card: Mapping[str, Any], now: datetime) -> Job:
    done_at = datetime.fromisoformat(card["updated_at"])
    return Job(
        id=card["id"],
        name=card["name"],
        source=Source(card["source"]),
        state=State.DONE,
        created_at=datetime.fromisoformat(card["created_at"]),
        updated_at=done_at,
        manifest=Manifest(**card["manifest"]) if card["manifest"] else None,
        result=Result(**card["result"]),
        study_uid=card["study_uid"],
        images=card["images"],
        revises=card["revises"],
        handed_over=now - done_at > SENT_AGAIN,
        filed=True,
        fraction=1.0,
    )


def _set_aside(path: Path, now: datetime) -> Path:
    aside = path.with_name(f"ledger.damaged-{now:%Y%m%d-%H%M%S}.db")
    for ending in ("", "-wal", "-shm"):
        part = path.with_name(path.name + ending)
        if part.exists():
            part.rename(aside.with_name(aside.name + ending))
    return aside


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """The parts of the box may start at once, each in its own process; one of them rebuilds."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
