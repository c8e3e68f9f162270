"""A finished report becomes a result in the outbox."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from appliance.core import messages
from appliance.core.jobs import Job
from appliance.ports import Host, Outbox


class Announcer:
    """Fits `ports.HandOver`. On disk when it returns."""

    def __init__(self, outbox: Outbox, host: Host, node: str, identifiers: bool = False) -> None:
        self._outbox, self._host, self._node, self._identifiers = outbox, host, node, identifiers

    def __call__(self, report: Mapping[str, Any], job: Job, now: datetime) -> None:
        synced = self._host.facts().clock_synced
        body = messages.result_body(report, job, self._node, self._identifiers, synced)
        self._outbox.put(body["id"], _same_study(report), body, now)


def _same_study(report: Mapping[str, Any]) -> str:
    """Equal for results of one study, whose order is kept, and says nothing about it. A picture is its own study."""
    return hashlib.sha256(str(report["study"]["study_uid"] or report["report_id"]).encode()).hexdigest()[:16]


def to_nobody(report: Mapping[str, Any], job: Job, now: datetime) -> None:
    """Nothing is published: results must not pile up for a broker that is not there."""
