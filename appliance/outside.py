"""From the configuration to what lies outside the box: the watched share, the broker."""

from __future__ import annotations

from dataclasses import replace

from appliance.adapters.inbox import Inbox, Pace
from appliance.adapters.mounts import Mounts
from appliance.adapters.mqtt import Address, Tls
from appliance.config import Config
from appliance.config_keys import Mqtt
from appliance.errors import Code, DeliveryError
from appliance.wiring import limits_of, password_of

MQTT_PORT = 1883
BROKER_LOOKS_SECONDS = 7


def watched(settings: Config, mounts: Mounts) -> Inbox:
    """The drop area."""
    wanted = settings.inbox
    pace = Pace(wanted.poll_seconds, wanted.network_poll_seconds)
    most_files = limits_of(settings).files
    return Inbox(settings.inbox_path, wanted.ignore, most_files, pace, mounts.is_network, wanted.mount)


def broker_address(settings: Config, embedded_port: int | None = None, told_port: int = 0) -> Address:
    """Where the results go. Raises DeliveryError when nothing is published.

    `embedded_port` is where this process's own broker listens; `told_port`, where another process said that it does.
    """
    wanted, own = settings.mqtt, settings.broker
    client_id = f"lumbarbox-{settings.box.node}"
    if embedded_port is not None or settings.embedded_broker:
        port = embedded_port or own.port or told_port or MQTT_PORT
        return Address(own.host, port, client_id, "3.1.1", keepalive=_keepalive(wanted))
    if not wanted.host:
        raise DeliveryError(Code.BROKER, "No broker is configured.", "Set mqtt.host, or switch broker.enabled on.")
    return Address(
        wanted.host,
        wanted.port,
        client_id,
        wanted.version,
        wanted.username,
        *password_of(wanted),
        tls=_tls(wanted),
        keepalive=_keepalive(wanted),
    )


def beside(address: Address, purpose: str) -> Address:
    """The same broker under another name, so that the running publisher is not thrown out."""
    return replace(address, client_id=f"{address.client_id}-{purpose}")


def _tls(wanted: Mqtt) -> Tls | None:
    verify = not wanted.tls_anyone_may_pretend_to_be_the_broker
    return Tls(wanted.ca_file, wanted.cert_file, wanted.key_file, verify) if wanted.tls else None


def _keepalive(wanted: Mqtt) -> int:
    """MQTT's own: a broker waits one and a half of it (MQTT 5, 3.1.2.10), and Mosquitto looks every five seconds."""
    return int((wanted.keepalive_seconds - BROKER_LOOKS_SECONDS) / 1.5)
