"""The parts of a box at work: started in order, stopped in the reverse order."""

from __future__ import annotations

import logging
import secrets
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress

from waitress.server import create_server

from appliance.adapters.broker import EmbeddedBroker, free_port
from appliance.box import Box, clock
from appliance.errors import Code, LumbarboxError, SystemicError
from appliance.loops import Loop
from appliance.publishing import Publishing
from appliance.pulse import EVERY_SECONDS, Pulse
from appliance.worker import Part

log = logging.getLogger(__name__)

STOP_SECONDS = 45.0
READER_LOOKS_SECONDS = 0.5
TRANSFERS_LOOK_SECONDS = 60.0
RETENTION_LOOKS_SECONDS = 60.0


class Running:
    """`parts` of one box, each in its own thread. Stop it once."""

    def __init__(self, box: Box, parts: tuple[str, ...]) -> None:
        self.box = box
        self.url = ""
        self.broker: EmbeddedBroker | None = None
        self._setup_code = secrets.token_hex(4)
        self._loops: list[Loop] = []
        self._publishing: Publishing | None = None
        self._stops: list[Callable[[], object]] = [box.close]
        starters = {
            "publisher": self._publisher,
            "intake": self._intake,
            "reader": self._reader,
            "web": self._web,
        }
        tempfile.tempdir = str(box.settings.data / "tmp")
        box.wake = self._wake
        try:
            for part in parts:
                starters[part]()
        except LumbarboxError:
            self.stop()
            raise

    @property
    def setup_url(self) -> str:
        """Where the first administrator is made; empty when there is one."""
        needed = self.url and self.box.accounts.is_empty()
        return f"{self.url}/setup?code={self._setup_code}" if needed else ""

    @property
    def broker_address(self) -> str:
        """Where a dashboard subscribes; empty when nothing is published."""
        if not self.box.settings.publishes:
            return ""
        address = self.box.address(self.broker.port if self.broker else None)
        return f"{address.host}:{address.port}"

    def is_well(self) -> bool:
        """Every thread comes round."""
        return self.box.ledger.is_sound and all(loop.is_well() for loop in self._loops)

    @property
    def is_busy(self) -> bool:
        """After `stop`: a part was in the middle of something and did not end in time."""
        return any(loop.is_alive() for loop in self._loops)

    def supervise(self) -> None:
        """A thread that died is started again; a publisher that is stuck is replaced."""
        for loop in self._loops:
            loop.revive()
        if self._publishing is not None:
            self._publishing.supervise()

    def stop(self) -> None:
        """The page first, the publisher and the ledger last."""
        for stop in reversed(self._stops):
            with suppress(LumbarboxError):
                stop()
        self._stops.clear()

    def _publisher(self) -> None:
        settings = self.box.settings
        if not settings.publishes:
            return
        if settings.embedded_broker:
            self.broker = EmbeddedBroker(settings.broker.host, settings.broker.port)
            self.broker.start()
            self._stops.append(self.broker.stop)
            self.box.ledger.set_fact("broker", {"port": self.broker.port})
        port = self.broker.port if self.broker else None
        publishing = Publishing(lambda: self.box.publisher(port), clock)
        self._publishing = publishing
        self._stops.append(lambda: publishing.stop(STOP_SECONDS))

    def _intake(self) -> None:
        self._loop(self.box.intake(), self.box.settings.inbox.poll_seconds)
        self._loop(self.box.retention(), RETENTION_LOOKS_SECONDS)

    def _reader(self) -> None:
        worker = self.box.worker()
        loop = self._loop(worker, READER_LOOKS_SECONDS)

        def stop() -> None:
            if not loop.stop(STOP_SECONDS):
                worker.give_back(clock())

        self._stops[-1] = stop
        self._loop(Pulse(self.box.ledger, loop.is_well), EVERY_SECONDS)

    def _web(self) -> None:
        web = self.box.settings.web
        if not web.enabled:
            return
        transfers = self.box.transfers()
        self._loop(transfers, TRANSFERS_LOOK_SECONDS)
        app = self.box.page(self._setup_code, transfers)
        port = web.port or free_port(web.host)
        try:
            server = create_server(
                app,
                host=web.host,
                port=port,
                threads=web.threads,
                max_request_body_size=web.upload_mb << 20,
                clear_untrusted_proxy_headers=True,
                ident="",
            )
        except OSError as exc:
            message = f"The page cannot listen on {web.host}:{port}: {exc.strerror}."
            raise SystemicError(Code.FAULT, message, "Is it running already? Else set web.port to another.") from exc
        self.url = f"http://{_shown(web.host)}:{port}"
        ending = threading.Event()
        threading.Thread(target=lambda: answer(server.run, ending), name="web", daemon=True).start()
        self._stops += [server.close, ending.set]  # the last goes first

    def _loop(self, part: Part, seconds: float) -> Loop:
        loop = Loop(part, clock, seconds)
        self._loops.append(loop)
        self._stops.append(lambda: loop.stop(STOP_SECONDS))
        loop.start()
        return loop

    def _wake(self) -> None:
        for loop in self._loops:
            loop.wake()
        if self._publishing is not None:
            self._publishing.loop.wake()


def answer(run: Callable[[], None], ending: threading.Event) -> None:
    """Until its sockets are closed under it, which is no fault once `ending` is set."""
    try:
        run()
    except OSError:
        if not ending.is_set():
            raise


def _shown(host: str) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host
    return f"[{shown}]" if ":" in shown else shown
