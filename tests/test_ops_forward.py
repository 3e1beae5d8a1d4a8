"""Every op gives PyTorch's dtype, shape, strides and numbers for every sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyrite
from op_values import described, difference
from opinfo import OPS, OURS, RANDOM, OpInfo, function

RECORDED = json.loads((Path(__file__).parent / "data/ops.json").read_text(encoding="utf-8"))
COMPARED = [op for op in OPS if op.name not in OURS]

#: Further results that only their own derivative reads.
FIRST_RESULT = frozenset({"embedding_bag"})

#: Copies whose memory PyTorch orders in another way.
FREE_STRIDES = frozenset({"_unique_consecutive", "unravel_index"})


def problem_of(op: OpInfo, found, wanted, tolerance):
    """The first difference."""
    if op.name in FIRST_RESULT:
        found, wanted = found[0], wanted[0]
    if op.name in FREE_STRIDES:
        found, wanted = ([{**part, "strides": None} for part in x] for x in (found, wanted))
    return difference(found, wanted, tolerance)


def results(op: OpInfo, dtype: str):
    """What each sample gives; an op without a result is seen by what it wrote."""
    found = []
    for sample in op.samples(dtype=dtype):
        pyrite.manual_seed(0)
        result = function(op)(*sample.args, **sample.named)
        found.append(described(sample.args[0] if result is None else result))
    return found


@pytest.mark.parametrize("op", COMPARED, ids=lambda op: op.name)
def test_values_are_pytorchs(op):
    wanted = RECORDED[f"values.{op.name}"]
    found = results(op, "float64")
    assert len(found) == len(wanted), "record the samples again: data/record_ops.py"
    for number, pair in enumerate(zip(found, wanted, strict=True)):
        problem = problem_of(op, *pair, 1e-8)
        assert not problem, f"sample {number}: {problem}"


def widened(found, wanted):
    """`found` with the dtype of `wanted` where both are floating."""
    if isinstance(found, list) and isinstance(wanted, list):
        return [widened(*pair) for pair in zip(found, wanted, strict=False)]
    if isinstance(found, dict) and isinstance(wanted, dict):
        pairs = {("float32", "float64"), ("complex64", "complex128")}
        dtypes = (found["dtype"], wanted["dtype"])
        if dtypes in pairs:
            return {**found, "dtype": dtypes[1]}
    return found


@pytest.mark.parametrize(
    "op", [op for op in COMPARED if op.name not in RANDOM], ids=lambda op: op.name
)
def test_single_precision_agrees(op):
    wanted = RECORDED[f"values.{op.name}"]
    for number, pair in enumerate(zip(results(op, "float32"), wanted, strict=True)):
        problem = problem_of(op, widened(*pair), pair[1], 2e-5)
        assert not problem, f"sample {number}: {problem}"
