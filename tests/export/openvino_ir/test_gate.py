"""The gate lets INT8 weights through only when they lost little, and never on an empty measurement."""

from __future__ import annotations

import pytest

from export.openvino_ir.gate import ALLOWED_DROP, gate


def test_small_losses_pass_and_gains_never_fail() -> None:
    verdict = gate({"f1": 0.90, "recall": 0.80}, {"f1": 0.895, "recall": 0.85}, allowed_drop=0.01)
    assert verdict.passed
    assert verdict.worst == "f1"
    assert verdict.drops["recall"] < 0


def test_one_metric_that_fell_too_far_closes_the_gate() -> None:
    verdict = gate({"f1": 0.90, "recall": 0.80}, {"f1": 0.93, "recall": 0.78}, allowed_drop=0.01)
    assert not verdict.passed
    assert verdict.worst == "recall"


def test_a_loss_that_rose_closes_the_gate_and_one_that_fell_does_not() -> None:
    assert not gate({"weighted_log_loss": 0.20}, {"weighted_log_loss": 0.21}, allowed_drop=0.005).passed
    assert gate({"weighted_log_loss": 0.20}, {"weighted_log_loss": 0.15}, allowed_drop=0.005).passed


def test_half_a_point_is_what_may_be_lost() -> None:
    assert ALLOWED_DROP == 0.005


@pytest.mark.parametrize(
    ("fp32", "int8"),
    [({}, {}), ({"f1": 0.9}, {}), ({"f1": 0.9}, {"recall": 0.9}), ({"f1": float("nan")}, {"f1": 0.9})],
)
def test_nothing_measured_is_an_error_not_a_pass(fp32: dict[str, float], int8: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"metric"):
        gate(fp32, int8, allowed_drop=0.01)
