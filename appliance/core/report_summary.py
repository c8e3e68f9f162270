"""What the ledger remembers of a report. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.core.jobs import Result
from appliance.core.spine import SEVERITIES


def summary(report: Mapping[str, Any], fingerprint: str) -> Result:
    """Of report.json's content; `fingerprint` is that of the models that read it."""
    graded = [f["severity"] for f in report["findings"] if f["status"] == "graded"]
    return Result(
        report_id=report["report_id"],
        revision=report["revision"],
        outcome=report["outcome"],
        worst=max(graded, key=[s.value for s in SEVERITIES].index, default=""),
        alerts=len(report["alerts"]),
        graded=len(graded),
        fingerprint=fingerprint,
    )
