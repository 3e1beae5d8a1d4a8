"""jacobian, hessian and their products against formulas; error texts."""

import pytest

import pyrite
from pyrite.autograd import functional as AF


def vector(*values):
    return pyrite.tensor(values, dtype=pyrite.float64)


X, Y = vector(0.5, -1.0, 2.0), vector(1.0, 0.5, -0.25)
EYE = pyrite.eye(3, dtype=pyrite.float64)


def product(x, y):
    return (x * y).sum(), x * y


def cubic(x, y):
    return (x**3 * y).sum()


def test_jacobian():
    assert pyrite.allclose(AF.jacobian(pyrite.sin, X), EYE * X.cos())
    (sum_x, sum_y), (x, y) = AF.jacobian(product, (X, Y))
    assert pyrite.equal(sum_x, Y)
    assert pyrite.equal(sum_y, X)
    assert pyrite.equal(x, EYE * Y)
    assert pyrite.equal(y, EYE * X)


def test_jacobian_of_matrices():
    x = pyrite.arange(6.0).reshape(2, 3)
    result = AF.jacobian(lambda x: x.sum(1), x)
    assert result.shape == (2, 2, 3)
    assert pyrite.equal(result.sum(1), pyrite.ones(2, 3))
    assert AF.jacobian(lambda x: x[:0], X).shape == (0, 3)


def test_hessian():
    (xx, xy), (yx, yy) = AF.hessian(cubic, (X, Y))
    assert pyrite.allclose(xx, EYE * 6 * X * Y)
    assert pyrite.allclose(xy, EYE * 3 * X**2)
    assert pyrite.equal(yx, xy.t())
    assert pyrite.equal(yy, pyrite.zeros_like(EYE))


def test_products_agree_with_jacobian():
    v = vector(1.0, -2.0, 0.5)
    matrix = AF.jacobian(lambda x: (EYE + 1) @ x.exp(), X)
    output, right = AF.jvp(lambda x: (EYE + 1) @ x.exp(), X, v)
    assert pyrite.allclose(right, matrix @ v)
    assert pyrite.allclose(output, (EYE + 1) @ X.exp())
    _, left = AF.vjp(lambda x: (EYE + 1) @ x.exp(), X, v)
    assert pyrite.allclose(left, v @ matrix)


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_hessian_products(name):
    v = (vector(1.0, -2.0, 0.5), vector(0.0, 1.0, 2.0))
    value, (x, y) = getattr(AF, name)(cubic, (X, Y), v)
    assert value.item() == pytest.approx((X**3 * Y).sum().item())
    assert pyrite.allclose(x, 6 * X * Y * v[0] + 3 * X**2 * v[1])
    assert pyrite.allclose(y, 3 * X**2 * v[0])


def test_graph_only_on_request():
    x = X.clone().requires_grad_()
    assert not AF.jacobian(pyrite.sin, x).requires_grad
    AF.jacobian(pyrite.sin, x, create_graph=True).sum().backward()
    assert pyrite.allclose(x.grad, -X.sin())


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: AF.jacobian(pyrite.sin, 3), TypeError, "the given inputs has type <class 'int'>"),
        (lambda: AF.vjp(pyrite.sin, X), RuntimeError, "The vector v can only be None if the user-"),
        (lambda: AF.jvp(pyrite.sin, X), RuntimeError, "The vector v can only be None if the input"),
        (lambda: AF.vjp(pyrite.sin, X, X[:1]), RuntimeError, "v has invalid size: should be"),
        (lambda: AF.vjp(product, (X, Y), X), RuntimeError, "v is a tuple of invalid length"),
        (lambda: AF.hessian(pyrite.sin, X), RuntimeError, "should contain a single element"),
        (lambda: AF.hvp(product, (X, Y), (X, Y)), RuntimeError, "should return a single Tensor"),
        (
            lambda: AF.jacobian(lambda x, y: x * 2, (X, Y), strict=True),
            RuntimeError,
            "Output 0 of the user-provided function is independent of input 1",
        ),
        (
            lambda: AF.vjp(lambda x: x.detach(), X, X, strict=True),
            RuntimeError,
            "Output 0 of the user-provided function does not require gradients",
        ),
        (
            lambda: AF.hessian(lambda x: x.sum(), X, strict=True),
            RuntimeError,
            "the jacobian of the user-provided function with respect to input 0 is independent",
        ),
        (
            lambda: AF.jacobian(pyrite.sin, X, strategy="sideways"),
            AssertionError,
            'Expected strategy to be either "forward-mode" or "reverse-mode"',
        ),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error) as info:
        call()
    assert text in str(info.value)


def test_missing_gradients_are_zeros():
    (_, by_y) = AF.jacobian(lambda x, y: x * 2, (X, Y))
    assert pyrite.equal(by_y, pyrite.zeros(3, 3, dtype=pyrite.float64))
