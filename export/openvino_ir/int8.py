"""Post-training quantisation with NNCF: INT8 where it costs nothing, floating point where it was measured to."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

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

GRADER_SCOPES: tuple[Scope, ...] = (
    Scope("attention-and-last", (r"^/(.*/)?att/.*", r"^/(.*/)?fc/.*"), "what INT8 hurts most in a small pooled net"),
    Scope(
        "attention-last-and-stem",
        (r"^/(.*/)?att/.*", r"^/(.*/)?fc/.*", r"^/(.*/)?features/features\.(0|1)/.*"),
        "the first layers too, where one channel in carries all contrast",
    ),
    Scope(
        "attention-last-and-first-half",
        (r"^/(.*/)?att/.*", r"^/(.*/)?fc/.*", r"^/(.*/)?features/features\.[0-6]/.*"),
        "the first half, whose few channels have the widest spread of ranges",
    ),
)
"""Tried in this order; the first that passes the gate is shipped, so no layer is kept without a measurement."""


def quantize(model: ov.Model, pictures: Sequence[NDArray[np.uint8]], scope: Scope) -> ov.Model:
    """INT8 weights and activations; `pictures` are model inputs of the named calibration set, `scope` stays FP32.

    Raises ValueError when a pattern of `scope` names no operation: it would protect nothing and say it did.
    """
    _must_match(model, scope)
    return nncf.quantize(
        model.clone(),
        nncf.Dataset(list(pictures)),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(pictures),
        ignored_scope=nncf.IgnoredScope(patterns=list(scope.patterns), validate=False),
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
