"""The life of a job, as a table. The ledger keeps it; nothing else changes a state.

received ─▶ settling ─▶ queued ─▶ reading ─▶ done
    │         │  │ ▲      │ ▲  ▲      │ │
    │         │  │ └ grew ┘ │  └──────┘ └─ crashed twice ─▶ quarantined ─▶ (released) received
    │         │  └─ joined  │  interrupted, postponed
    └─ refused ┴─▶ failed ─▶ (retried) received

A job is a drop until it is copied into the spool, and from then on the study that was found in it. `settling` is both:
files that still change, and a study that waits for the rest of its series. A drop that brings more of a study that
waits already becomes part of that job: `joined`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from appliance.core.study import Role

MAX_CRASHES = 2
"""A job that ended the process this many times is quarantined: it would do so for ever."""


PAUSED, READ_FIRST, SELFTEST_WANTED, SELFTEST = "paused", "read_first", "selftest_wanted", "selftest"
"""Facts in the ledger by which one part asks another: read no new study, read this one first, test the models."""

READER_SEEN = "reader_seen"
"""When the part that reads last showed that it lives: what it proved at its start says nothing once it is gone."""


class State(StrEnum):
    RECEIVED = "received"
    SETTLING = "settling"
    QUEUED = "queued"
    READING = "reading"
    DONE = "done"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    JOINED = "joined"
    """Part of another job, which stands for both."""

    @property
    def is_final(self) -> bool:
        return self in (State.DONE, State.FAILED, State.QUARANTINED, State.JOINED)


class Event(StrEnum):
    SEEN = "seen"
    CHANGED = "changed"
    CLAIMED = "claimed"
    """Copied whole into the spool."""
    GREW = "grew"
    """More of the same study came in."""
    JOINED = "joined"
    HURRIED = "hurried"
    """A person said: read it now."""
    COMPLETED = "completed"
    """Nothing more is waited for."""
    TAKEN = "taken"
    READ = "read"
    REFUSED = "refused"
    INTERRUPTED = "interrupted"
    POSTPONED = "postponed"
    CRASHED = "crashed"
    REVISED = "revised"
    RETRIED = "retried"
    RELEASED = "released"


TABLE: dict[tuple[State, Event], State] = {
    (State.RECEIVED, Event.CHANGED): State.SETTLING,
    (State.RECEIVED, Event.CLAIMED): State.SETTLING,
    (State.RECEIVED, Event.HURRIED): State.RECEIVED,
    (State.RECEIVED, Event.REFUSED): State.FAILED,
    (State.SETTLING, Event.CHANGED): State.SETTLING,
    (State.SETTLING, Event.CLAIMED): State.SETTLING,
    (State.SETTLING, Event.GREW): State.SETTLING,
    (State.SETTLING, Event.HURRIED): State.SETTLING,
    (State.SETTLING, Event.JOINED): State.JOINED,
    (State.SETTLING, Event.COMPLETED): State.QUEUED,
    (State.SETTLING, Event.REFUSED): State.FAILED,
    (State.QUEUED, Event.GREW): State.SETTLING,
    (State.QUEUED, Event.TAKEN): State.READING,
    (State.READING, Event.READ): State.DONE,
    (State.READING, Event.REFUSED): State.FAILED,
    (State.READING, Event.INTERRUPTED): State.QUEUED,
    (State.READING, Event.POSTPONED): State.QUEUED,
    (State.READING, Event.CRASHED): State.QUARANTINED,
    (State.DONE, Event.REVISED): State.DONE,
    (State.FAILED, Event.RETRIED): State.RECEIVED,
    (State.QUARANTINED, Event.RELEASED): State.RECEIVED,
}


class WrongTransitionError(ValueError):
    """The event does not belong to the state: a mistake in the program, never in a study."""


def after(state: State, event: Event) -> State:
    """The state `event` leads to; raises WrongTransitionError where the table has no such line."""
    try:
        return TABLE[state, event]
    except KeyError:
        raise WrongTransitionError(f"a {state} job cannot be {event}") from None


class Source(StrEnum):
    SHARE = "share"
    UPLOAD = "upload"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a job did not end well, and what a person does now."""

    code: str
    message: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was copied into the spool. `content` is the same for the same files under whatever names."""

    content: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Result:
    """What the ledger remembers of a report; the report itself lies in its folder."""

    report_id: str
    revision: int
    outcome: str
    worst: str
    """The gravest severity found, empty when nothing was graded."""
    alerts: int
    graded: int
    fingerprint: str
    """Of the models that read it: the same study under other models is read again."""


@dataclass(frozen=True, slots=True)
class Search:
    """What a person looks for among all jobs; empty means any."""

    states: tuple[State, ...] = ()
    worst: str = ""
    """A severity: the gravest the model found."""
    since: str = ""
    """ISO date, the day itself included."""
    until: str = ""
    """ISO date, the day itself included."""
    name: str = ""
    """Part of what the person called it."""
    ids: tuple[str, ...] | None = None
    """Only these; None: any."""


@dataclass(frozen=True, slots=True)
class Job:
    """One drop or upload on its way. `name` is what the person called it; it never leaves the box."""

    id: str
    name: str
    source: Source
    state: State
    created_at: datetime
    updated_at: datetime
    entry: str = ""
    """Its name in the drop area, several loose files with `/` between; empty for an upload and a second study."""
    manifest: Manifest | None = None
    attempts: int = 0
    stage: str = ""
    fraction: float = 0.0
    reason: Reason | None = None
    result: Result | None = None
    duplicate_of: str = ""
    handed_over: bool = False
    filed: bool = False
    filed_as: str = ""
    """Where the originals lie on the share, once filed."""
    study_uid: str = ""
    """Study Instance UID, once claimed; empty where the files name none."""
    images: int = 0
    missing: tuple[Role, ...] = ()
    """Of the three series a whole reading needs."""
    due_at: datetime | None = None
    """When a study that waits for the rest is read with what there is."""
    hurried: bool = False
    joined: str = ""
    """The job this drop became part of."""
    revises: str = ""
    """The earlier reading of the same study, which this one supersedes once it is done."""
    superseded_by: str = ""
    forgotten: bool = False
    """Its report was deleted when it was old or space was short."""

    @property
    def entries(self) -> tuple[str, ...]:
        """Names in the drop area."""
        return tuple(name for name in self.entry.split("/") if name)

    @property
    def is_claimed(self) -> bool:
        return self.manifest is not None


@dataclass(frozen=True, slots=True)
class Transition:
    """One line of a job's history."""

    number: int
    job_id: str
    at: datetime
    event: Event
    state: State
    note: str = ""
