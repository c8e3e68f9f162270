"""The study that ships with the box: rendered, zipped, read by the shipped models: `python -m export.golden`.

`appliance/golden/study.zip` is what `lumbarbox selftest` reads; `expected.json` what it must read as. Run again
with `--expected-only` whenever `models_int8/` changes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from appliance.adapters.openvino_model import load_models
from appliance.core.report_json import to_json
from appliance.pipeline import Models, read_study
from appliance.reading import read_path
from appliance.selftest import EXPECTED, STUDY
from export.phantom import PhantomOptions, render_study, write_study
from export.phantom.options import Balance, Role

SEED, INDEX = 20_260_101, 8
OPTIONS = PhantomOptions(
    balance=Balance.TRAINING, quirks=False, simple_geometry=True, max_matrix=192,
    roles=(Role.SAGITTAL_T1, Role.SAGITTAL_T2, Role.AXIAL_T2),
)  # fmt: skip
MODELS = Path(__file__).resolve().parents[1] / "models_int8"
EPOCH = (2026, 1, 1, 0, 0, 0)


def write_study_zip() -> None:
    """The same bytes each time: fixed dates, sorted names."""
    with tempfile.TemporaryDirectory() as folder:
        write_study(render_study(SEED, INDEX, OPTIONS), Path(folder))
        STUDY.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(STUDY, "w") as archive:
            for path in sorted(p for p in Path(folder).rglob("*.dcm")):
                entry = zipfile.ZipInfo(str(path.relative_to(folder)), EPOCH)
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)


def write_expected(models_folder: Path) -> None:
    """What the shipped models say of it: levels, findings, models; nothing that changes from run to run."""
    models = load_models(models_folder)
    report = to_json(read_study(read_path(STUDY), Models(models.detector, models.graders), datetime.now(UTC)))
    kept = {key: report[key] for key in ("report_id", "outcome", "levels", "findings", "models")}  # type: ignore[literal-required]
    EXPECTED.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


def main() -> None:
    """Both, or only what the models say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--expected-only", action="store_true")
    parser.add_argument("--models", type=Path, default=MODELS)
    args = parser.parse_args()
    if not args.expected_only:
        write_study_zip()
    write_expected(args.models)
    print(STUDY, STUDY.stat().st_size // 1024, "KB;", EXPECTED)


if __name__ == "__main__":
    main()
