"""Stands where the models stand, when the care of jobs is tested and not the reading: it lists what it was given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from appliance.core.gathering import Image
from appliance.core.models import ModelIdentity
from appliance.core.report import Finding, Outcome, Reason, Report, Runtime, Times
from appliance.core.report_json import to_json
from appliance.core.spine import CONDITIONS, LEVELS
from appliance.errors import Code, InputError
from appliance.ports import Progress, Reading, ToRead


class ListingReader:
    """Its report grades nothing and names, as warnings, the SOP Instance UIDs of the images. Fits `ports.Reader`."""

    fingerprint = "none"

    def __init__(self, inspect: Callable[[Sequence[Path]], Sequence[Image]]) -> None:
        self._inspect = inspect

    def prepare(self) -> Mapping[str, Any]:
        return {"models": [], "device": "none"}

    def read(self, study: ToRead, now: datetime, progress: Progress) -> Reading:
        progress("files", 1, 2)
        sops = sorted({i.sop_uid for i in self._inspect(study.files) if i.study_uid == study.study_uid})
        if not sops:
            raise InputError(Code.NOT_DICOM, "There is no image of this study.", "Send it again.")
        content = to_json(_report(study, sops, now))
        progress("files", 2, 2)

        def write(folder: Path) -> None:
            (folder / "report.json").write_text(json.dumps(content), "utf-8")

        return Reading(content, write)


def _report(study: ToRead, sops: list[str], now: datetime) -> Report:
    return Report(
        report_id=hashlib.sha256("".join([study.study_uid, *sops]).encode()).hexdigest()[:16],
        revision=study.revision,
        outcome=Outcome.NOT_EVALUABLE,
        study_uid=study.study_uid,
        series=(),
        levels=(),
        findings=tuple(Finding(c, level, reason=Reason.LEVEL_NOT_FOUND) for c in CONDITIONS for level in LEVELS),
        alerts=(),
        warnings=tuple(sops),
        models=(ModelIdentity("none", "0", "0" * 64, "INT8"),),
        runtime=Runtime("none", "INT8", False),
        times=Times(now.isoformat()),
    )
