"""Post-training quantisation with NNCF: INT8 where it costs nothing, floating point where it was measured to."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nncf
import numpy as np
from numpy.typing import NDArray

from export.openvino_ir.convert import ov
from export.openvino_ir.gate import Verdict, gate

logging.getLogger("nncf").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Scope:
    """Which layers stay in floating point, and why."""

    name: str
    patterns: tuple[str, ...]
    why: str


DETECTOR_SCOPES: tuple[Scope, ...] = (
    Scope(
        "box-decoding",
        (r"^/(.*/)?model\.22/[A-Z][A-Za-z_0-9]*$", r"^/(.*/)?model\.22/dfl/.*"),
        "the arithmetic that turns distances into pixels: INT8 there moved boxes by up to 130 px",
    ),
    Scope("head", (r"^/(.*/)?model\.22/.*",), "the whole detection head, when the decoding alone does not suffice"),
)

_GREY, _ATTENTION, _LAST = r"^/(Sub|Mul|ReduceMean|Sqrt|Add|Div)(_[0-9]+)?$", r"^/(.*/)?att/.*", r"^/(.*/)?fc/.*"
_STAGES = r"^/(.*/)?features/features\.{}/.*"

GRADER_SCOPES: tuple[Scope, ...] = (
    Scope(
        "grey-attention-and-last",
        (_GREY, _ATTENTION, _LAST),
        "a slice's mean and deviation, by which its grey is made equal, above all: one rounding there moves every pixel",
    ),
    Scope(
        "grey-stem-attention-and-last",
        (_GREY, _ATTENTION, _LAST, _STAGES.format("[01]")),
        "and the first two stages, where one channel in carries all contrast",
    ),
    Scope(
        "grey-stem-squeezed-attention-and-last",
        (_GREY, _ATTENTION, _LAST, _STAGES.format("[01456]")),
        "and the first two stages and the first three that weigh their channels",
    ),
    Scope(
        "grey-stem-middle-attention-and-last",
        (_GREY, _ATTENTION, _LAST, _STAGES.format("([01789]|10)")),
        "and the first two stages and the first four with a hard swish after every convolution",
    ),
    Scope(
        "grey-first-half-attention-and-last",
        (_GREY, _ATTENTION, _LAST, _STAGES.format("[0-6]")),
        "and the first seven stages, whose few channels have the widest spread of ranges",
    ),
    Scope(
        "grey-first-eleven-attention-and-last",
        (_GREY, _ATTENTION, _LAST, _STAGES.format("([0-9]|10)")),
        "and the first eleven stages; the last six hold nine tenths of the weights",
    ),
)
_HEAD = (_GREY, _ATTENTION, _LAST)
_GATES = r"^/features/.*/block\.\d/(fc1/.*|fc2/.*|Sigmoid|Mul|Sigmoid_1)$"
EFFICIENTNET_SCOPES: tuple[Scope, ...] = (
    Scope("grey-attention-and-last", _HEAD, "a slice's mean and deviation, by which its grey is made equal, above all"),
    Scope("grey-gates-attention-and-last", (*_HEAD, _GATES), "and the squeeze-excitation gates: they scale whole channels"),
    Scope(
        "grey-gates-stem-attention-and-last",
        (*_HEAD, _GATES, _STAGES.format("[01]")),
        "and the gates, and the first layers, where one channel in carries all contrast",
    ),
    Scope(
        "grey-gates-first-half-attention-and-last",
        (*_HEAD, _GATES, _STAGES.format("[0-3]")),
        "and the gates, and the first half, whose few channels have the widest spread of ranges",
    ),
)
"""Tried in this order; the first that passes the gate is shipped, so no layer is kept without a measurement."""


def quantize(
    model: ov.Model, pictures: Sequence[NDArray[np.uint8]], scope: Scope, options: Mapping[str, Any] | None = None
) -> ov.Model:
    """INT8 weights and activations; `pictures` are model inputs of the named calibration set, `scope` stays FP32.

    `options` of `nncf.quantize` replace the usual ones: `export.evaluation.recipes` measures what they are worth.

    Raises ValueError when a pattern of `scope` names no operation: it would protect nothing and say it did.
    """
    _must_match(model, scope)
    usual = {"preset": nncf.QuantizationPreset.MIXED}
    return nncf.quantize(
        model.clone(),
        nncf.Dataset(list(pictures)),
        subset_size=len(pictures),
        ignored_scope=nncf.IgnoredScope(patterns=list(scope.patterns), validate=False),
        **{**usual, **(options or {})},
    )


def _must_match(model: ov.Model, scope: Scope) -> None:
    names = [op.get_friendly_name() for op in model.get_ops()]
    idle = [p for p in scope.patterns if not any(re.match(p, name) for name in names)]
    if idle:
        raise ValueError(f"scope {scope.name}: no operation is named like {', '.join(idle)}")


@dataclass(frozen=True, slots=True)
class Quantized:
    """What came out, and how it was judged."""

    model: ov.Model
    scope: Scope
    fp32: Mapping[str, float]
    int8: Mapping[str, float]
    verdict: Verdict


def quantize_until_it_holds(
    model: ov.Model,
    pictures: Sequence[NDArray[np.uint8]],
    scopes: Iterable[Scope],
    measure: Callable[[ov.Model], Mapping[str, float]],
    allowed_drop: float,
) -> Quantized:
    """The first scope whose INT8 model passes the gate; if none does, the one that fell least, marked as failed."""
    fp32 = measure(model)
    tried: list[Quantized] = []
    for scope in scopes:
        candidate = quantize(model, pictures, scope)
        int8 = measure(candidate)
        tried.append(Quantized(candidate, scope, fp32, int8, gate(fp32, int8, allowed_drop)))
        if tried[-1].verdict.passed:
            return tried[-1]
    return min(tried, key=lambda q: q.verdict.drops[q.verdict.worst])
