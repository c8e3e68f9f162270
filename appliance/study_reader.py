"""The real reader: files to a Study, a Study to a Report, a Report to files. Fits `ports.Reader`."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from appliance.adapters.file_source import Called, own_name
from appliance.core.limits import Limits
from appliance.core.report_json import to_json
from appliance.errors import Code, ModelError
from appliance.pipeline import Models, read_study
from appliance.ports import Progress, Reading, ToRead
from appliance.reading import ReadFile, read_file, read_path
from appliance.report_folder import DEFAULTS, Leaves, write_all


class StudyReader:
    """`load` makes the models ready; `check` reads the built-in study with them. Both raise ModelError."""

    def __init__(
        self, limits: Limits, load: Callable[[], Models], check: Callable[[Models], None], decode: ReadFile = read_file,
        leaves: Leaves = DEFAULTS, called: Called = own_name,
    ) -> None:  # fmt: skip
        """`called`: what people call the file a copy was made of."""
        self._limits, self._load, self._check, self._decode = limits, load, check, decode
        self._leaves, self._called = leaves, called
        self._models: Models | None = None

    @property
    def fingerprint(self) -> str:
        sums = "".join(identity.sha256 for identity in self._ready().identities)
        return hashlib.sha256(sums.encode()).hexdigest()[:16]

    def prepare(self) -> Mapping[str, Any]:
        self._models = None
        models = self._load()
        self._check(models)
        self._models = models
        names = [
            {"name": m.name, "version": m.version, "sha256": m.sha256, "precision": m.precision}
            for m in models.identities
        ]
        return {"models": names, "device": models.device, "fallback": models.fallback}

    def read(self, study: ToRead, now: datetime, progress: Progress) -> Reading:
        models, expected = self._ready(), len(study.files)
        found = read_path(
            study.files,
            self._limits,
            decode=self._decode,
            study_uid=study.study_uid,
            called=self._called,
            progress=lambda files: progress("files", files, max(expected, files)),
        )
        report = read_study(found, models, now, revision=study.revision, progress=progress)

        def write(folder: Path) -> None:
            write_all(report, found, folder, self._leaves)

        return Reading(cast(Mapping[str, Any], to_json(report)), write, found.patient)

    def _ready(self) -> Models:
        if self._models is None:
            raise ModelError(Code.MODEL_MISSING, "The models are not loaded.", "See the box's health for why.")
        return self._models
