"""What each model said of each study, kept on disk by the weights that said it: a stopped evaluation goes on.

    <folder>/<source>-<weights>.jsonl    one line a study

Weights are named by their hashes, so new ones never find old answers. The code of the reading is not in the name:
`--fresh` reads again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from appliance.adapters.openvino_model import load_models
from appliance.core.spine import Condition, Level, Severity
from appliance.pipeline import DEFAULTS, Models, Options
from export.evaluation.sources import Source
from export.metrics import Graded
from export.reading import Read, read_one


@dataclass(frozen=True, slots=True)
class Weights:
    """Four models and the name of their precision in a table."""

    name: str
    models: Models

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256("".join(i.sha256 for i in self.models.identities).encode()).hexdigest()[:12]


def opened(int8: Path, fp32: Path) -> list[Weights]:
    """INT8, and FP32 where its folder is there. Raises SystemExit when there is neither."""
    folders = [(name, folder) for name, folder in (("INT8", int8), ("FP32", fp32)) if (folder / "MANIFEST.json").exists()]
    if not folders:
        raise SystemExit(f"no models in {int8} or {fp32}")
    return [_opened(name, folder) for name, folder in folders]


def _opened(name: str, folder: Path) -> Weights:
    loaded = load_models(folder)
    return Weights(name, Models(loaded.detector, loaded.graders, loaded.device, loaded.fallback))


def read_or_recall(
    source: Source, weights: Weights, folder: Path, options: Options = DEFAULTS, fresh: bool = False
) -> list[Read]:
    """Every study of the source; those already answered are not drawn again."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{source.name}-{weights.fingerprint}.jsonl"
    if fresh:
        path.unlink(missing_ok=True)
    known = {read.study_id: read for read in recalled(path)}
    reads = []
    for study_id, load in source.studies():
        if study_id not in known:
            known[study_id] = read_one(load(), weights.models, options)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(known[study_id])) + "\n")
            print(f"{weights.name} {source.name} {study_id}", flush=True)
        reads.append(known[study_id])
    return reads


def recalled(path: Path) -> Iterator[Read]:
    """The answers of earlier runs; a line cut short by a stop is left out."""
    if not path.exists():
        return
    for line in path.read_text("utf-8").splitlines():
        try:
            raw = json.loads(line)
        except json.JSONDecodeError:
            continue
        graded = tuple(_graded(g) for g in raw.pop("graded"))
        lists = {k: tuple(raw.pop(k)) for k in ("level_errors_mm", "reasons")}
        yield Read(graded=graded, **raw, **lists)


def _graded(raw: dict) -> Graded:  # type: ignore[type-arg]
    condition, level = Condition(raw["condition"]), Level(raw["level"])
    normal, moderate, severe = raw["probabilities"]
    return Graded(raw["study_id"], condition, level, Severity(raw["truth"]), (normal, moderate, severe), raw["patient"])
