"""First and second derivatives of every op against finite differences."""

from __future__ import annotations

import pytest

import pyrite
from opinfo import OPS, RANDOM, OpInfo, function, map_tensors, tensors
from pyrite.autograd import gradcheck, gradgradcheck

#: No derivative, as in PyTorch: the results are truth values, integers or steps.
WITHOUT = frozenset(
    """
    bool char eq ge gt heaviside int is_conj is_inference is_neg is_same_size is_set_to is_signed
    isfinite isinf isnan le logical_and logical_not logical_or logical_xor long lt ne short signbit
    """.split()
)

#: Casts to fewer bits, where a finite difference drowns in rounding.
ROUNDING = frozenset("float half bfloat16 cfloat".split())


def problems(op: OpInfo, dtype: str):
    """Each sample with gradients as (function of the inputs, inputs)."""
    for sample in op.samples(dtype=dtype):
        inputs = [x for x in tensors([sample.args, sample.named]) if x.requires_grad]
        if inputs:
            yield bound(op, sample, inputs), tuple(inputs)


def bound(op, sample, inputs):
    """The op as a function of `inputs` alone; draws repeat."""
    places = [id(x) for x in inputs]

    def of(*values):
        pyrite.manual_seed(0)
        given = dict(zip(places, values, strict=True))
        args, named = map_tensors(lambda x: given.get(id(x), x), (sample.args, sample.named))
        result = function(op)(*args, **named)
        return tuple(x for x in tensors([result]) if x.requires_grad)

    return of


def differentiable(op: OpInfo) -> bool:
    """Whether any sample has a gradient."""
    return any(function(*inputs) for function, inputs in problems(op, "float64"))


CHECKED = [op for op in OPS if not op.is_inplace and differentiable(op)]


@pytest.mark.parametrize(
    "op", [op for op in CHECKED if op.name not in ROUNDING], ids=lambda op: op.name
)
def test_derivatives(op):
    for func, inputs in problems(op, "float64"):
        if func(*inputs):
            assert gradcheck(func, inputs)
            assert gradgradcheck(func, inputs)


COMPLEX = [op for op in CHECKED if op.takes("complex128") and op.name not in RANDOM]


@pytest.mark.parametrize("op", COMPLEX, ids=lambda op: op.name)
def test_complex_derivatives(op):
    for func, inputs in problems(op, "complex128"):
        if func(*inputs):
            assert gradcheck(func, inputs)
            assert gradgradcheck(func, inputs)


@pytest.mark.parametrize("name", sorted(ROUNDING))
def test_a_cast_hands_its_gradient_on(name):
    x = pyrite.tensor([1.0, -2.0], dtype=pyrite.float64, requires_grad=True)
    y = getattr(x, name)()
    y.backward(pyrite.tensor([0.5, 3.0], dtype=y.dtype))
    assert x.grad.dtype == x.dtype
    assert x.grad.tolist() == [0.5, 3.0]


def test_what_has_no_derivative_is_listed():
    takes = [op.name for op in OPS if not op.is_inplace and any(problems(op, "float64"))]
    assert set(takes) - {op.name for op in CHECKED} == WITHOUT
