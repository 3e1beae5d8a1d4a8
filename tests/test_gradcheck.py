"""gradcheck and gradgradcheck accept right derivatives and name wrong ones."""

import pytest

import pyrite
from pyrite.autograd import Function, gradcheck, gradgradcheck
from pyrite.autograd.gradcheck import GradcheckError


def vector(*values, dtype=pyrite.float64):
    return pyrite.tensor(values, dtype=dtype, requires_grad=True)


def square_with(factor):
    """X * x with the gradient factor * x; 2 is right."""

    class Scaled(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * factor * x.conj()

    return Scaled.apply


@pytest.mark.parametrize(
    "func",
    [
        lambda x, y: x * y,
        lambda x, y: (x.sin(), y.exp() * x),
        lambda x, y: x.sum() + y.prod(),
        lambda x, y: pyrite.complex(x, y * x),
    ],
)
def test_real_functions(func):
    inputs = (vector(0.5, -1.0, 2.0), vector(1.5, 0.25, -0.75))
    assert gradcheck(func, inputs)
    assert gradgradcheck(func, inputs)


@pytest.mark.parametrize(
    "func",
    [lambda z: z * z, lambda z: z * z.conj(), lambda z: z.abs(), lambda z: (z.exp(), z.real)],
)
def test_complex_functions(func):
    z = vector(0.5 + 1j, -1.0 + 0.25j, dtype=pyrite.complex128)
    assert gradcheck(func, (z,))
    assert gradgradcheck(func, (z,))


def test_inputs_come_back_unchanged():
    x = vector(0.1, 0.2)
    gradcheck(lambda x: x.exp(), (x,))
    assert x.tolist() == [0.1, 0.2]
    assert x.grad is None


def test_captured_tensors_that_are_inputs_too():
    x = vector(1.0, 2.0)
    assert gradcheck(lambda _: x * x, (x,))


def test_transposed_input():
    x = vector([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).detach().t().requires_grad_()
    assert gradcheck(lambda x: x * x, (x,))


def test_wrong_gradient():
    x = vector(1.0, 2.0)
    assert gradcheck(square_with(2.0), (x,))
    with pytest.raises(GradcheckError) as info:
        gradcheck(square_with(3.0), (x,))
    text = str(info.value)
    assert text.startswith("Jacobian mismatch for output 0 with respect to input 0,\nnumerical:")
    assert "analytical:" in text
    assert gradcheck(square_with(3.0), (x,), raise_exception=False) is False


def test_wrong_complex_gradient_names_the_part():
    z = vector(1.0 + 1j, dtype=pyrite.complex128)
    assert gradcheck(square_with(2.0), (z,))
    with pytest.raises(GradcheckError, match="While considering the imaginary part of complex"):
        gradcheck(square_with(3.0), (z,))


def test_wrong_second_derivative():
    class Cube(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return grad * 3 * (x * x).detach()

    x = vector(1.0, 2.0)
    assert gradcheck(Cube.apply, (x,))
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradgradcheck(Cube.apply, (x,))


def test_gradient_that_changes_between_runs():
    class Drift(Function):
        runs = 0

        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            Drift.runs += 1
            return grad * (2 + 1e-6 * Drift.runs)

    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Drift.apply, (vector(1.0),))
    Drift.runs = 0
    assert gradcheck(Drift.apply, (vector(1.0),), nondet_tol=1e-4)


def test_gradient_not_multiplied():
    class Constant(Function):
        @staticmethod
        def forward(ctx, x):
            return x.sum()

        @staticmethod
        def backward(ctx, grad):
            return pyrite.ones(2, dtype=pyrite.float64)

    with pytest.raises(GradcheckError, match="backward not multiplied by grad_output"):
        gradcheck(Constant.apply, (vector(1.0, 2.0),))


def test_function_cut_from_its_input():
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, (vector(1.0),))
    assert gradcheck(lambda x: pyrite.ones(2), (vector(1.0),))


def test_inputs_are_checked():
    with pytest.raises(ValueError, match="at least one input tensor to require gradient"):
        gradcheck(lambda x: x, (pyrite.ones(2),))
    with pytest.raises(RuntimeError, match="dimension with stride 0"):
        gradcheck(lambda x: x, (vector(1.0).expand(3),))
    with pytest.warns(UserWarning, match="is not a double precision floating point or complex"):
        gradcheck(lambda x: x, (vector(1.0, dtype=pyrite.float32),), eps=1e-2, atol=1e-2)


@pytest.mark.parametrize("option", ["check_forward_ad", "check_batched_grad"])
def test_unavailable_checks(option):
    with pytest.raises(NotImplementedError, match=option):
        gradcheck(lambda x: x, (vector(1.0),), **{option: True})
