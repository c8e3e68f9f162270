"""The models of `reader.second_opinion` in one command: `python -m export.second_opinion`.

    1. the phantom's crops, where `runs/grader/cache` has none yet
    2. three EfficientNet-B0 graders: the canal's from random weights, the others from the canal's trunk
    3. INT8 through the accuracy gate into `--out`, beside the first graders; a card for each
    4. what they are worth and what they cost (`python -m export.evaluate second`)

Every step leaves its result under `--runs`, so the same command goes on after a stop. docs/second-opinion.md has the
times, and what came of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from appliance.core.spine import Region
from export import evaluate, model_card, quantize
from export import train as training
from export.grader import prepare
from export.grader.backbone import EFFICIENTNET_B0
from export.openvino_ir.gate import ALLOWED_DROP

RUNS = Path("runs/grader")
STUDIES = {"train": 170, "val": 120, "test": 80, "test_natural": 30}
"""Drawn where there are none; what the numbers in docs/second-opinion.md were measured with."""


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    _draw(args.runs / "cache", args.threads)
    for region in Region:
        if not (args.runs / EFFICIENTNET_B0.run(region) / "done").exists():
            _train(region, args)
    for region in Region:
        _quantise(region, args)
    model_card.main(["--models", str(args.out)])
    crops = [str(args.runs / "cache" / split) for split in ("test", "test_natural")]
    asked = ["second", "--int8", str(args.out), "--crops", *crops, "--studies", str(args.studies)]
    return evaluate.main([*asked, "--results", str(args.results)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="export.second_opinion", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=RUNS, help="holds cache/, and gets the trained weights")
    parser.add_argument("--out", type=Path, default=quantize.MODELS, help="a models folder; its MANIFEST.json gets them too")
    parser.add_argument("--fp32", type=Path, default=Path("runs/fp32"), help="where the FP32 models go")
    parser.add_argument("--minutes", type=float, default=18.0, help="of training for each region")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--allowed-drop", type=float, default=ALLOWED_DROP)
    parser.add_argument("--force", action="store_true", help="write INT8 weights although the gate stays shut")
    parser.add_argument("--studies", type=int, default=20, help="whole readings at the end")
    parser.add_argument("--results", type=Path, default=Path("runs/evaluation"), help="where the measured tables go")
    return parser


def _draw(cache: Path, workers: int) -> None:
    for split, count in STUDIES.items():
        if not any((cache / split).glob("*")):
            prepare.main(["--split", split, "--studies", str(count), "--workers", str(workers), "--cache", str(cache)])


def _train(region: Region, args: argparse.Namespace) -> None:
    """A trunk learns what a spine looks like once; only the canal's begins with nothing."""
    out = args.runs / EFFICIENTNET_B0.run(region)
    canal = args.runs / EFFICIENTNET_B0.run(Region.CANAL) / "best.pt"
    given = ["--backbone", EFFICIENTNET_B0.name] if region is Region.CANAL else ["--start", str(canal)]
    training.main([
        "grader", "--region", region.value, "--cache", str(args.runs / "cache"), "--out", str(out), *given,
        "--epochs", "200", "--minutes", str(args.minutes), "--threads", str(args.threads), "--resume",
    ])  # fmt: skip
    (out / "done").touch()


def _quantise(region: Region, args: argparse.Namespace) -> None:
    given = ["--out", str(args.out), "--fp32", str(args.fp32), "--allowed-drop", str(args.allowed_drop)]
    given += ["--force"] if args.force else []
    quantize.main([*given, "grader", "--region", region.value, "--backbone", EFFICIENTNET_B0.name, "--runs", str(args.runs)])


if __name__ == "__main__":
    raise SystemExit(main())
