"""One connection to a broker, by paho-mqtt. MQTT 5, and 3.1.1 where the broker knows no other.

The caller's own loop drives it (`pump`), so there is no client thread that could die unseen; a connection that ends, or
that takes messages and acknowledges none, is thrown away whole and the next one is new. All that goes wrong here is a
DeliveryError.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from appliance.core.messages import Message, Received
from appliance.errors import Code, DeliveryError

CONNECT_SECONDS = 4.0
WINDOW = 20
"""Most QoS 1 messages unacknowledged on the wire, unless the broker allows fewer (MQTT 5, Receive Maximum)."""
QUICK_END_SECONDS, QUICK_ENDS = 3.0, 5
"""MQTT 3.1.1 cannot say "session taken over" and Debian's Mosquitto does not with 5 either: so many connections in a row,
each ended so soon, do."""
TAKEN_OVER = 0x8E
UNSUPPORTED_VERSIONS = (0x84, 0x01)

_NETWORK_ERRORS = (OSError, ssl.SSLError, ValueError)
_RESULTS_WAIT = "Results wait on the box and are sent when it is back. Check the broker and the network."


@dataclass(frozen=True, slots=True)
class Tls:
    """How to encrypt. Without `ca_file` the system's certificates are trusted."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    verify: bool = True


@dataclass(frozen=True, slots=True)
class Address:
    """Where and as whom to connect. A password stands in a file, or was handed to the process."""

    host: str
    port: int
    client_id: str
    version: str = "auto"
    username: str = ""
    password_file: str = ""
    password: str = field(default="", repr=False)
    tls: Tls | None = None
    keepalive: int = 20


