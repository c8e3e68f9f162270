"""`lumbarbox serve`: the whole box in one process; `intake|reader|publisher|web`: one part each, on the same ledger."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from appliance import commands_jobs, commands_mqtt
from appliance.adapters.sd_notify import Systemd
from appliance.config import Config
from appliance.wiring import read_config

if TYPE_CHECKING:
    from appliance.running import Running

WELL, FAULT = 0, 1
ALL = ("publisher", "intake", "reader", "web")
WATCH_SECONDS = 5.0

Parsers = argparse._SubParsersAction  # the only name argparse has for it


def add_commands(subparsers: Parsers[argparse.ArgumentParser]) -> None:
    """`serve`, its parts, `jobs`, `mqtt` and `outbox`."""
    serve = subparsers.add_parser("serve", help="run the whole box: inbox, reader, MQTT, page")
    _add_common(serve)
    serve.add_argument("--demo", nargs="?", const="", metavar="STUDY", help="read the shipped sample study, or STUDY")
    serve.add_argument("--once", action="store_true", help="with --demo: stop when it is read")
    serve.set_defaults(run=_serve, parts=ALL)
    for part in sorted(ALL):
        one = subparsers.add_parser(part, help=f"run the {part} alone, on the same ledger")
        _add_common(one)
        one.set_defaults(run=_serve, parts=(part,), demo=None, once=False)
    commands_jobs.add_commands(subparsers)
    commands_mqtt.add_commands(subparsers)


def settings_of(args: argparse.Namespace) -> Config:
    """The configuration, with what the command line says over it."""
    settings = read_config(args.config, args.data)
    if args.demo is None:
        return settings
    overrides: dict[str, Any] = {}  # a sample run must not fail because something else listens on the usual ports.
    if not _is_free(settings.web.host, settings.web.port):
        overrides["web__port"] = 0
    if not settings.mqtt.host:
        overrides["broker__enabled"] = True
    if not settings.mqtt.host and not _is_free(settings.broker.host, settings.broker.port):
        overrides["broker__port"] = 0
    return read_config(args.config, args.data, **overrides)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help="the configuration")
    parser.add_argument("--data", metavar="DIR", help="the box's folder, over box.data")


def _serve(args: argparse.Namespace) -> int:
    from appliance.box import Box  # here, so that `lumbarbox read` does not load a web server
    from appliance.demo import Demo
    from appliance.running import Running

    level = logging.WARNING if args.demo is not None else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it would tell the letters of every PDF
    stopping = _on_signals()
    running = Running(Box(settings_of(args)), args.parts)
    try:
        _announce(running)
        code = (
            Demo(running.box, running.url, Path(args.demo) if args.demo else None).run()
            if args.demo is not None
            else WELL
        )
        if not args.once:
            code = _keep_serving(running, stopping) or code
    finally:
        print("Stopping …", flush=True)
        running.stop()
    if running.is_busy:
        _leave_at_once(code)
    return code


def _leave_at_once(code: int) -> NoReturn:
    """Everything is written down; a thread that still computes inside a model is not waited for any longer.

    Python's own way out would take the ground from under it: the process then died of SIGABRT or SIGSEGV.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _keep_serving(running: Running, stopping: threading.Event) -> int:
    """Until a signal, or until the ledger is damaged, which a new start repairs.

    systemd is told that all is well only while every part comes round.
    """
    systemd = Systemd(os.environ)
    systemd.ready()
    while not stopping.wait(WATCH_SECONDS):
        running.supervise()
        if running.is_well():
            systemd.alive()
        if not running.box.ledger.is_sound:
            return FAULT
    systemd.stopping()
    return WELL


def _announce(running: Running) -> None:
    settings = running.box.settings
    lines = [f"Lumbarbox {settings.box.node!r} is running.", f"  Inbox        {settings.inbox_path}"]
    if running.url:
        lines.append(f"  Page         {running.url}")
    if running.setup_url:
        lines.append(f"  First login  {running.setup_url}")
    if running.broker_address:
        lines.append(f"  MQTT         {running.broker_address}, topics lumbarbox/{settings.box.node}/#")
    print("\n".join([*lines, "  Stop with Ctrl-C."]), flush=True)


def _on_signals() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
