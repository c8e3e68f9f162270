"""The embedded MQTT broker (amqtt, MQTT 3.1.1), for the clinic that has none. Loopback only: it knows no passwords."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from concurrent.futures import CancelledError
from contextlib import suppress

from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError
from transitions import MachineError

from appliance.errors import Code, SystemicError

START_SECONDS = 10.0


class EmbeddedBroker:
    """Its own thread and event loop. What is retained lives in memory: the box says it again at every start."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port or free_port(host)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="broker", daemon=True)
        self._broker: Broker | None = None

    def start(self) -> None:
        """Raises SystemicError when the address is taken."""
        for noisy in ("amqtt", "transitions"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        self._thread.start()
        started = asyncio.run_coroutine_threadsafe(self._start(), self._loop)
        try:
            started.result(START_SECONDS)
        except Exception as exc:
            self._end_loop()
            raise SystemicError(
                Code.BROKER,
                f"The embedded broker cannot listen on {self.host}:{self.port}.",
                "Is another broker running? Set mqtt.host to use it, or broker.port to another.",
            ) from exc

    def stop(self) -> None:
        """amqtt cancels its own shutdown while clients are connected; the loop ends all the same."""
        broker, self._broker = self._broker, None
        if broker is None:
            return
        with suppress(CancelledError, TimeoutError, AMQTTError, MachineError):
            asyncio.run_coroutine_threadsafe(broker.shutdown(), self._loop).result(START_SECONDS)
        self._end_loop()

    async def _start(self) -> None:
        config = BrokerConfig(
            listeners={
                "default": ListenerConfig(type=ListenerType.TCP, bind=f"{self.host}:{self.port}", max_connections=100)
            },
            plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        )
        broker = Broker(config)
        await broker.start()
        self._broker = broker

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)


def free_port(host: str) -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
