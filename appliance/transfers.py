"""Uploads in pieces, so that a cut connection costs one piece and not the study.

The browser names its files first, then sends their bytes one after another as one stream, cut into pieces. The box
knows how far it is; a piece that does not begin there is refused with where it should. A transfer nobody goes on with
is forgotten, and so is everything of it: the spool's half copy and the job that was shown as arriving.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from appliance.core.drops import plain_name
from appliance.core.jobs import Job, Source
from appliance.core.limits import MIB
from appliance.errors import Code, InputError, LumbarboxError
from appliance.gathering import Gathering
from appliance.ports import Inspector, Ledger, Spool

PATIENCE = timedelta(minutes=30)
"""A transfer that stood still this long was given up."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a transfer: in which study, its number there, what the browser calls it, its size in bytes."""

    job_id: str
    number: int
    name: str
    size: int


class WrongOffsetError(Exception):
    """The piece does not begin where the box is; `offset` says where that is."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


@dataclass(slots=True)
class Transfer:
    """One upload on its way; everything but the bytes."""

    id: str
    owner: str
    jobs: dict[str, str]
    """Job id to the study's name."""
    parts: list[Part]
    touched: datetime
    offset: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


class Transfers:
    """Also a part of the box that comes round to forget what was given up."""

    name = "transfers"

    def __init__(
        self, ledger: Ledger, spool: Spool, inspector: Inspector, gathering: Gathering, new_id: Callable[[], str], *,
        most_files: int, most_bytes: int, file_bytes: int,
    ) -> None:  # fmt: skip
        self._ledger, self._spool, self._inspector, self._gathering = ledger, spool, inspector, gathering
        self._new_id = new_id
        self._most_files, self._most_bytes, self._file_bytes = most_files, most_bytes, file_bytes
        self._open: dict[str, Transfer] = {}

    def begin(
        self, owner: str, studies: Sequence[tuple[str, Sequence[tuple[str, int]]]], now: datetime
    ) -> Transfer:
        """`studies`: a name and its files (name, bytes) each. Raises InputError or SystemicError, having kept nothing."""
        self._refuse(studies)
        made = Transfer(self._new_id(), owner, {}, [], now)
        self._open[made.id] = made
        try:
            total = sum(size for _, files in studies for _, size in files)
            for title, files in studies:
                job_id = self._new_id()
                made.jobs[job_id] = plain_name(title)
                self._spool.begin_upload(job_id, total)
                self._ledger.receive(job_id, made.jobs[job_id], "", Source.UPLOAD, now)
                made.parts += [Part(job_id, n, name, size) for n, (name, size) in enumerate(files, start=1) if size]
        except LumbarboxError:
            self._forget(made)
            raise
        return made

    def find(self, transfer_id: str, owner: str) -> Transfer | None:
        found = self._open.get(transfer_id)
        return found if found is not None and found.owner == owner else None

    def add(self, transfer: Transfer, offset: int, data: bytes, now: datetime) -> int:
        """The next piece; returns how far the box is. Raises WrongOffsetError, InputError or SystemicError."""
        with transfer.lock:
            if offset != transfer.offset:
                raise WrongOffsetError(transfer.offset)
            if transfer.offset + len(data) > transfer.size:
                raise InputError(Code.TOO_LARGE, "More was sent than was announced.", "Send the study again.")
            for part, piece in _pieces(transfer, data):
                self._spool.append_upload(part.job_id, part.number, part.name, piece)
                transfer.offset += len(piece)
            transfer.touched = now
            for job_id in transfer.jobs:
                self._ledger.progress(job_id, "upload", transfer.offset / max(transfer.size, 1))
            return transfer.offset

    def finish(self, transfer: Transfer, now: datetime) -> list[Job]:
        """Into the queue, when every byte is there. Raises WrongOffsetError, or SystemicError having kept nothing."""
        with transfer.lock:
            if transfer.offset != transfer.size:
                raise WrongOffsetError(transfer.offset)
            try:
                return [self._claim(job_id, title, now) for job_id, title in transfer.jobs.items()]
            except LumbarboxError:
                self._forget(transfer)
                raise
            finally:
                self._open.pop(transfer.id, None)

    def cancel(self, transfer: Transfer) -> None:
        with transfer.lock:
            self._forget(transfer)

    def step(self, now: datetime) -> bool:
        for transfer in list(self._open.values()):
            if now - transfer.touched > PATIENCE:
                self.cancel(transfer)
        return False

    def fault(self, exc: Exception, now: datetime) -> None:
        """What could not be forgotten now is forgotten at the next round or start."""

    def _claim(self, job_id: str, title: str, now: datetime) -> Job:
        """As `intake.Uploads` takes in a whole form."""
        card = {"id": job_id, "name": title, "entry": "", "source": Source.UPLOAD}
        manifest = self._spool.finish_pieces(job_id, card)
        images = self._inspector.inspect(self._spool.files(job_id))
        with self._ledger.transaction():
            claimed = self._ledger.claimed(job_id, "", manifest, (), images, now)
            self._gathering.place(claimed, images, True, now)
            self._gathering.complete(now)
        return self._ledger.job(job_id)

    def _forget(self, transfer: Transfer) -> None:
        self._open.pop(transfer.id, None)
        for job_id in transfer.jobs:
            self._ledger.withdraw(job_id)
            found = self._ledger.find(job_id)
            if found is None:  # else it is whole already, and waits to be read
                self._spool.discard(job_id)

    def _refuse(self, studies: Sequence[tuple[str, Sequence[tuple[str, int]]]]) -> None:
        files = [file for _, found in studies for file in found]
        if not files:
            raise InputError(Code.EMPTY, "No file was chosen.", "Choose the study's files, its folder or its zip.")
        for title, found in studies:
            if not any(size for _, size in found):
                raise InputError(Code.EMPTY, f"{plain_name(title)} is empty: 0 bytes.", "Copy it again from the scanner.")
        for title, found in studies:
            if len(found) > self._most_files:
                message = f"{plain_name(title)} holds more than {self._most_files} files."
                raise InputError(Code.TOO_LARGE, message, "Send one study at a time.")
        for name, size in files:
            if size > self._file_bytes:
                message = f"{name} is larger than {self._file_bytes // MIB} MB."
                raise InputError(Code.TOO_LARGE, message, "Send the study without that file, or raise limits.file_mb.")
        if sum(size for _, size in files) > self._most_bytes:
            message = f"This is more than {self._most_bytes // MIB} MB."
            raise InputError(Code.TOO_LARGE, message, "Send one study at a time.")


def _pieces(transfer: Transfer, data: bytes) -> list[tuple[Part, bytes]]:
    """`data`, cut where one file ends and the next begins."""
    found, start, at = [], 0, 0
    for part in transfer.parts:
        end = start + part.size
        here = transfer.offset + at
        if start <= here < end and at < len(data):
            piece = data[at : at + end - here]
            found.append((part, piece))
            at += len(piece)
        start = end
    return found
