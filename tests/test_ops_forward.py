"""Every op gives PyTorch's dtype, shape, strides and numbers for every sample."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pyrite
from op_values import described, difference
from opinfo import OPS, OURS, RANDOM, OpInfo, function, unique

RECORDED = json.loads((Path(__file__).parent / "data/ops.json").read_text(encoding="utf-8"))
COMPARED = [op for op in OPS if op.name not in OURS]

#: Further results that only their own derivative reads.
FIRST_RESULT = frozenset({"embedding_bag"})

#: Copies whose memory PyTorch's libraries (LAPACK, the FFT) order in another way.
FREE_STRIDES = frozenset(
    """
    _unique_consecutive cholesky cholesky_inverse cholesky_solve geqrf inverse linalg_cholesky
    linalg_cholesky_ex linalg_eig linalg_eigh linalg_householder_product linalg_inv linalg_inv_ex
    linalg_ldl_factor linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_lu_factor
    linalg_lu_factor_ex linalg_lu_solve linalg_qr linalg_solve linalg_solve_ex
    linalg_solve_triangular linalg_svd linalg_tensorinv lu_solve orgqr ormqr qr stft svd
    triangular_solve unravel_index
    """.split()
    + [
        f"fft_{i}{name}{n}"
        for i in ("", "i")
        for name in ("fft", "rfft", "hfft")
        for n in ("", "2", "n")
    ]
)


def without_strides(described):
    """A described result whose memory may be ordered in any way."""
    if isinstance(described, list):
        return [without_strides(part) for part in described]
    return {**described, "strides": None}


def problem_of(op: OpInfo, found, wanted, tolerance):
    """The first difference."""
    if op.name in FIRST_RESULT:
        found, wanted = found[0], wanted[0]
    if op.name in FREE_STRIDES:
        found, wanted = without_strides(found), without_strides(wanted)
    return difference(found, wanted, tolerance)


def results(op: OpInfo, dtype: str):
    """What each sample gives; an op without a result is seen by what it wrote."""
    found = []
    for sample in op.samples(dtype=dtype):
        pyrite.manual_seed(0)
        result = function(op)(*sample.args, **sample.named)
        found.append(described(sample.args[0] if result is None else unique(op, result)))
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