class MqttLink:
    """Connect, send, pump, take what was acknowledged and what came."""

    def __init__(self, address: Address, will: Message | None = None) -> None:
        self._address, self._will = address, will
        self._client: paho.Client | None = None
        self._answer: Any = None
        self._ended: Any = None
        self._sent_at: dict[int, float] = {}
        self._acknowledged: list[int] = []
        self._refused: list[tuple[int, str]] = []
        self._received: list[Received] = []
        self._protocol: int = paho.MQTTv5
        self._window = WINDOW
        self._connected_at, self._quick_ends = 0.0, 0
        self._abandoned = False

    @property
    def connected(self) -> bool:
        return self._client is not None and self._answer is not None

    def connect(self, subscribe: str = "") -> None:
        """Blocks at most some seconds."""
        first = paho.MQTTv311 if self._address.version == "3.1.1" else paho.MQTTv5
        refused, may_be_the_version = self._try(first)
        if refused and may_be_the_version and self._address.version == "auto":
            refused, _ = self._try(paho.MQTTv311)
        if not refused and self._client is not None and self._client.max_inflight_messages > self._window:
            refused, _ = self._try(self._protocol)  # paho cannot make its window smaller once it is connected
        if refused:
            raise _away(self._address, refused)
        self._connected_at = monotonic()
        if subscribe and self._client is not None:
            self._client.subscribe(subscribe, qos=1)

    def send(self, message: Message) -> int:
        """Hand over to the network; the number comes back by `take_acknowledged` once the broker has it."""
        client = self._alive()
        sent = client.publish(message.topic, message.payload, message.qos, message.retain)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            self._lost(paho.error_string(sent.rc))
        if message.qos:
            self._sent_at[sent.mid] = monotonic()
        return sent.mid

    def pump(self, seconds: float) -> None:
        """Let the network move for at most `seconds`. Raises DeliveryError when the connection has ended or is stale."""
        client = self._alive()
        try:
            outcome = client.loop(timeout=seconds)
        except _NETWORK_ERRORS as exc:
            self._lost(str(exc))
        if outcome != MQTTErrorCode.MQTT_ERR_SUCCESS or client.socket() is None:
            self._lost(str(self._ended or paho.error_string(outcome)))
        oldest = next(iter(self._sent_at.values()), None)
        if oldest is not None and monotonic() - oldest > self._address.keepalive:
            self._lost("it takes messages and acknowledges none")

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
            self._alive().disconnect()
            self._alive().loop(timeout=0.1)
        except (DeliveryError, *_NETWORK_ERRORS):
            pass  # it was leaving anyway
        self.drop()

    def abandon(self) -> None:
        """From another thread: this link is never to speak again, whatever its own thread is stuck in."""
        self._abandoned = True
        self.drop()

    def _alive(self) -> paho.Client:
        if self._client is None or self._abandoned:
            raise _away(self._address, "not connected")
        return self._client

    def _try(self, protocol: int) -> tuple[str, bool]:
        """One attempt: why it failed (empty when it worked), and whether that may be the protocol's version."""
        self.drop()
        self._answer = self._ended = None
        self._protocol = protocol
        client = self._client = self._build(protocol)
        try:
            client.connect(self._address.host, self._address.port, self._address.keepalive)
            _without_delay(client)
            self._pump_until(lambda: self._answer is not None, CONNECT_SECONDS)
        except _NETWORK_ERRORS as exc:
            self.drop()
            return _in_words(exc), False
        except DeliveryError as exc:
            if self._answer is None:
                self.drop()
                return (str(exc), False) if self._abandoned else ("it closes the connection without an answer", True)
        answer = self._answer
        if answer is not None and not answer.is_failure:
            return "", False
        self.drop()
        if answer is None:
            return "it does not answer", False
        return str(answer), answer.value in UNSUPPORTED_VERSIONS

    def _build(self, protocol: int) -> paho.Client:
        address = self._address
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            address.client_id,
            protocol=MQTTProtocolVersion(protocol),
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(self._window)
        if address.username:
            client.username_pw_set(address.username, _secret(address))
        if address.tls is not None:
            client.tls_set_context(_tls_context(address.tls))
        if self._will is not None:
            client.will_set(self._will.topic, self._will.payload, self._will.qos, self._will.retain)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_message = self._on_publish, self._on_message
        return client

    def _pump_until(self, reached: Callable[[], bool], seconds: float) -> None:
        end = monotonic() + seconds
        while not reached() and monotonic() < end:
            self.pump(0.1)

    def _lost(self, why: str) -> None:
        """The connection is gone: says whether another client took its place."""
        was_connected, ended = self.connected, self._ended
        self.drop()
        quick = was_connected and monotonic() - self._connected_at < QUICK_END_SECONDS
        self._quick_ends = self._quick_ends + 1 if quick else 0
        if getattr(ended, "value", None) == TAKEN_OVER:
            raise _taken(self._address, "The broker says that another client has taken its place")
        if self._quick_ends >= QUICK_ENDS:
            self._quick_ends = 0
            raise _taken(self._address, "The broker ends every connection within seconds, as when two clients have one name")
        raise _away(self._address, why)

    def drop(self) -> None:
        """Without a word, so that the broker sends the will."""
        client, self._client = self._client, None
        self._acknowledged, self._refused, self._sent_at = [], [], {}
        open_socket = client.socket() if client is not None else None
        if open_socket is not None:
            open_socket.close()

    def _on_connect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._answer = reason
        self._window = min(WINDOW, getattr(properties, "ReceiveMaximum", WINDOW))

    def _on_disconnect(self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        self._ended = reason

    def _on_publish(self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        self._sent_at.pop(mid, None)
        if reason is not None and reason.is_failure:
            self._refused.append((mid, str(reason)))
        else:
            self._acknowledged.append(mid)

    def _on_message(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:
        self._received.append(Received(message.topic, bytes(message.payload), bool(message.retain)))


def _without_delay(client: paho.Client) -> None:
    """A window of small messages must not wait for TCP to fill a segment."""
    open_socket = client.socket()
    if isinstance(open_socket, socket.socket):
        open_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _tls_context(tls: Tls) -> ssl.SSLContext:
    """Raises DeliveryError when one of the files cannot be used."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if tls.cert_file:
            context.load_cert_chain(tls.cert_file, tls.key_file or None)
    except (OSError, ssl.SSLError) as exc:
        keys = "mqtt.ca_file, mqtt.cert_file, mqtt.key_file"
        raise _configured(f"A certificate file cannot be used: {exc}", keys) from exc
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _secret(address: Address) -> str | None:
    """Read at every connect, so that a changed file needs no restart."""
    if not address.password_file:
        return address.password or None
    try:
        return Path(address.password_file).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise _configured(f"The broker's password file cannot be read: {exc}", "mqtt.password_file") from exc


def _in_words(exc: Exception) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {exc.verify_message}; {_certificate_hint(exc.verify_message)}"
    return str(exc) or type(exc).__name__


def _certificate_hint(said: str) -> str:
    """OpenSSL's words: certificate has expired, is not yet valid, hostname mismatch, IP address mismatch, others."""
    if "expired" in said or "not yet" in said:
        return "is the box's clock right?"
    if "mismatch" in said:
        return "mqtt.host must be a name that stands in it"
    return "mqtt.ca_file names the authority to believe"


def _configured(what: str, keys: str) -> DeliveryError:
    return DeliveryError(Code.BROKER, what, f"Check {keys}. Results wait on the box until then.")


def _taken(address: Address, why: str) -> DeliveryError:
    return DeliveryError(
        Code.CLIENT_ID_TAKEN,
        f"{why} ({address.client_id} at {address.host}:{address.port}).",
        "Give each box its own box.node, and run one publisher a box. Results wait here meanwhile.",
    )


def _away(address: Address, why: str) -> DeliveryError:
    return DeliveryError(
        Code.BROKER, f"The MQTT broker {address.host}:{address.port} cannot be reached ({why}).", _RESULTS_WAIT
    )
