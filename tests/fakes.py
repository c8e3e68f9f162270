"""Stand-ins for the outside world, and a small box put together of real adapters around them."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from PIL import Image as Picture

from appliance.adapters.inbox import Inbox
from appliance.adapters.ledger import Ledger
from appliance.adapters.outbox import Outbox
from appliance.adapters.receipts import Receipts
from appliance.adapters.register import Register
from appliance.adapters.reports import Reports
from appliance.adapters.shelf import Shelf
from appliance.adapters.slice_files import discard_slices
from appliance.adapters.spool import Spool
from appliance.announcer import Announcer
from appliance.copies import Copies
from appliance.core.commands import VERBS
from appliance.core.drops import Settling
from appliance.core.gathering import Image, Waits
from appliance.core.health import HostFacts
from appliance.core.messages import Message, Topics
from appliance.core.models import ModelIdentity, Vote
from appliance.core.report import Alert, Evidence, Finding, Outcome, Reason, Report, Runtime, Times
from appliance.core.report_csv import to_csv
from appliance.core.report_json import to_json
from appliance.core.second_opinion import disagreement_warning
from appliance.core.spine import CONDITIONS, LEVELS, Condition, Level, Region, Severity
from appliance.core.study import Patient, Role
from appliance.delivery import Delivery, Pace
from appliance.errors import Code, DeliveryError, InputError
from appliance.filing import Filing
from appliance.gathering import Gathering
from appliance.intake import Intake, Uploads, Walls, read_now, try_again
from appliance.orders import Hands, Orders
from appliance.ports import Progress, Reading, ToRead
from appliance.publisher import Publisher
from appliance.pulse import Pulse
from appliance.report_folder import write_again, write_all
from appliance.retention import Keeping, Retention
from appliance.revising import Revising
from appliance.standing import Standing
from appliance.transfers import Transfers
from appliance.vitals import Vitals
from appliance.worker import Worker
from tests.core import make_values

UID_ROOT = "1.2.826.0.1.3680043.2.1125"
WAITS = Waits(series=timedelta(seconds=10), study=timedelta(seconds=60))
MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)


class Clock:
    """Time that moves only when it is told to."""

    def __init__(self, now: datetime = MORNING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float = 1.0) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def report(report_id: str = "r1", *, partly: bool = False, divided: bool = False, now: datetime = MORNING) -> Report:
    """A whole report: the canal of L4/L5 is severe; partly: no axial series, so the recesses are not assessed;
    divided: two models read it and disagree on that canal."""
    findings = tuple(_finding(c, level, partly) for c in CONDITIONS for level in LEVELS)
    if divided:
        findings = tuple(replace(f, votes=_votes(f)) for f in findings)
    return Report(
        report_id=report_id, revision=1, outcome=Outcome.PARTLY_READ if partly else Outcome.READ,
        study_uid=f"{UID_ROOT}.{zlib.crc32(report_id.encode())}", series=(), levels=(), findings=findings,
        alerts=(Alert("severe_canal", "Severe spinal canal stenosis at L4/L5", Level.L4_L5),),
        warnings=disagreement_warning(findings), models=(ModelIdentity("fake-detector", "0", "0" * 64, "INT8"),),
        runtime=Runtime("CPU", "INT8", False, (("levels", 12.5),)), times=Times(now.isoformat(), "20260302"),
    )  # fmt: skip


def _finding(condition: Condition, level: Level, partly: bool) -> Finding:
    if partly and condition.region is Region.SUBARTICULAR:
        return Finding(condition, level, reason=Reason.NO_AXIAL_T2)
    severe = condition is Condition.SPINAL_CANAL_STENOSIS and level is Level.L4_L5
    triple = (0.05, 0.15, 0.8) if severe else (0.85, 0.1, 0.05)
    return Finding(condition, level, triple, Evidence("1.2.3", (1.0, 2.0, 30.0, 40.0), None, 0.7, 5))


def _votes(finding: Finding) -> tuple[Vote, ...]:
    assert finding.probabilities is not None
    second = (0.1, 0.6, 0.3) if finding.severity is Severity.SEVERE else finding.probabilities
    return Vote("first-model", finding.probabilities), Vote("second-model", second)


class FakeReader:
    """Reads any text: `corrupt` in it is refused, `fault` is a bug of ours, `partly` lacks the axial series.

    `divided` is read by two models, `spine` in it leaves real pictures and slices, `dicom` ones that are DICOM objects;
    `ID=x` says whose it is.
    """

    def __init__(self) -> None:
        self.fingerprint = "models-1"
        self.seen: list[str] = []
        self.errors: list[Exception] = []
        """Raised by the next readings, in turn."""

    def prepare(self) -> Mapping[str, Any]:
        return {"models": [{"name": "fake-detector", "sha256": "0" * 64}], "device": "CPU"}

    def read(self, study: ToRead, now: datetime, progress: Progress) -> Reading:
        files = sorted(study.files, key=lambda f: f.name)
        text = "\n".join(f.read_bytes().decode(errors="replace") for f in files)
        self.seen.append(text)
        progress("levels", 1, 2)
        if self.errors:
            raise self.errors.pop(0)
        if "corrupt" in text:
            raise InputError(Code.CORRUPT, "The images are damaged.", "Export the study again.")
        if "fault" in text:
            raise ZeroDivisionError("a bug")
        progress("canal", 5, 5)
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        who = next((Patient(w[3:], w[3:]) for w in text.split() if w.startswith("ID=")), Patient())
        if "spine" in text:
            dicom = "dicom" in text
            pictures = make_values.dicom_study() if dicom else make_values.study()
            made = make_values.dicom_report() if dicom else make_values.report()
            shown = replace(made, report_id=name, revision=study.revision)
            return Reading(
                json.loads(json.dumps(to_json(shown))),
                lambda folder: write_all(shown, pictures, folder),
                who,
            )
        made = replace(report(name, partly="partly" in text, divided="divided" in text, now=now), revision=study.revision)
        return Reading(json.loads(json.dumps(to_json(made))), lambda folder: _write(made, folder), who)


def _write(made: Report, folder: Path) -> None:
    (folder / "report.json").write_text(json.dumps(to_json(made)), "utf-8")
    (folder / "report.csv").write_text(to_csv(made), "utf-8")
    Picture.new("L", (64, 48), 90).save(folder / "sagittal_t2.png")


class FakeInspector:
    """A text that says `study 1.2 axial_t2 …` is an image of that study and role; any other names none."""

    def inspect(self, files: Sequence[Path]) -> tuple[Image, ...]:
        return tuple(found for file in files if (found := self._one(file)) is not None)

    @staticmethod
    def _one(file: Path) -> Image | None:
        data = file.read_bytes()
        words = data.decode(errors="replace").split()
        if words[:1] != ["study"]:
            return None
        digest = hashlib.sha256(data).hexdigest()
        role = Role(words[2]) if len(words) > 2 else Role.UNUSED
        return Image(file.name, words[1], words[1] + "." + role, digest[:12], role, "MR", digest)


class FakeHost:
    def __init__(self) -> None:
        self.value = HostFacts(50_000, 100_000, 900, 8_000, 0.4, 51.0, True)

    def facts(self) -> HostFacts:
        return self.value


class FakeLink:
    """A broker in memory: acknowledges what it is given while it is `up`."""

    def __init__(self) -> None:
        self.up, self.acknowledging = True, True
        self.connected = False
        self.sent: list[Message] = []
        self.inbound: list[Any] = []
        self._numbers = itertools.count(1)
        self._acknowledged: list[int] = []
        self._refused: list[tuple[int, str]] = []
        self.refusing = "nothing"
        """Topics with this ending are not allowed."""

    def connect(self, subscribe: str = "") -> None:
        if not self.up:
            raise DeliveryError(Code.BROKER, "The MQTT broker cannot be reached.", "Check the network.")
        self.connected = True

    def send(self, message: Message) -> int:
        if not self.connected:
            raise DeliveryError(Code.BROKER, "The MQTT broker cannot be reached.", "Check the network.")
        self.sent.append(message)
        number = next(self._numbers)
        if message.topic.endswith(self.refusing):
            self._refused.append((number, "Not authorized"))
        elif self.acknowledging:
            self._acknowledged.append(number)
        return number

    def pump(self, seconds: float) -> None:
        if not self.up:
            self.connected, self._acknowledged = False, []
            raise DeliveryError(Code.BROKER, "The MQTT broker cannot be reached.", "Check the network.")

    def take_acknowledged(self) -> tuple[int, ...]:
        found, self._acknowledged = tuple(self._acknowledged), []
        return found

    def take_refused(self) -> tuple[tuple[int, str], ...]:
        found, self._refused = tuple(self._refused), []
        return found

    def take_received(self) -> tuple[Any, ...]:
        found, self.inbound = tuple(self.inbound), []
        return found

    def drop(self) -> None:
        self.connected, self._acknowledged, self._refused = False, [], []

    def abandon(self) -> None:
        self.up = False
        self.drop()

    def close(self, last: Message | None = None) -> None:
        if last is not None and self.connected:
            self.sent.append(last)
        self.connected = False

    def on(self, ending: str) -> list[dict[str, Any]]:
        """Payloads sent on topics that end so."""
        return [json.loads(m.payload) for m in self.sent if m.topic.endswith(ending) and m.payload.startswith("{")]


@dataclass
class SmallBox:
    """Real adapters in a folder, a fake reader, a clock that stands still. `drop` and `turn` tell the stories."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    reader: FakeReader = field(default_factory=FakeReader)
    host: FakeHost = field(default_factory=FakeHost)
    stop_free: int = 0
    keep_identifiers: bool = False
    free_mb: int = 50_000
    identifiers: bool = False

    def __post_init__(self) -> None:
        self.share = self.folder / "share"
        Inbox(self.share).create()
        self.start()

    def start(self) -> None:
        """As at power-on: everything anew, but the disks."""
        self.ledger = Ledger(self.folder / "ledger.db")
        self.outbox = Outbox(self.folder / "outbox.db")
        self.spool = Spool(self.folder / "spool", 1 << 20, self.stop_free)
        self.reports = Reports(self.folder / "reports")
        self.register = Register(self.folder / "register.db", self.keep_identifiers)
        self.shelf = Shelf(Inbox(self.share).opened)
        ids = (f"job{number:04d}" for number in itertools.count(self.ledger.count() + 1))
        gathering, inspector = Gathering(self.ledger, WAITS, ids.__next__), FakeInspector()
        self.intake = Intake(
            self.ledger, Inbox(self.share, file_limit=50), self.spool, Receipts(Inbox(self.share).opened), Settling(3, 4.0),
            inspector, gathering, ids.__next__, Walls(50, 1 << 20),
        )  # fmt: skip
        self.uploads = Uploads(self.ledger, self.spool, inspector, gathering, ids.__next__, 50)
        self.transfers = Transfers(
            self.ledger, self.spool, inspector, gathering, ids.__next__, most_files=50, most_bytes=1 << 20,
            file_bytes=1 << 20,
        )  # fmt: skip
        self.revising = Revising(self.ledger, self.reports, self.shelf, lambda r, f, _: write_again(r, f, Patient()))
        hand_over = Announcer(self.outbox, self.host, "box", self.identifiers)
        copies = Copies(self.ledger, self.spool, self.shelf, inspector)
        filing = Filing(self.ledger, copies, self.reports, hand_over, self.shelf)
        self.worker = Worker(self.ledger, self.reader, copies, self.reports, filing, self.clock, self.register.note)
        keeping = Keeping(timedelta(hours=48), timedelta(days=10), timedelta(days=30), warn_mb=100)
        self.retention = Retention(
            self.ledger, self.spool, self.reports, self.outbox, keeping, lambda: self.free_mb, discard_slices
        )
        self.vitals = Vitals(self.ledger, self.outbox, self.host, 100, self.clock)
        self.pulse = Pulse(self.ledger, lambda: True)
        self.intake.recover(self.clock())
        self.worker.recover(self.clock())

    def publisher(self, link: Any, **options: Any) -> Publisher:
        """As `Box.publisher` makes it, around a link of the test's own."""
        given: dict[str, Any] = {"commands": tuple(VERBS), "live_for": timedelta(seconds=60), "replay_per_second": 100_000,
                 "identifiers": False, "home_assistant": "", "node": "box", "rescan": lambda: None} | options  # fmt: skip
        topics = Topics(given["node"])
        standing = Standing(
            self.ledger, self.outbox, self.vitals, link, topics, lambda: {"node": "box", "version": "1", "reader": {},
            "configuration": {}}, health_every=timedelta(seconds=60), identifiers=given["identifiers"],
            home_assistant_prefix=given["home_assistant"],
        )  # fmt: skip
        delivery = Delivery(
            self.outbox, link, topics, Pace(given["live_for"], given["replay_per_second"], given["identifiers"])
        )
        hands = Hands(
            given["rescan"],
            lambda job: try_again(job, self.ledger, self.shelf.bring_back, self.clock()),
            lambda job: read_now(job, self.ledger, self.clock()),
        )
        orders = Orders(self.ledger, self.vitals, topics, given["commands"], hands)
        return Publisher(self.ledger, self.outbox, link, topics, standing, delivery, orders, obeys=True)

    def restart(self) -> None:
        self.ledger.close()
        self.outbox.close()
        self.start()

    def drop(self, name: str, **files: str) -> Path:
        """A folder of small text files; `drop("a.zip", _="text")` drops one file."""
        target = self.share / name
        if "_" in files:
            target.write_text(files["_"], "utf-8")
            return target
        target.mkdir()
        for file, text in files.items():
            (target / file).write_text(text, "utf-8")
        return target

    def turn(self, rounds: int = 5, seconds: float = 2.0) -> None:
        """Let the intake look and the reader read, `rounds` times."""
        for _ in range(rounds):
            now = self.clock.tick(seconds)
            while self.intake.step(now):
                pass  # as its loop does: after work at once again
            self.pulse.step(self.clock())
            while self.worker.step(self.clock()):
                pass

    def tidy(self, days: int) -> None:
        """So many days later, by the clock of the disk too."""
        for path in (self.folder / "spool").rglob("*"):
            os.utime(path, (self.clock().timestamp(),) * 2)
        self.retention.tidy(self.clock.tick(days * 86_400))

    def states(self) -> dict[str, str]:
        return {job.name: job.state.value for job in self.ledger.newest(100)}
