"""First and second derivatives of every op against finite differences."""

from __future__ import annotations

import pytest

import pyrite
from opinfo import OPS, RANDOM, OpInfo, by_name, function, map_tensors, tensors, unique, within
from pyrite.autograd import gradcheck, gradgradcheck

#: No derivative, as in PyTorch: truth values, integers, steps, and special functions without one.
WITHOUT = frozenset(
    """
    bool char eq ge gt heaviside int is_conj is_inference is_neg is_same_size is_set_to is_signed
    isfinite isinf isnan isneginf isposinf le logical_and logical_not logical_or logical_xor long lt
    ne short signbit frexp_exponent frexp_mantissa special_airy_ai
    """.split()
    + [f"special_bessel_{kind}" for kind in ("j0", "j1", "y0", "y1")]
    + [f"special_modified_bessel_{kind}" for kind in ("i0", "i1", "k0", "k1")]
    + ["special_scaled_modified_bessel_k0", "special_scaled_modified_bessel_k1"]
    + ["special_spherical_bessel_j0", "special_laguerre_polynomial_l"]
    + ["special_hermite_polynomial_h", "special_hermite_polynomial_he"]
    + ["special_legendre_polynomial_p"]
    + [f"special_{s}chebyshev_polynomial_{kind}" for s in ("", "shifted_") for kind in "tuvw"]
)

#: Casts to fewer bits, where a finite difference drowns in rounding.
ROUNDING = frozenset("float half bfloat16 cfloat chalf".split())

#: PyTorch too has no derivative with respect to the first argument.
PARTIAL = frozenset("igamma igammac special_zeta".split())

#: PyTorch's gradient is not the derivative; `data/op_values.json` holds it.
AS_RECORDED = frozenset({"as_strided_scatter"})

#: PyTorch too has no second derivative.
ONCE = frozenset({"ctc_loss"})


def problems(op: OpInfo, dtype: str):
    """Each sample with gradients as (function of the inputs, inputs)."""
    for sample in op.samples(dtype=dtype):
        number = not isinstance(sample.args[0], pyrite.Tensor) if sample.args else False
        if op.name == "floor_divide" or (op.name == "remainder" and number):
            continue  # PyTorch too has no derivative of these
        if op.name in PARTIAL:
            sample.args = map_tensors(lambda x: x.detach(), sample.args[:1]) + sample.args[1:]
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
        result = unique(op, function(op)(*within(op, args), **named))
        return tuple(x for x in tensors([result]) if x.requires_grad)

    return of


def differentiable(op: OpInfo) -> bool:
    """Whether any sample has a gradient."""
    return any(function(*inputs) for function, inputs in problems(op, "float64"))


CHECKED = [op for op in OPS if not op.is_inplace and differentiable(op)]


@pytest.mark.parametrize(
    "op", [op for op in CHECKED if op.name not in ROUNDING | AS_RECORDED], ids=lambda op: op.name
)
def test_derivatives(op):
    for func, inputs in problems(op, "float64"):
        if func(*inputs):
            assert gradcheck(func, inputs)
            assert op.name in ONCE or gradgradcheck(func, inputs)


@pytest.mark.parametrize("name", sorted(PARTIAL))
def test_the_first_argument_has_no_derivative(name):
    x = pyrite.tensor(1.5, requires_grad=True)
    with pytest.raises(NotImplementedError):
        function(by_name(name))(x, pyrite.tensor(2.0)).backward()


@pytest.mark.parametrize("name", sorted(ONCE))
def test_a_second_derivative_is_refused(name):
    func, inputs = next(problems(by_name(name), "float64"))
    with pytest.raises(NotImplementedError):
        grads = pyrite.autograd.grad(func(*inputs)[0].sum(), inputs, create_graph=True)
        pyrite.autograd.grad(grads[0].sum(), inputs)


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
