"""What INT8 costs a grader, and which layers cost it: the same weights quantised in many ways, beside FP32.

Grades change at one place in fifty without any figure falling, because as many become right as wrong; so the ways are
compared by how far the answers move from FP32's (Kullback-Leibler) and by how many grades stay. Chosen on validation
places; the test places only show whether it holds there. Milliseconds are the best of many turns side by side.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import nncf
import numpy as np
from nncf.quantization.advanced_parameters import AdvancedQuantizationParameters, AdvancedSmoothQuantParameters
from numpy.typing import NDArray

from appliance.core.spine import Region
from benchmarks.results import Table
from export import metrics
from export.grader.data import BagSet, load_bags
from export.grader.model import export_module, load_grader
from export.openvino_ir.convert import grader_ir, ov
from export.openvino_ir.grader_subject import CALIBRATION_BAGS, as_read, calibration
from export.openvino_ir.int8 import GRADER_SCOPES, Scope, quantize

OLD = Scope("attention-and-last", (r"^/(.*/)?att/.*", r"^/(.*/)?fc/.*"), "what models 0.2.0 kept")
TURNS = 40
COLUMNS = ("region", "way", "quantisers", "moved from FP32 (KL × 1000), validation", "same grade, validation",
           "same grade, test", "macro F1 less FP32, points: validation", "test", "time, FP32 = 1")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    name: str
    scope: Scope
    bags: int = CALIBRATION_BAGS
    options: Mapping[str, Any] | None = None


def ways() -> tuple[Way, ...]:
    """What was shipped, then each thing that might cost or mend it, then the scopes in the order they are tried."""
    first = GRADER_SCOPES[0]
    smooth = AdvancedQuantizationParameters(smooth_quant_alphas=AdvancedSmoothQuantParameters(convolution=0.5, matmul=-1))
    return (
        Way("models 0.2.0: attention and last in FP32", OLD),
        *(Way(scope.name, scope) for scope in GRADER_SCOPES),
        Way("the first, calibrated on 300", first, 300),
        Way("the first, symmetric activations", first, options={"preset": nncf.QuantizationPreset.PERFORMANCE}),
        Way("the first, smooth quantisation", first, options={"advanced_parameters": smooth}),
        Way("the first, no bias correction", first,
            options={"advanced_parameters": AdvancedQuantizationParameters(disable_bias_correction=True)}),
    )  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=Path, default=Path("runs/grader"), help="holds <region>/best.pt and cache/")
    parser.add_argument("--regions", type=Region, nargs="*", default=list(Region))
    parser.add_argument("--studies", "--limit", type=int, default=80, help="at most so many of each split")


def run(args: argparse.Namespace) -> Mapping[str, list[Table]]:
    rows = [row for region in args.regions for row in rows_of(region, args.runs, args.studies)]
    data = f"SYNTHETIC crops: calibrated on training studies, at most {args.studies} validation and test studies"
    return {"int8-recipes": [Table("What INT8 costs the graders", data, args.command, COLUMNS, tuple(rows))]}


def rows_of(region: Region, runs: Path, studies: int) -> list[tuple[str, ...]]:
    """Raises SystemExit when the grader or its crops are not there."""
    weights = runs / region.value / "best.pt"
    if not weights.exists():
        raise SystemExit(f"{weights} is missing: train the graders first (docs/train.md)")
    net = load_grader(weights)
    fp32 = grader_ir(export_module(net), net.spec.size_px, net.spec.slices)
    train, val, test = (_bags(runs / "cache" / split, net.spec, studies) for split in ("train", "val", "test"))
    references = [answers(fp32, bags) for bags in (val, test)]
    models, rows = {"FP32": fp32}, []
    for way in ways():
        models[way.name] = quantize(fp32, calibration(train, 0, wanted=way.bags), way.scope, way.options)
        found = [against(p, answers(models[way.name], b), b.ranks) for p, b in zip(references, (val, test), strict=True)]
        rows.append(_row(region, way, models[way.name], *found))
        print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    times = side_by_side(models, as_read(val, max(val.labels, key=lambda b: b.stop - b.start)))
    return [(*row, f"{times[row[1]] / times['FP32']:.2f}") for row in rows]


def _bags(folder: Path, spec: Any, studies: int) -> BagSet:
    found = load_bags(islice(sorted(folder.glob("*")), studies), spec)
    if not len(found):
        raise SystemExit(f"no crops in {folder}: python -m export.grader.prepare --split {folder.name}")
    return found


def answers(model: ov.Model, bags: BagSet) -> NDArray[np.float64]:
    """(n, 3) probabilities, with the precision that the box asks for."""
    request = _compiled(model)
    given = []
    for bag in bags.labels:
        request.infer({0: as_read(bags, bag)})
        given.append(np.array(request.output_tensors[0].data, dtype=np.float64).ravel())
    p = np.array(given)
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _compiled(model: ov.Model) -> ov.InferRequest:
    wanted = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    return ov.Core().compile_model(model, "CPU", wanted).create_infer_request()


def against(
    fp32: NDArray[np.float64], int8: NDArray[np.float64], ranks: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Kullback-Leibler divergence, share of grades that stay, macro F1 of INT8 less FP32's."""
    moved = float((fp32 * np.log(fp32.clip(1e-9) / int8.clip(1e-9))).sum(axis=1).mean())
    said = [p.argmax(axis=1) for p in (int8, fp32)]
    gained, had = (metrics.macro_f1(metrics.confusion(ranks, s)) for s in said)
    return moved, float((said[0] == said[1]).mean()), gained - had


def side_by_side(models: Mapping[str, ov.Model], bag: NDArray[np.uint8]) -> dict[str, float]:
    """Seconds of each model for one bag: the least of many turns, taken by turns so that a busy machine hits all."""
    requests = {name: _compiled(model) for name, model in models.items()}
    best = dict.fromkeys(requests, float("inf"))
    for _ in range(TURNS):
        for name, request in requests.items():
            started = perf_counter()
            request.infer({0: bag})
            best[name] = min(best[name], perf_counter() - started)
    return best


def _row(
    region: Region, way: Way, model: ov.Model, val: Sequence[float], test: Sequence[float]
) -> tuple[str, ...]:
    quantisers = sum(op.get_type_name() == "FakeQuantize" for op in model.get_ops())
    return (region.value, way.name, str(quantisers), f"{1000 * val[0]:.1f}", f"{val[1]:.1%}", f"{test[1]:.1%}",
            f"{100 * val[2]:+.2f}", f"{100 * test[2]:+.2f}")  # fmt: skip
