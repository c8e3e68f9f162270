"""The link against real brokers: Debian's Mosquitto, and the embedded one. Loopback only."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.adapters.broker import EmbeddedBroker, free_port
from appliance.adapters.mqtt import QUICK_ENDS, Address, MqttLink, Tls
from appliance.core.messages import Message, Topics, availability
from appliance.errors import Code, DeliveryError, SystemicError
from tests.fakes import SmallBox
from tests.mqtt_lab import HOST, Mosquitto, Observer, Wire, certificates, needs_mosquitto, until

TOPICS = Topics("box")


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path / "broker").start()
    yield broker
    broker.stop()


@pytest.fixture
def embedded() -> Iterator[EmbeddedBroker]:
    broker = EmbeddedBroker(HOST, 0)
    broker.start()
    yield broker
    broker.stop()


def at(port: int, name: str = "lumbarbox-box", **more: object) -> Address:
    return replace(Address(HOST, port, name, keepalive=5), **more)  # type: ignore[arg-type]


def deliver(link: MqttLink, message: Message) -> None:
    number = link.send(message)
    taken: list[int] = []
    until(lambda: number in taken, lambda: (link.pump(0.1), taken.extend(link.take_acknowledged())))


def why_not(address: Address) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        MqttLink(address).connect()
    assert caught.value.action
    return caught.value


@needs_mosquitto
@pytest.mark.parametrize("version", ["auto", "5", "3.1.1"])
def test_what_is_sent_arrives_and_is_acknowledged(mosquitto: Mosquitto, version: str) -> None:
    observer = Observer(mosquitto.port)
    link = MqttLink(at(mosquitto.port, version=version))
    link.connect()
    deliver(link, Message("lumbarbox/box/study/x/result", '{"id": "1"}'))
    until(lambda: observer.ids["1"])
    link.close()
    observer.close()


@needs_mosquitto
def test_a_box_that_vanishes_is_offline_and_one_that_stops_is_stopped(mosquitto: Mosquitto) -> None:
    observer = Observer(mosquitto.port)

    def link() -> MqttLink:
        made = MqttLink(at(mosquitto.port), availability(TOPICS, "offline"))
        made.connect()
        deliver(made, availability(TOPICS, "online"))
        return made

    vanishing = link()
    vanishing.drop()
    until(lambda: observer.said("availability") == ["online", "offline"])
    link().close(availability(TOPICS, "stopped"))
    until(lambda: observer.said("availability")[2:] == ["online", "stopped"])
    observer.close()


@needs_mosquitto
@pytest.mark.parametrize("version", ["5", "3.1.1"])
def test_another_client_of_the_same_name_is_noticed(mosquitto: Mosquitto, version: str) -> None:
    """Debian's Mosquitto does not say so: it shows by connections that end soon, again and again."""
    ours, theirs = (MqttLink(at(mosquitto.port, version=version)) for _ in range(2))
    with pytest.raises(DeliveryError) as caught:
        for _ in range(QUICK_ENDS):
            ours.connect()
            theirs.connect()
            try:
                until(lambda: False, lambda: ours.pump(0.1), 5)
            except DeliveryError as exc:
                if exc.code is not Code.BROKER:
                    raise
    assert caught.value.code is Code.CLIENT_ID_TAKEN and "lumbarbox-box" in caught.value.message
    theirs.close()


@needs_mosquitto
def test_a_connection_that_acknowledges_nothing_is_given_up(mosquitto: Mosquitto) -> None:
    link = MqttLink(at(mosquitto.port, keepalive=1))
    link.connect()
    mosquitto.freeze()
    link.send(Message("lumbarbox/box/info", "{}"))
    with pytest.raises(DeliveryError, match=r"acknowledges none|[Kk]eep ?alive"):
        until(lambda: False, lambda: link.pump(0.1), 10)
    assert not link.connected
    mosquitto.thaw()


@needs_mosquitto
def test_an_idle_connection_that_is_dead_is_noticed_within_two_keepalives(mosquitto: Mosquitto) -> None:
    link = MqttLink(at(mosquitto.port, keepalive=2))
    link.connect()
    mosquitto.freeze()
    with pytest.raises(DeliveryError):
        until(lambda: False, lambda: link.pump(0.1), 6)
    mosquitto.thaw()


@needs_mosquitto
def test_a_frozen_broker_is_not_waited_for_for_ever(mosquitto: Mosquitto) -> None:
    mosquitto.freeze()
    assert "does not answer" in str(why_not(at(mosquitto.port)))
    mosquitto.thaw()


