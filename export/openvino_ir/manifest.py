"""`models_int8/MANIFEST.json`: what was shipped, its hashes and its numbers; the appliance verifies it at start."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SCHEMA = "lumbarbox.models/1"
FILES = ("model.xml", "model.bin")


def hashes(folder: Path) -> tuple[dict[str, str], str]:
    """SHA-256 of each file, and of model.xml followed by model.bin: the model's one name."""
    whole, each = hashlib.sha256(), {}
    for name in FILES:
        data = (folder / name).read_bytes()
        each[name] = hashlib.sha256(data).hexdigest()
        whole.update(data)
    return each, whole.hexdigest()


def record(models: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Add or replace one model's entry. `facts`: kind, version, precision, origin, calibration, accuracy."""
    path = models / "MANIFEST.json"
    manifest = json.loads(path.read_text("utf-8")) if path.exists() else {"schema": SCHEMA, "models": {}}
    files, sha256 = hashes(models / name)
    manifest["models"][name] = {**facts, "files": files, "sha256": sha256}
    manifest["models"] = dict(sorted(manifest["models"].items()))
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")
