"""For machines: is it alive, is it ready, figures for Prometheus. Nothing here names a study."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, jsonify

from appliance.core.health import Health, Verdict
from appliance.core.jobs import State
from appliance.core.messages import health_body
from appliance.errors import SystemicError
from appliance.web.services import services

pages = Blueprint("operations", __name__)


@pages.get("/healthz")
def healthz() -> Response:
    """The page answers."""
    return Response("ok\n", mimetype="text/plain")


@pages.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 only when a study dropped now would be read: models checked, ledger writable, nothing stopped."""
    services().ledger.set_fact("last_ready_probe", services().clock().isoformat())
    health = services().health()
    return jsonify(health_body(health)), 503 if health.verdict is Verdict.STOPPED else 200


@pages.get("/metrics")
def metrics() -> Response:
    try:
        lines = list(_metrics(services().health()))
    except SystemicError:
        lines = ["lumbarbox_up 0"]
    return Response("\n".join(lines) + "\n", content_type="text/plain; version=0.0.4; charset=utf-8")


def _metrics(health: Health) -> Iterator[str]:
    ledger, host = services().ledger, health.host
    yield from _gauge("up", "1 when the ledger can be read", 1)
    yield from _gauge("ready", "1 when the models are checked and reading", int(health.reader_ready))
    yield from _gauge("outbox_results", "results waiting for the broker", health.outbox)
    yield from _gauge("disk_free_bytes", "free on the box's disk", host.disk_free_mb << 20)
    yield from _gauge("memory_used_bytes", "memory in use", host.memory_used_mb << 20)
    if host.temperature_c is not None:
        yield from _gauge("temperature_celsius", "of the processor", host.temperature_c)
    yield "# HELP lumbarbox_studies studies by state\n# TYPE lumbarbox_studies gauge"
    for state in State:
        yield f'lumbarbox_studies{{state="{state.value}"}} {ledger.count(state)}'
    yield "# HELP lumbarbox_alarm 1 while an alarm is raised\n# TYPE lumbarbox_alarm gauge"
    for alarm in health.alarms:
        yield f'lumbarbox_alarm{{code="{alarm.code}"}} 1'


def _gauge(name: str, text: str, value: float) -> Iterator[str]:
    yield f"# HELP lumbarbox_{name} {text}"
    yield f"# TYPE lumbarbox_{name} gauge"
    yield f"lumbarbox_{name} {value:g}" if isinstance(value, float) else f"lumbarbox_{name} {value}"