@needs_mosquitto
def test_a_message_the_access_rules_forbid_is_refused_with_the_brokers_word(tmp_path: Path) -> None:
    (tmp_path / "acl").write_text("topic read #\n")
    broker = Mosquitto(tmp_path, f"allow_anonymous true\nacl_file {tmp_path / 'acl'}").start()
    link = MqttLink(at(broker.port))
    link.connect()
    link.send(Message("lumbarbox/box/info", "{}"))
    refused: list[tuple[int, str]] = []
    until(lambda: refused, lambda: (link.pump(0.1), refused.extend(link.take_refused())))
    assert "authori" in refused[0][1].lower() and link.take_acknowledged() == ()
    link.close()
    broker.stop()


@needs_mosquitto
def test_wrong_password_and_right_one_from_a_file_or_from_the_process(tmp_path: Path) -> None:
    passwords = tmp_path / "passwords"
    passwords.write_text("box:right\n")
    _hash(passwords)
    broker = Mosquitto(tmp_path / "b", f"allow_anonymous false\npassword_file {passwords}").start()
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    address = at(broker.port, username="box", password_file=str(secret))
    assert "authori" in str(why_not(address)).lower()
    secret.write_text("right\n")
    for good in (address, at(broker.port, username="box", password="right")):
        link = MqttLink(good)
        link.connect()
        link.close()
    assert "right" not in repr(at(1, password="right")), "a password is not written into a log"
    secret.unlink()
    assert "mqtt.password_file" in why_not(address).action
    broker.stop()


