"""One connection to a broker, by paho-mqtt. MQTT 5, and 3.1.1 where the broker knows no other.

The caller's own loop drives it (`pump`), so there is no thread that could die unseen; a connection that ends is thrown
away whole and the next one is new. All that goes wrong here is a DeliveryError.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from appliance.core.messages import Message
from appliance.errors import Code, DeliveryError

_NETWORK_ERRORS = (OSError, ssl.SSLError, ValueError)
NO_ANSWER = "it closes the connection without an answer"
CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where and as whom to connect."""

    host: str
    port: int
    client_id: str
    version: str = "auto"
    username: str = ""
    password_file: str = ""
    tls: bool = False
    ca_file: str = ""
    keepalive: int = 30


@dataclass(frozen=True, slots=True)
class Received:
    """One message that came in."""

    topic: str
    payload: bytes
    retained: bool


class MqttLink:
    """Connect, send, pump, take what was acknowledged and what came."""

    def __init__(self, address: Address, will: Message | None = None) -> None:
        self._address, self._will = address, will
        self._protocol = paho.MQTTv311 if address.version == "3.1.1" else paho.MQTTv5
        self._client: paho.Client | None = None
        self._answer: Any = None
        self._acknowledged: list[int] = []
        self._refused: list[tuple[int, str]] = []
        self._received: list[Received] = []

    @property
    def connected(self) -> bool:
        return self._client is not None and self._answer is not None

    def connect(self, subscribe: str = "") -> None:
        """Blocks at most some seconds."""
        refused = self._try(self._protocol)
        if refused and self._address.version == "auto" and _may_be_the_version(refused):
            other = paho.MQTTv311 if self._protocol == paho.MQTTv5 else paho.MQTTv5
            refused = self._try(other)
            self._protocol = self._protocol if refused else other
        if refused:
            raise _away(self._address, refused)
        if subscribe and self._client is not None:
            self._client.subscribe(subscribe, qos=1)

    def send(self, message: Message) -> int:
        """Hand over to the network; the number comes back by `take_acknowledged` once the broker has it."""
        if self._client is None:
            raise _away(self._address, "not connected")
        sent = self._client.publish(message.topic, message.payload, message.qos, message.retain)
        if sent.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_QUEUE_SIZE):
            self._drop()
            raise _away(self._address, paho.error_string(sent.rc))
        return sent.mid

    def pump(self, seconds: float) -> None:
        """Let the network move for at most `seconds`. Raises DeliveryError when the connection has ended."""
        if self._client is None:
            return
        try:
            outcome = self._client.loop(timeout=seconds)
        except _NETWORK_ERRORS as exc:
            self._drop()
            raise _away(self._address, str(exc)) from exc
        if outcome != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._drop()
            raise _away(self._address, paho.error_string(outcome))

    def take_acknowledged(self) -> tuple[int, ...]:
        found, self._acknowledged = tuple(self._acknowledged), []
        return found

    def take_refused(self) -> tuple[tuple[int, str], ...]:
        """Messages the broker would not have, with its word for why."""
        found, self._refused = tuple(self._refused), []
        return found

    def take_received(self) -> tuple[Received, ...]:
        found, self._received = tuple(self._received), []
        return found

    def close(self, last: Message | None = None) -> None:
        """Leave in order, so that the will is not sent; `last` goes out before."""
        if self._client is None:
            return
        try:
            if last is not None:
                number = self.send(last)
                self._pump_until(lambda: number in self._acknowledged, 2.0)
            self._client.disconnect()
            self._client.loop(timeout=0.1)
        except (DeliveryError, *_NETWORK_ERRORS):
            pass  # it was leaving anyway
        self._drop()

    def _try(self, protocol: int) -> str:
        """One attempt; empty when it worked, else why not."""
        self._drop()
        self._answer = None
        client = self._client = self._build(protocol)
        why = NO_ANSWER
        try:
            client.connect(self._address.host, self._address.port, self._address.keepalive)
            self._pump_until(lambda: self._answer is not None, CONNECT_SECONDS)
        except _NETWORK_ERRORS as exc:
            why = str(exc)
        except DeliveryError:
            why = NO_ANSWER
        answer = self._answer
        if answer is not None and not answer.is_failure and self._client is not None:
            return ""
        self._drop()
        return str(answer) if answer is not None else why

    def _build(self, protocol: int) -> paho.Client:
        address = self._address
        client = paho.Client(
            CallbackAPIVersion.VERSION2, address.client_id, protocol=MQTTProtocolVersion(protocol)
        )
        client.connect_timeout = CONNECT_SECONDS
        if address.username:
            client.username_pw_set(address.username, _secret(address.password_file))
        if address.tls:
            client.tls_set(ca_certs=address.ca_file or None)
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    def _pump_until(self, reached: Any, seconds: float) -> None:
        end = monotonic() + seconds
        while not reached() and monotonic() < end:
            self.pump(0.1)

    def _drop(self) -> None:
        client, self._client = self._client, None
        self._acknowledged, self._refused = [], []
        if client is not None and client.socket() is not None:
            client.socket().close()  # type: ignore[union-attr]

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._answer = reason

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        if reason is not None and reason.is_failure:
            self._refused.append((mid, str(reason)))
        else:
            self._acknowledged.append(mid)

    def _on_message(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:
        self._received.append(Received(message.topic, bytes(message.payload), bool(message.retain)))


def _may_be_the_version(refused: str) -> bool:
    """Old brokers say so, or hang up without a word."""
    return refused == NO_ANSWER or "protocol version" in refused.lower()


def _secret(file: str) -> str | None:
    if not file:
        return None
    try:
        return Path(file).read_text("utf-8").strip()
    except OSError as exc:
        raise DeliveryError(
            Code.BROKER, f"The broker's password file cannot be read: {exc.strerror}.", "Check mqtt.password_file."
        ) from exc


def _away(address: Address, why: str) -> DeliveryError:
    return DeliveryError(
        Code.BROKER,
        f"The MQTT broker {address.host}:{address.port} cannot be reached ({why}).",
        "Results wait on the box and are sent when it is back. Check the broker and the network.",
    )
