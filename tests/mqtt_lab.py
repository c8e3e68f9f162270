"""A bad network on the loopback: a real Mosquitto that can be stopped, killed, frozen and emptied, a wire that can be cut,
an observer that writes down what arrives, certificates good and bad. Used by the tests and by `benchmarks/mqtt_storm.py`.
"""

from __future__ import annotations

import json
import select
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from appliance.adapters.broker import free_port
from appliance.core import messages
from appliance.core.jobs import Job, Source, State
from appliance.core.report_json import to_json
from tests.fakes import MORNING, report

HOST = "127.0.0.1"
MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
SUBSCRIBER = shutil.which("mosquitto_sub")
needs_mosquitto = pytest.mark.skipif(not (MOSQUITTO and SUBSCRIBER), reason="mosquitto is not installed")

def until(reached: Callable[[], object], act: Callable[[], object] = lambda: None, seconds: float = 20) -> None:
    """Act again and again, for a bounded time."""
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, "it took too long"
        act()
        time.sleep(0.01)


class Mosquitto:
    """A real broker in a folder. `settings` is its configuration but for the listener's line."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true", head: str = "", port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port(HOST)
        self.config, self.store, self.log = folder / "mosquitto.conf", folder / "mosquitto.db", folder / "mosquitto.log"
        self._head = head
        self.configure(settings)
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self, settings: str) -> None:
        """For the next start."""
        self.config.write_text(f"user root\n{self._head}\nlistener {self.port} {HOST}\n{settings}\n")

    def start(self) -> Mosquitto:
        assert MOSQUITTO
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", str(self.config)], stderr=log, stdout=log)
        until(self._listens)
        return self

    def _listens(self) -> bool:
        assert self.process and self.process.poll() is None, self.log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex((HOST, self.port)) == 0

    def stop(self, number: int = signal.SIGTERM) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            process.wait(10)

    def kill(self) -> None:
        self.stop(signal.SIGKILL)

    def freeze(self) -> None:
        """Its connections stay open, and nothing comes back."""
        assert self.process
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process
        self.process.send_signal(signal.SIGCONT)

    def empty(self) -> None:
        """Killed, and whatever it had stored is gone."""
        self.kill()
        self.store.unlink(missing_ok=True)

    def kept(self, topic: str = "lumbarbox/#", seconds: float = 1.0) -> dict[str, str]:
        """What it keeps, by topic."""
        observer = Observer(self.port, topic)
        time.sleep(seconds)
        observer.close()
        return {m.topic: m.payload.decode() for m in observer.messages if m.retain}


class Wire:
    """A TCP relay to `port` on its own port, which can be cut, cut in mid-packet, silenced and closed."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server((HOST, 0))
        self.port = int(self._server.getsockname()[1])
        self.open, self.silent = True, False
        self.cut_after: int | None = None
        """So many bytes more towards the broker, then the line is cut."""
        self.cuts = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock, self._ending = threading.Lock(), False
        threading.Thread(target=self._accept, daemon=True).start()
        threading.Thread(target=self._relay, daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            self.cuts += 1
            for end in pair:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
                end.close()

    def close(self) -> None:
        self._ending = True
        self.cut()
        self._server.close()

    def _accept(self) -> None:
        while not self._ending:
            try:
                inner, _ = self._server.accept()
                if not self.open:
                    inner.close()
                    continue
                outer = socket.create_connection((HOST, self._target), timeout=2)
            except OSError:
                if self._ending:
                    return
                inner.close()
                continue
            with self._lock:
                self._pairs.append((inner, outer))

    def _relay(self) -> None:
        while not self._ending:
            with self._lock:
                towards = {a: (a, b) for a, b in self._pairs} | {b: (b, a) for a, b in self._pairs}
            if self.silent or not towards:
                time.sleep(0.01)
                continue
            try:
                for source in select.select([s for s in towards if s.fileno() >= 0], [], [], 0.05)[0]:
                    self._carry(*towards[source])
            except (OSError, ValueError):
                self.cut()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        data = source.recv(65536)
        if not data:
            self.cut()
            return
        with self._lock:
            from_the_box = any(source is inner for inner, _ in self._pairs)
        if from_the_box and self.cut_after is not None:
            data, self.cut_after = data[: self.cut_after], self.cut_after - len(data)
            target.sendall(data)
            if self.cut_after <= 0:
                self.cut_after = None
                self.cut()
            return
        target.sendall(data)


class Observer:
    """A dashboard: subscribes, comes back by itself, and writes down everything. Its session outlives its connection."""

    def __init__(self, port: int, topic: str = "lumbarbox/#", name: str = "", **login: str) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self.ids: Counter[str] = Counter()
        self.subscribed = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv311, clean_session=not name
        )
        if login:
            self._client.username_pw_set(login["username"], login["password"])
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda *_: self._subscribe(topic)
        self._client.on_disconnect = lambda *_: self.subscribed.clear()
        self._client.on_subscribe = lambda *_: self.subscribed.set()
        self._client.on_message = self._note
        until(lambda: self._connected(port))
        self._client.loop_start()
        assert self.subscribed.wait(10)

    def _connected(self, port: int) -> bool:
        """A broker opens its listeners one after another."""
        try:
            return self._client.connect(HOST, port) == paho.MQTT_ERR_SUCCESS
        except ConnectionRefusedError:
            return False

    def _subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, 1)

    def _note(self, client: Any, userdata: Any, message: paho.MQTTMessage) -> None:
        self.messages.append(message)
        if message.topic.endswith("/result"):
            self.ids[json.loads(message.payload).get("id", "")] += 1

    def said(self, ending: str) -> list[str]:
        """Payloads on topics with this ending, in the order they came, the retained ones too."""
        return [m.payload.decode() for m in self.messages if m.topic.endswith(ending)]

    def publish(self, topic: str, body: object, retain: bool = False) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self._client.publish(topic, text, 1, retain).wait_for_publish(5)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def result(number: int, node: str = "box") -> dict[str, Any]:
    """A whole result of 25 findings, as the reader would put it into the outbox."""
    job = Job(f"job{number:06d}", "patient", Source.SHARE, State.DONE, MORNING, MORNING)
    made = messages.result_body(json.loads(json.dumps(to_json(report()))), job, node, False, True)
    return {**made, "id": f"r{number:06d}.1"}


def certificates(folder: Path) -> dict[str, Path]:
    """A CA, the broker's certificate by it (good, expired, another host's), a box's own, and a stranger's CA."""
    made = {"ca": _authority(folder, "ca"), "stranger": _authority(folder, "stranger")}
    for name, host, days in (("good", HOST, 2), ("expired", HOST, -1), ("other", "192.0.2.1", 2), ("box", HOST, 2)):
        made[name] = _signed(folder, name, host, days)
    return made


def _authority(folder: Path, name: str) -> Path:
    _openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")  # fmt: skip
    return folder / f"{name}.crt"


def _signed(folder: Path, name: str, host: str, days: int) -> Path:
    (folder / f"{name}.ext").write_text(f"subjectAltName=IP:{host}\n")
    _openssl(folder, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")  # fmt: skip
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
             "-days", str(days), "-extfile", f"{name}.ext", "-out", f"{name}.crt")  # fmt: skip
    return folder / f"{name}.crt"


def _openssl(folder: Path, *words: str) -> None:
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