def _hash(passwords: Path) -> None:
    subprocess.run(["mosquitto_passwd", "-U", str(passwords)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return certificates(tmp_path_factory.mktemp("certificates"))


def encrypted(folder: Path, papers: dict[str, Path], name: str = "good", extra: str = "") -> Mosquitto:
    own = papers[name]
    settings = f"certfile {own}\nkeyfile {own.with_suffix('.key')}\ncafile {papers['ca']}\n{extra}\nallow_anonymous true"
    return Mosquitto(folder, settings).start()


@needs_mosquitto
def test_encrypted_by_a_certificate_of_our_own_authority(tmp_path: Path, papers: dict[str, Path]) -> None:
    broker = encrypted(tmp_path, papers)
    link = MqttLink(at(broker.port, tls=Tls(str(papers["ca"]))))
    link.connect()
    deliver(link, Message("lumbarbox/box/info", "{}"))
    link.close()
    broker.stop()


@needs_mosquitto
def test_encrypted_by_an_authority_the_system_trusts(
    tmp_path: Path, papers: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`SSL_CERT_FILE` is where OpenSSL looks for the system's authorities."""
    monkeypatch.setenv("SSL_CERT_FILE", str(papers["ca"]))
    broker = encrypted(tmp_path, papers)
    link = MqttLink(at(broker.port, tls=Tls()))
    link.connect()
    deliver(link, Message("lumbarbox/box/info", "{}"))
    link.close()
    broker.stop()


@needs_mosquitto
def test_a_certificate_that_proves_nothing_is_refused(tmp_path: Path, papers: dict[str, Path]) -> None:
    """A stranger's authority, the system's authorities, another host's name, and no encryption at all."""
    broker = encrypted(tmp_path / "good", papers)
    for tls in (Tls(str(papers["stranger"])), Tls()):
        assert "certificate is refused" in str(why_not(at(broker.port, tls=tls)))
    why_not(at(broker.port))
    other = encrypted(tmp_path / "other", papers, "other")
    assert "certificate is refused" in str(why_not(at(other.port, tls=Tls(str(papers["ca"])))))
    unverified = MqttLink(at(other.port, tls=Tls(verify=False)))
    unverified.connect()
    unverified.close()
    broker.stop()
    other.stop()


@needs_mosquitto
def test_an_expired_certificate_is_named_and_the_clock_suspected(tmp_path: Path, papers: dict[str, Path]) -> None:
    broker = encrypted(tmp_path, papers, "expired")
    words = str(why_not(at(broker.port, tls=Tls(str(papers["ca"])))))
    assert "expired" in words and "clock" in words
    broker.stop()


@needs_mosquitto
def test_a_broker_that_asks_for_the_boxs_certificate(tmp_path: Path, papers: dict[str, Path]) -> None:
    broker = encrypted(tmp_path, papers, extra="require_certificate true")
    ca, own = str(papers["ca"]), papers["box"]
    why_not(at(broker.port, tls=Tls(ca)))
    link = MqttLink(at(broker.port, tls=Tls(ca, str(own), str(own.with_suffix(".key")))))
    link.connect()
    deliver(link, Message("lumbarbox/box/info", "{}"))
    link.close()
    assert "mqtt.cert_file" in why_not(at(broker.port, tls=Tls(ca, str(tmp_path / "nowhere")))).action
    broker.stop()


def test_a_broker_that_knows_only_3_1_1_is_spoken_to_in_its_own_tongue(embedded: EmbeddedBroker) -> None:
    """The embedded one is such. Each connect tries 5 first: a broker that was restarted may be a newer one."""
    link = MqttLink(at(embedded.port))
    for _ in range(2):
        link.connect()
        deliver(link, Message("lumbarbox/box/info", "{}"))
        link.close()
    why_not(at(embedded.port, version="5"))


@needs_mosquitto
def test_a_line_cut_in_mid_packet_is_an_error_and_the_next_connection_a_new_one(mosquitto: Mosquitto) -> None:
    wire = Wire(mosquitto.port)
    link = MqttLink(at(wire.port))
    link.connect()
    wire.cut_after = 1000
    link.send(Message("lumbarbox/box/study/x/result", json.dumps({"id": "1", "pad": "x" * 4000})))
    with pytest.raises(DeliveryError):
        until(lambda: False, lambda: link.pump(0.1), 5)
    assert wire.cuts == 1
    link.connect()
    deliver(link, Message("lumbarbox/box/info", "{}"))
    link.close()
    wire.close()


def test_a_broker_that_talks_nonsense_is_a_delivery_error() -> None:
    server = socket.create_server((HOST, 0))

    def babble() -> None:
        for _ in range(4):
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.close()

    threading.Thread(target=babble, daemon=True).start()
    assert why_not(at(server.getsockname()[1])).code is Code.BROKER
    server.close()


def test_a_broker_that_says_taken_over_is_understood_at_once() -> None:
    """MQTT 5, DISCONNECT with reason 0x8E."""
    server = socket.create_server((HOST, 0))

    def accept_and_throw_out() -> None:
        connection, _ = server.accept()
        connection.recv(1000)
        connection.sendall(bytes.fromhex("2003000000" + "e0028e00"))
        time.sleep(1)

    threading.Thread(target=accept_and_throw_out, daemon=True).start()
    link = MqttLink(at(server.getsockname()[1], version="5"))
    with pytest.raises(DeliveryError) as caught:
        link.connect()
        until(lambda: False, lambda: link.pump(0.1), 5)
    assert caught.value.code is Code.CLIENT_ID_TAKEN
    server.close()


def test_nobody_there_is_a_delivery_error() -> None:
    assert "cannot be reached" in str(why_not(at(free_port(HOST))))
    assert "cannot be reached" in str(why_not(Address("no.such.host.invalid", 1883, "x")))


def test_an_abandoned_link_never_speaks_again(embedded: EmbeddedBroker) -> None:
    link = MqttLink(at(embedded.port, version="3.1.1"))
    link.connect()
    link.abandon()
    with pytest.raises(DeliveryError):
        link.send(Message("lumbarbox/box/info", "{}"))
    with pytest.raises(DeliveryError):
        link.connect()


def test_the_embedded_broker_carries_a_result_and_a_command(tmp_path: Path, embedded: EmbeddedBroker) -> None:
    box = SmallBox(tmp_path / "box")
    publisher = box.publisher(MqttLink(at(embedded.port, version="3.1.1"), availability(TOPICS, "offline")))
    observer = Observer(embedded.port)
    box.drop("patient", a="fine")
    box.turn()
    until(lambda: observer.ids and not box.outbox.count(), lambda: publisher.step(box.clock.tick()))
    observer.publish("lumbarbox/box/cmd/ping", {"id": "7", "expires_at": "2027-01-01T00:00:00+00:00"})
    until(lambda: observer.said("rsp/ping"), lambda: publisher.step(box.clock.tick()))
    publisher.stop()
    observer.close()


def test_an_address_that_is_taken_is_said_in_words(embedded: EmbeddedBroker) -> None:
    with pytest.raises(SystemicError, match="cannot listen"):
        EmbeddedBroker(HOST, embedded.port).start()
