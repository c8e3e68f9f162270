"""Tells systemd that the box is ready and alive. Does nothing where there is no systemd."""

from __future__ import annotations

import socket
from collections.abc import Mapping


class Systemd:
    """`environment` holds NOTIFY_SOCKET when systemd started us with Type=notify."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self) -> None:
        self._say("READY=1")

    def alive(self) -> None:
        self._say("WATCHDOG=1")

    def status(self, words: str) -> None:
        self._say(f"STATUS={words}")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def _say(self, line: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.connect(self._address)
                out.send(line.encode())
        except OSError:
            return  # systemd not listening is no reason to stop reading studies
