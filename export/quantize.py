"""Trained weights to shipped INT8 models: `python -m export.quantize detector|grader …`.

Writes `models_int8/<name>/` and its line in MANIFEST.json only when the accuracy gate opens, or with `--force`.
Everything is measured through the appliance's own adapter, so what is measured is what will run.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from appliance.core.spine import Region
from export.openvino_ir import detector_subject, grader_subject
from export.openvino_ir.convert import ov, save, write_facts
from export.openvino_ir.gate import ALLOWED_DROP
from export.openvino_ir.int8 import Quantized, quantize_until_it_holds
from export.openvino_ir.manifest import record
from export.openvino_ir.subject import Subject

MODELS = Path("models_int8")


def ship(
    subject: Subject, models: Path, fp32: Path, allowed_drop: float, force: bool = False, first_scope: int = 0
) -> Quantized:
    """Quantise, judge, and put in place. Raises SystemExit when the gate stays shut and nobody forces it.

    The FP32 model goes to `fp32`, so that both can be measured side by side later.
    """
    done = quantize_until_it_holds(
        subject.ir,
        subject.calibration,
        subject.scopes[first_scope:],
        lambda model: _measured(subject, model),
        allowed_drop,
    )
    _tell(subject.name, done)
    if not done.verdict.passed and not force:
        raise SystemExit(f"{subject.name}: {done.verdict.worst} fell too far; nothing was written")
    _put(subject, done, subject.ir, fp32)
    _put(subject, done, done.model, models)
    return done


def _measured(subject: Subject, model: ov.Model) -> Mapping[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        _save(subject, model, Path(folder))
        return subject.measure(Path(folder))


def _save(subject: Subject, model: ov.Model, folder: Path) -> str:
    """Returns the precision, read off the network itself."""
    int8 = any(op.get_type_name() == "FakeQuantize" for op in model.get_ordered_ops())
    precision = "INT8" if int8 else "FP32"
    written = model.clone()
    write_facts(written, {**subject.facts, "name": subject.name, "precision": precision})
    save(written, folder)
    return precision


def _put(subject: Subject, done: Quantized, model: ov.Model, models: Path) -> None:
    shutil.rmtree(models / subject.name, ignore_errors=True)
    precision = _save(subject, model, models / subject.name)
    facts = {
        "kind": subject.facts["kind"],
        "version": subject.facts["version"],
        "precision": precision,
        "origin": subject.origin,
        "calibration_set": f"{len(subject.calibration)} of {subject.calibration_set}",
        "kept_in_floating_point": f"{done.scope.name}: {done.scope.why}",
        "measured_on": subject.measured_on,
        "fp32": {k: round(v, 4) for k, v in done.fp32.items()},
        "int8": {k: round(v, 4) for k, v in done.int8.items()},
        **subject.told,
    }
    record(models, subject.name, facts)


def _tell(name: str, done: Quantized) -> None:
    for metric, before in done.fp32.items():
        print(f"{name} {metric}: FP32 {before:.4f}  INT8 {done.int8[metric]:.4f}  ({done.scope.name})")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="export.quantize", description=__doc__)
    parser.add_argument("--out", type=Path, default=MODELS)
    parser.add_argument("--fp32", type=Path, default=Path("runs/fp32"), help="where the FP32 models go")
    parser.add_argument("--version", default="0.1.0")
    parser.add_argument("--allowed-drop", type=float, default=ALLOWED_DROP)
    parser.add_argument("--force", action="store_true", help="write although the gate stays shut")
    parser.add_argument("--first-scope", type=int, default=0, help="skip scopes an earlier run has shown to fail")
    kinds = parser.add_subparsers(dest="kind", required=True)
    detector_subject.add_arguments(kinds.add_parser("detector"))
    grader = kinds.add_parser("grader")
    grader.add_argument("--region", type=Region, choices=list(Region), required=True)
    grader_subject.add_arguments(grader)
    args = parser.parse_args(arguments)
    build = detector_subject.build if args.kind == "detector" else grader_subject.build
    ship(build(args), args.out, args.fp32, args.allowed_drop, args.force, args.first_scope)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
