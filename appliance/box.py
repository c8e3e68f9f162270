"""The box put together from its configuration: every adapter made once, every part from them.

The parts meet only in the ledger and the outbox, so they run in one process or each in its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from appliance import config, knowledge, report_folder, selftest
from appliance.adapters.accounts import Accounts
from appliance.adapters.decoder import Decoder
from appliance.adapters.host import Host
from appliance.adapters.mounts import Mounts
from appliance.adapters.mqtt import Address, MqttLink
from appliance.adapters.outbox import Outbox
from appliance.adapters.receipts import Receipts
from appliance.adapters.register import Register
from appliance.adapters.reports import Reports
from appliance.adapters.shelf import Shelf
from appliance.adapters.slice_files import discard_slices, read_index
from appliance.adapters.spool import Spool
from appliance.adapters.tokens import Tokens
from appliance.announcer import Announcer, to_nobody
from appliance.config import Config
from appliance.copies import Copies
from appliance.core import messages
from appliance.core.drops import Settling
from appliance.core.gathering import Waits
from appliance.core.jobs import Job
from appliance.core.limits import MIB
from appliance.core.messages import Topics
from appliance.core.report import Report
from appliance.core.study import Patient
from appliance.delivery import Delivery
from appliance.delivery import Pace as DeliveryPace
from appliance.errors import Code, from_os
from appliance.filing import Filing
from appliance.gathering import Gathering
from appliance.inspection import Inspector
from appliance.intake import Intake, Uploads, Walls, read_now, try_again
from appliance.orders import Hands, Orders
from appliance.outside import broker_address, watched
from appliance.ports import HandOver, Link, Reader
from appliance.ports import Ledger as LedgerPort
from appliance.publisher import Publisher
from appliance.recovery import Recovery
from appliance.retention import Keeping, Retention
from appliance.revising import Revising
from appliance.secret_file import secret
from appliance.standing import Standing
from appliance.study_reader import StudyReader
from appliance.transfers import Transfers
from appliance.vitals import Vitals
from appliance.web.application import create_app
from appliance.web.services import PageSettings, Services
from appliance.web.speech import speech_of
from appliance.wiring import limits_of, models_of, program_version
from appliance.worker import Worker


class Box:
    """Makes the parts; runs none of them."""

    def __init__(self, settings: Config, reader: Reader | None = None) -> None:
        self.settings = settings
        data = settings.data
        _make_private(data)
        limits = limits_of(settings)
        self.mounts = Mounts()
        self.decoder = Decoder(settings.limits.decode_memory_mb * MIB)
        self.wake: Callable[[], None] = lambda: None
        """Lets the loops look at once; whoever runs them puts it here."""
        self.outbox = Outbox(data / "outbox.db")
        self.accounts = Accounts(data / "accounts.db")
        self.tokens = Tokens(data / "tokens.db")
        self.spool = Spool(data / "spool", limits.file_bytes, settings.disk.stop_mb * MIB)
        self.inspector = Inspector(limits, self.decoder.header, self.spool.called)
        self.reports = Reports(data / "reports")
        self.register = Register(data / "register.db", settings.privacy.keep_identifiers)
        self.inbox = watched(settings, self.mounts)
        self.ledger = Recovery(
            self.spool, self.reports, self.inspector, self._gathering, self.inbox.has
        ).open(data / "ledger.db", clock())  # fmt: skip
        self.shelf = Shelf(self.inbox.opened, settings.inbox.ignore)
        self.host = Host(data)
        self.vitals = Vitals(self.ledger, self.outbox, self.host, settings.disk.warn_mb, clock)
        self.reader = reader or StudyReader(
            limits,
            lambda: models_of(settings, data / "ovcache"),
            lambda models: selftest.check(models, clock()),
            self.decoder.pictures,
            leaves=self.leaves,
            called=self.spool.called,
        )

    @property
    def leaves(self) -> report_folder.Leaves:
        """What a reading leaves in its folder."""
        privacy, wanted = self.settings.privacy, self.settings.output
        return report_folder.Leaves(
            slices=privacy.keep_images_days > 0,
            dicom=wanted.dicom,
            names=privacy.keep_identifiers,
            software=program_version(),
            voice=speech_of(wanted.language),
        )

    def _write_again(self, report: Report, folder: Path, job_id: str) -> None:
        report_folder.write_again(report, folder, self.register.patient(job_id) or Patient(), self.leaves)

    def transfers(self) -> Transfers:
        """Uploads in pieces; also a part that comes round."""
        limits = limits_of(self.settings)
        sizes = {"most_bytes": self.settings.web.upload_mb * MIB, "file_bytes": limits.file_bytes}
        gathering = self._gathering(self.ledger)
        return Transfers(self.ledger, self.spool, self.inspector, gathering, new_id, most_files=limits.files, **sizes)

    def intake(self) -> Intake:
        """Made ready: what an earlier life left half-done is tidied up."""
        if not self.settings.inbox.path and self.ledger.fact("inbox") is None:
            self.inbox.create()  # once: should it be gone one day, it is gone and not empty
            self.ledger.set_fact("inbox", str(self.inbox.root))
        wanted, limits = self.settings.inbox, limits_of(self.settings)
        made = Intake(
            self.ledger,
            self.inbox,
            self.spool,
            Receipts(self.inbox.opened),
            Settling(wanted.looks, wanted.quiet_seconds, wanted.network_quiet_seconds),
            self.inspector,
            self._gathering(self.ledger),
            new_id,
            Walls(limits.files, limits.total_bytes),
        )
        made.recover(clock())
        return made

    def _gathering(self, ledger: LedgerPort) -> Gathering:
        wanted = self.settings.inbox
        waits = Waits(timedelta(seconds=wanted.series_quiet_seconds), timedelta(seconds=wanted.study_quiet_seconds))
        return Gathering(ledger, waits, new_id)

    def retention(self) -> Retention:
        """Deletes what may go, every ten minutes."""
        wanted, low = self.settings.retention, self.settings.disk.warn_mb
        slices = timedelta(days=self.settings.privacy.keep_images_days)
        keeping = Keeping(timedelta(hours=wanted.images_hours), slices, timedelta(days=wanted.reports_days), low)
        free = Host(self.settings.data).free_mb
        return Retention(self.ledger, self.spool, self.reports, self.outbox, keeping, free, discard_slices)

    def worker(self) -> Worker:
        """Made ready: a study an earlier life died over is counted."""
        copies = Copies(self.ledger, self.spool, self.shelf, self.inspector)
        filing = Filing(self.ledger, copies, self.reports, self._hand_over(), self.shelf)
        made = Worker(self.ledger, self.reader, copies, self.reports, filing, clock, self.register.note)
        made.recover(clock())
        return made

    def _hand_over(self) -> HandOver:
        settings = self.settings
        if not settings.publishes:
            return to_nobody
        return Announcer(self.outbox, self.host, settings.box.node, settings.privacy.mqtt_identifiers)

    def publisher(self, embedded_port: int | None = None) -> Publisher:
        """To the configured broker, or to the embedded one at `embedded_port`."""
        wanted, topics = self.settings.mqtt, self.topics
        link = MqttLink(self.address(embedded_port), messages.availability(topics, messages.OFFLINE))
        standing = Standing(
            self.ledger,
            self.outbox,
            self.vitals,
            link,
            topics,
            self.facts,
            health_every=timedelta(seconds=wanted.health_seconds),
            identifiers=self.settings.privacy.mqtt_identifiers,
            home_assistant_prefix=wanted.home_assistant_prefix if wanted.home_assistant else "",
        )
        orders = Orders(self.ledger, self.vitals, topics, wanted.commands, Hands(self._woken, self.try_again, self.read_now))
        delivery = self.delivery(link)
        return Publisher(
            self.ledger, self.outbox, link, topics, standing, delivery, orders, obeys=bool(wanted.commands)
        )

    def delivery(self, link: Link) -> Delivery:
        """What takes the outbox's results over `link`."""
        wanted = self.settings.mqtt
        live = timedelta(seconds=wanted.live_seconds)
        pace = DeliveryPace(live, wanted.replay_per_second, self.settings.privacy.mqtt_identifiers)
        return Delivery(self.outbox, link, self.topics, pace)

    @property
    def topics(self) -> Topics:
        return Topics(self.settings.box.node)

    def address(self, embedded_port: int | None = None) -> Address:
        """Where the results go. Raises DeliveryError when nothing is published."""
        told = int((self.ledger.fact("broker") or {"port": 0})["port"])
        return broker_address(self.settings, embedded_port, told)

    def _woken(self) -> None:
        self.wake()

    def page(self, setup_code: str, transfers: Transfers) -> Flask:
        """The web application. `setup_code` lets the first administrator in; the terminal shows it."""
        limits = limits_of(self.settings)
        uploads = Uploads(
            self.ledger, self.spool, self.inspector, self._gathering(self.ledger), new_id, self.settings.limits.files
        )
        services = Services(
            ledger=self.ledger,
            reports=self.reports,
            uploads=uploads,
            accounts=self.accounts,
            health=self.vitals.take,
            try_again=self.try_again,
            transfers=transfers,
            register=self.register,
            revising=Revising(self.ledger, self.reports, self.shelf, self._write_again),
            slices=read_index,
            pdf=report_folder.pdf_for,
            dicom=report_folder.dicom_for,
            read_now=self.read_now,
            facts=self.facts,
            assistant=knowledge.assistant(),
            tokens=self.tokens,
            clock=clock,
        )
        web = self.settings.web
        wanted = PageSettings(
            secret=secret(self.settings.data / "session.key"),
            setup_code=setup_code,
            names=web.names,
            https=web.https,
            upload_bytes=web.upload_mb * MIB,
            upload_files=limits.files,
            file_bytes=limits.file_bytes,
            identifiers=self.settings.privacy.keep_identifiers,
            session=timedelta(hours=web.session_hours),
            node=self.settings.box.node,
        )
        return create_app(services, wanted)

    def try_again(self, job: Job) -> Job:
        """A failed or quarantined study, once more."""
        again = try_again(job, self.ledger, self.shelf.bring_back, clock())
        self.wake()
        return again

    def facts(self) -> Mapping[str, Any]:
        """What `info` says: versions, models, device, configuration (there is no secret in it)."""
        table = config.to_table(self.settings)
        shown = {name: table[name] for name in ("limits", "mqtt", "privacy", "disk")}
        for key in [k for k in shown["mqtt"] if k.endswith(("_file", "_credential", "_variable")) or k == "username"]:
            shown["mqtt"].pop(key)
        return {"node": self.settings.box.node, "version": program_version(), "configuration": shown} | {
            "reader": self.ledger.fact("reader") or {"ready": False}
        }

    def read_now(self, job: Job) -> Job:
        """A study that waits for its rest, without it."""
        hurried = read_now(job, self.ledger, clock())
        self.wake()
        return hurried

    def close(self) -> None:
        self.decoder.close()
        self.ledger.close()
        self.outbox.close()
        self.accounts.close()
        self.register.close()
        self.tokens.close()


def clock() -> datetime:
    """The one place where the box asks what time it is."""
    return datetime.now().astimezone()


def new_id() -> str:
    """Random, so that it says nothing about the study."""
    return secrets.token_hex(6)


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for private in ("spool", "reports", "tmp"):
            (folder / private).mkdir(mode=0o700, exist_ok=True)
    except OSError as exc:
        raise from_os(exc, f"The box's folder {folder}", Code.FAULT) from exc
