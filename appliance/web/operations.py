"""For machines: is it alive, is it ready, figures for Prometheus. Nothing here names a study."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flask import Blueprint, Response, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from appliance.core.health import ALARM_CODES, Health, Verdict
from appliance.core.jobs import State
from appliance.core.messages import health_body
from appliance.errors import SystemicError
from appliance.ports import Ledger
from appliance.web.services import services

pages = Blueprint("operations", __name__)


@pages.get("/healthz")
def healthz() -> Response:
    """The page answers."""
    return Response("ok\n", mimetype="text/plain")


@pages.get("/readyz")
def readyz() -> tuple[Response, int]:
    """200 only when a study dropped now would be read: golden study read rightly, ledger writable, nothing stopped."""
    try:
        services().ledger.set_fact("last_ready_probe", services().clock().isoformat())
        health = services().health()
    except SystemicError as exc:
        return jsonify({"status": Verdict.STOPPED, "reasons": [exc.message], "alarms": [exc.code]}), 503
    return jsonify(health_body(health)), 503 if health.verdict is Verdict.STOPPED else 200


@pages.get("/metrics")
def metrics() -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(services().ledger, services().health))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    """Taken anew at each scrape; `lumbarbox_up` is 0 when the ledger cannot be read."""

    def __init__(self, ledger: Ledger, health: Callable[[], Health]) -> None:
        self._ledger, self._health = ledger, health

    def collect(self) -> Iterator[Metric]:
        try:
            taken = [*_of_health(self._health()), _studies(self._ledger)]
        except SystemicError:
            taken = []
        yield _gauge("up", "1 when the ledger can be read", bool(taken))
        yield from taken


def _of_health(health: Health) -> Iterator[Metric]:
    host = health.host
    yield _gauge("ready", "1 when a study dropped now would be read", health.verdict is not Verdict.STOPPED)
    yield _gauge("reader_ready", "1 when the built-in study was read rightly", health.reader_ready)
    yield _gauge("outbox_results", "results waiting for the broker", health.outbox)
    yield _gauge("disk_free_bytes", "free on the box's disk", host.disk_free_mb << 20)
    yield _gauge("disk_size_bytes", "of the box's disk", host.disk_total_mb << 20)
    yield _gauge("memory_used_bytes", "memory in use", host.memory_used_mb << 20)
    yield _gauge("memory_size_bytes", "memory of the box", host.memory_total_mb << 20)
    yield _gauge("load1", "load of the last minute", host.load)
    if host.temperature_c is not None:
        yield _gauge("temperature_celsius", "of the processor", host.temperature_c)
    if host.clock_synced is not None:
        yield _gauge("clock_synced", "1 when the clock is set by the network", host.clock_synced)
    alarms = GaugeMetricFamily("lumbarbox_alarm", "1 while this alarm is raised", labels=["code"])
    raised = {alarm.code for alarm in health.alarms}
    for code in sorted(ALARM_CODES | raised):
        alarms.add_metric([code], code in raised)
    yield alarms


def _studies(ledger: Ledger) -> Metric:
    found = GaugeMetricFamily("lumbarbox_studies", "studies by state", labels=["state"])
    for state in State:
        found.add_metric([state.value], ledger.count(state))
    return found


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"lumbarbox_{name}", text, value=float(value))
