"""From Kaggle's files to a new models folder in one command: `python -m export.train_rsna --data DIR`.

    1. crops of every study, once (`<work>/cache`; 80 % training, 10 % validation, 10 % test, by patient)
    2. three graders, from the synthetic ones where they are there (`--start`), else from a trunk
    3. INT8 through the accuracy gate into `--out`; the detector is taken as it is: RSNA marks points, not boxes
    4. model cards, and the evaluation of the test patients

Every step leaves its result under `--work`, so the same command goes on after a stop. The times are in
docs/train-on-rsna.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from appliance.adapters.openvino_model import DETECTOR
from appliance.core.spine import Region
from export import evaluate, model_card, quantize
from export import train as training
from export.datasets.rsna2024 import labelled_studies
from export.grader.prepare import prepare_studies, specs_for


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    print("1/4 cutting crops", flush=True)
    count = prepare_studies(labelled_studies(args.data), args.work / "cache", specs_for(Region, args.size_px))
    print(f"{count} studies")
    for region in Region:
        print(f"2/4 training the {region} grader", flush=True)
        _train(region, args)
    print("3/4 quantising", flush=True)
    for folder in (args.out, args.work / "fp32"):
        take_detector(args.models, folder)
    for region in Region:
        _quantise(region, args)
    model_card.main(["--models", str(args.out)])
    print("4/4 evaluating the test patients", flush=True)
    return evaluate.main([
        "grades", "--dataset", "rsna2024", "--data", str(args.data), "--split", args.split, "--studies", str(args.studies),
        "--int8", str(args.out), "--fp32", str(args.work / "fp32"), "--results", str(args.work / "results"),
        "--answers", str(args.work / "answers"),
    ])  # fmt: skip


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="export.train_rsna", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="holds train.csv and train_images/")
    parser.add_argument("--work", type=Path, default=Path("runs/rsna2024"))
    parser.add_argument("--out", type=Path, default=Path("runs/rsna2024/models_int8"), help="the new models folder")
    parser.add_argument("--models", type=Path, default=Path("models_int8"), help="where the detector comes from")
    parser.add_argument("--start", type=Path, default=Path("runs/grader"), help="holds <region>/best.pt to start from")
    parser.add_argument("--trunk", type=Path, help="MobileNetV3-Large state dict, where there is nothing to start from")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=240.0, help="at most so long for each grader")
    parser.add_argument("--size-px", type=int, help="of the crops, where it is not the usual one")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--allowed-drop", type=float, default=quantize.ALLOWED_DROP)
    parser.add_argument("--force", action="store_true", help="write INT8 weights although the gate stays shut")
    parser.add_argument("--split", choices=("test", "all"), default="test", help="who is evaluated at the end")
    parser.add_argument("--studies", type=int, default=250, help="at most so many are evaluated at the end")
    return parser


def _train(region: Region, args: argparse.Namespace) -> None:
    out, start = args.work / region.value, args.start / region.value / "best.pt"
    if (out / "done").exists():
        return
    given = ["grader", "--region", region.value, "--dataset", "rsna2024", "--cache", str(args.work / "cache"),
             "--out", str(out), "--epochs", str(args.epochs), "--minutes", str(args.minutes),
             "--threads", str(args.threads), "--resume"]  # fmt: skip
    given += ["--size-px", str(args.size_px)] if args.size_px else []
    given += ["--start", str(start)] if start.exists() else ["--trunk", str(args.trunk)] if args.trunk else []
    training.main(given)
    (out / "done").touch()


def _quantise(region: Region, args: argparse.Namespace) -> None:
    given = ["--out", str(args.out), "--fp32", str(args.work / "fp32"), "--allowed-drop", str(args.allowed_drop)]
    given += ["--force"] if args.force else []
    quantize.main([*given, "grader", "--region", region.value, "--runs", str(args.work)])


def take_detector(models: Path, out: Path) -> None:
    """The detector's folder and its line in the manifest, as they are."""
    if out.resolve() == models.resolve():
        return
    entry = json.loads((models / "MANIFEST.json").read_text("utf-8"))
    shutil.copytree(models / DETECTOR, out / DETECTOR, dirs_exist_ok=True)
    path = out / "MANIFEST.json"
    manifest = json.loads(path.read_text("utf-8")) if path.exists() else {**entry, "models": {}}
    manifest["models"][DETECTOR] = entry["models"][DETECTOR]
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
