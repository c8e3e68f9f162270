"""What the page is given: the ports, and the few settings it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Protocol, cast

from flask import current_app

from appliance.core.assistant import Assistant
from appliance.core.health import Health
from appliance.core.jobs import Job
from appliance.core.letterhead import Letterhead
from appliance.core.roles import Role
from appliance.core.study import Patient
from appliance.core.voice import Voice
from appliance.ports import Clock, Ledger, Register, Reports
from appliance.transfers import Transfers


class User(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> Role: ...


class Accounts(Protocol):
    """See adapters/accounts.py."""

    def is_empty(self) -> bool: ...
    def add_first(self, name: str, password: str) -> bool: ...
    def find(self, name: str) -> User | None: ...
    def login(self, name: str, password: str, now: datetime) -> User | None: ...
    def locked_for(self, name: str, now: datetime) -> timedelta: ...
    def begin_session(self, name: str, now: datetime, lasts: timedelta) -> str: ...
    def of_session(self, key: str, now: datetime) -> User | None: ...
    def end_session(self, key: str) -> None: ...
    def objection(self, name: str, password: str, again: str) -> str: ...
    def note(self, who: str, what: str, now: datetime) -> None: ...
    def note_once(self, who: str, what: str, now: datetime, within: timedelta) -> None: ...
    def audit(self, limit: int, offset: int = 0, who: str = "") -> list[tuple[str, str, str]]: ...
    def all(self) -> Sequence[User]: ...
    def add(self, name: str, password: str, role: Role) -> bool: ...
    def set_password(self, name: str, password: str) -> bool: ...
    def set_role(self, name: str, role: Role) -> bool: ...
    def remove(self, name: str) -> bool: ...
    def new_kiosk_token(self) -> str: ...
    def end_kiosk(self) -> None: ...
    def has_kiosk(self) -> bool: ...
    def opens_kiosk(self, token: str) -> bool: ...


class Token(Protocol):
    @property
    def number(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def made_by(self) -> str: ...
    @property
    def made_at(self) -> datetime: ...


class Tokens(Protocol):
    """See adapters/tokens.py."""

    def make(self, name: str, made_by: str, now: datetime) -> str: ...
    def find(self, token: str) -> Token | None: ...
    def all(self) -> Sequence[Token]: ...
    def revoke(self, number: int) -> bool: ...


class Uploads(Protocol):
    """See intake.py."""

    def accept(self, name: str, files: Iterable[tuple[str, IO[bytes]]], expected_bytes: int, now: datetime) -> Job: ...


class Revising(Protocol):
    """See revising.py."""

    def renumber(self, job: Job, shift: int, now: datetime) -> Job: ...


class Pdf(Protocol):
    """See report_folder.py."""

    def __call__(self, report: Mapping[str, Any], folder: Path, whose: Letterhead, voice: Voice) -> bytes: ...


class Dicom(Protocol):
    """See report_folder.py."""

    def __call__(
        self, report: Mapping[str, Any], folder: Path, patient: Patient | None, software: str
    ) -> bytes | None: ...


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a view may touch."""

    ledger: Ledger
    reports: Reports
    uploads: Uploads
    accounts: Accounts
    health: Callable[[], Health]
    try_again: Callable[[Job], Job]
    read_now: Callable[[Job], Job]
    transfers: Transfers
    register: Register
    revising: Revising
    slices: Callable[[Path], Mapping[str, Any] | None]
    """What is known of the slices kept in a report's folder."""
    pdf: Pdf
    dicom: Dicom
    facts: Callable[[], Mapping[str, Any]]
    assistant: Assistant
    tokens: Tokens
    clock: Clock


@dataclass(frozen=True, slots=True)
class PageSettings:
    """`setup_code` is asked for once, when nobody can log in yet; the terminal shows it."""

    secret: bytes
    setup_code: str
    names: tuple[str, ...] = ()
    https: bool = False
    upload_bytes: int = 2 << 30
    upload_files: int = 5000
    file_bytes: int = 1 << 30
    identifiers: bool = False
    """Whether patients' identifiers are kept, and so can be searched."""
    session: timedelta = timedelta(hours=12)
    node: str = "box"


def services() -> Services:
    """Of the request at hand."""
    return cast(Services, current_app.extensions["services"])


def settings() -> PageSettings:
    return cast(PageSettings, current_app.extensions["settings"])
