"""What the page is given: the ports, and the few settings it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import IO, Any, Protocol, cast

from flask import current_app

from appliance.core.health import Health
from appliance.core.jobs import Job
from appliance.ports import Clock, Ledger, Reports


class User(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def stamp(self) -> str: ...


class Accounts(Protocol):
    """See adapters/accounts.py."""

    def is_empty(self) -> bool: ...
    def add_first(self, name: str, password: str) -> bool: ...
    def find(self, name: str) -> User | None: ...
    def login(self, name: str, password: str, now: datetime) -> User | None: ...
    def note(self, who: str, what: str, now: datetime) -> None: ...


class Uploads(Protocol):
    """See intake.py."""

    def accept(self, name: str, files: Iterable[tuple[str, IO[bytes]]], expected_bytes: int, now: datetime) -> Job: ...


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
    facts: Callable[[], Mapping[str, Any]]
    clock: Clock


@dataclass(frozen=True, slots=True)
class PageSettings:
    """`setup_code` is asked for once, when nobody can log in yet; the terminal shows it."""

    secret: bytes
    setup_code: str
    names: tuple[str, ...] = ()
    https: bool = False
    upload_bytes: int = 2 << 30
    session: timedelta = timedelta(hours=12)
    node: str = "box"


def services() -> Services:
    """Of the request at hand."""
    return cast(Services, current_app.extensions["services"])


def settings() -> PageSettings:
    return cast(PageSettings, current_app.extensions["settings"])
