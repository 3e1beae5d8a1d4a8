"""Values and gradients on the GPU equal the CPU's, over layouts and dtypes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pyrite as torch
import pyrite.nn.functional as F
from on_both import compare, same

Op = Callable[..., torch.Tensor]

UNARY = [
    "neg", "abs", "sign", "square", "exp", "exp2", "expm1", "sin", "cos", "tan", "atan", "sinh",
    "cosh", "tanh", "asinh", "sigmoid", "erf", "erfc", "floor", "ceil", "trunc", "frac", "round",
    "relu", "isnan", "isfinite", "isinf", "signbit", "logical_not",
]  # fmt: skip
POSITIVE = ["sqrt", "rsqrt", "reciprocal", "log", "log2", "log10", "log1p", "lgamma", "digamma"]
BINARY = [
    "add", "sub", "mul", "div", "maximum", "minimum", "atan2", "hypot", "copysign", "logaddexp",
    "remainder", "fmod", "floor_divide", "eq", "ne", "lt", "le", "gt", "ge", "logical_and",
    "logical_xor",
]  # fmt: skip
ACTIVATIONS: dict[str, Op] = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "silu": F.silu,
    "softplus": F.softplus,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "selu": F.selu,
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "hardshrink": F.hardshrink,
    "softshrink": F.softshrink,
    "threshold": lambda x: F.threshold(x, 0.1, 20.0),
    "mish": F.mish,
    "logsigmoid": F.logsigmoid,
    "softmax": lambda x: F.softmax(x, 0),
    "log_softmax": lambda x: F.log_softmax(x, -1),
    "clamp": lambda x: x.clamp(-0.5, 0.5),
    "pow": lambda x: x**3,
    "where": lambda x: torch.where(x > 0, x, 2 * x),
    "masked_fill": lambda x: x.masked_fill(x > 0.3, -7.0),
}
REDUCTIONS: dict[str, Op] = {
    "sum": lambda x: x.sum(),
    "sum_dim": lambda x: x.sum(0),
    "sum_dims": lambda x: x.sum((0, -1), keepdim=True),
    "mean": lambda x: x.mean(-1),
    "prod": lambda x: x.prod(1),
    "amax": lambda x: x.amax((0, 2)),
    "amin": lambda x: x.amin(1),
    "max": lambda x: x.max(1).values,
    "min": lambda x: x.min(-1).values,
    "logsumexp": lambda x: x.logsumexp(1),
    "var": lambda x: x.var(1),
    "std": lambda x: x.std(),
    "norm": lambda x: x.norm(dim=2),
    "norm1": lambda x: x.norm(1),
    "cumsum": lambda x: x.cumsum(1),
    "cumprod": lambda x: x.cumprod(-1),
    "logcumsumexp": lambda x: x.logcumsumexp(0),
}
LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.transpose(0, 2),
    "sliced": lambda x: x[:, 1::2],
    "expanded": lambda x: x[:1].expand(3, *x.shape[1:]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, layout: str) -> None:
    compare(getattr(torch, name), torch.randn(3, 4, 5), layout=LAYOUTS[layout])


@pytest.mark.parametrize("name", POSITIVE)
def test_unary_of_positive_numbers(name: str) -> None:
    compare(getattr(torch, name), torch.rand(40) * 4 + 0.1, tol=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", BINARY)
def test_binary(name: str, layout: str) -> None:
    a, b = torch.randn(3, 4, 5), torch.randn(3, 4, 5)
    if name in ("remainder", "fmod", "floor_divide", "div"):
        b = b.sign() * (b.abs() + 0.3)
    compare(getattr(torch, name), a, b, layout=LAYOUTS[layout])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation(name: str) -> None:
    compare(ACTIVATIONS[name], torch.randn(6, 7))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name: str, layout: str) -> None:
    compare(REDUCTIONS[name], torch.randn(3, 4, 5), layout=LAYOUTS[layout])


@pytest.mark.parametrize("rows", [1, 3])
def test_long_rows_are_shared_by_a_workgroup(rows: int) -> None:
    x = torch.randn(rows, 1000)
    for op in (REDUCTIONS["sum_dim"], lambda x: x.sum(-1), lambda x: x.var(-1)):
        compare(op, x, tol=1e-4)
    compare(lambda x: F.softmax(x, -1), x)
    compare(lambda x: F.log_softmax(x, -1), x)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_the_first_extreme_is_found(name: str) -> None:
    x = torch.randint(0, 4, (5, 9))
    for dim in (0, 1):
        same(getattr(x.to("gpu"), name)(dim), getattr(x, name)(dim))
    x = torch.randn(4, 6)
    x[1, 2] = float("nan")
    same(getattr(x.to("gpu"), name)(1), getattr(x, name)(1))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4), (4, 5)),
        ((70, 65), (65, 130)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4, 5), (2, 3, 5, 6)),
        ((4,), (4,)),
        ((3, 4), (4,)),
        ((2, 3, 4), (4, 5)),
    ],
)
def test_matmul(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    compare(torch.matmul, torch.randn(a), torch.randn(b), tol=1e-4)


def test_single_numbers() -> None:
    x = torch.tensor(-2.0)
    for op in (lambda x: x.max(0).values, lambda x: x.sum(0), lambda x: x.softmax(0)):
        compare(op, x)
    same(x.to("gpu").argmax(), x.argmax())
    assert torch.linspace(-3, 4, 1, device="gpu").tolist() == [-3.0]
    infinite = torch.tensor([float("inf"), -float("inf"), 3.0, 2.0])
    compare(lambda x, y: torch.pow(x, y.detach()), torch.tensor([-1.0, -1.0, -2.0, -2.0]), infinite)


def test_matmul_of_transposed_operands() -> None:
    a, b = torch.randn(5, 70), torch.randn(80, 5)
    compare(lambda a, b: a.t() @ b.t(), a, b, tol=1e-4)
    q, k = torch.randn(2, 7, 3, 4), torch.randn(2, 7, 3, 4)
    compare(lambda q, k: q.transpose(1, 2) @ k.transpose(1, 2).transpose(2, 3), q, k, tol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32", "int64", "uint8",
                                   "int8", "int16", "bool"])  # fmt: skip
def test_casts_between_all_dtypes(dtype: str) -> None:
    for other in ["float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8",
                  "bool"]:  # fmt: skip
        x = torch.tensor([0.0, 1.0, 2.0, 3.5, 100.0, 0.3, 7.0]).to(getattr(torch, dtype))
        cast = x.to("gpu").to(getattr(torch, other))
        assert torch.equal(cast.cpu(), x.to(getattr(torch, other))), other


@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "uint8"])
def test_integer_arithmetic(dtype: str) -> None:
    a = torch.randint(0, 100, (37,)).to(getattr(torch, dtype))
    b = torch.randint(1, 9, (37,)).to(getattr(torch, dtype))
    for name in ["add", "sub", "mul", "floor_divide", "remainder", "bitwise_and", "bitwise_xor",
                 "maximum", "gcd", "lt", "eq"]:  # fmt: skip
        same(getattr(torch, name)(a.to("gpu"), b.to("gpu")), getattr(torch, name)(a, b))
    assert a.to("gpu").sum().item() == a.sum().item()
    assert (a.to("gpu") ** 2).cpu().equal(a**2)


def test_int64_beyond_32_bits() -> None:
    x = torch.tensor([2**40 + 3, -(2**40), 5])
    y = x.to("gpu")
    assert (y * 3 + 2**35).tolist() == (x * 3 + 2**35).tolist()
    assert y.max().item() == 2**40 + 3 and y.sum().item() == 8


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_floats_round_as_on_the_cpu(dtype: str) -> None:
    kind = getattr(torch, dtype)
    x, y = torch.randn(1001).to(kind), torch.randn(1001).to(kind)
    assert torch.equal((x.to("gpu") + y.to("gpu")).cpu(), x + y)
    assert torch.equal((x.to("gpu") * y.to("gpu")).cpu(), x * y)
    small = torch.linspace(-1e-6, 1e-6, 301)
    assert torch.equal(small.to("gpu").to(kind).cpu(), small.to(kind))


INDEXING: dict[str, Op] = {
    "gather": lambda x, i: x.gather(1, i.reshape(1, -1).expand(4, -1)),
    "index_select": lambda x, i: x.index_select(1, i),
    "index": lambda x, i: x[:, i],
    "index_pair": lambda x, i: x[i[:3] % 4, i[:3]],
    "negative": lambda x, i: x[-1 - i % 4],
    "embedding": lambda x, i: F.embedding(i % 4, x),
    "embedding_grid": lambda x, i: F.embedding((i % 4).reshape(2, -1), x),
    "scatter": lambda x, i: torch.zeros_like(x).scatter(1, i[:4].reshape(4, 1).expand(4, 5), x),
    "scatter_add": lambda x, i: x.scatter_add(1, i[:4].reshape(4, 1).expand(4, 5), x),
    "index_add": lambda x, i: x.index_add(0, i[:3] % 4, x[:3]),
    "slice": lambda x, i: x[1:3, ::2],
    "cat": lambda x, i: torch.cat([x, x[:, :2]], 1),
}


@pytest.mark.parametrize("name", INDEXING)
def test_indexing(name: str) -> None:
    compare(INDEXING[name], torch.randn(4, 5), torch.tensor([0, 3, 1, 4, 2, 0]))


def test_writes_through_views_and_indices() -> None:
    results = []
    for device in ["cpu", "gpu"]:
        x = torch.arange(24.0, device=device).reshape(4, 6)
        x[1] = -1.0
        x[:, 2].mul_(3)
        x.t()[4].add_(torch.ones(4, device=device))
        x[torch.tensor([0, 3], device=device), 5] = 9.0
        x[2, 1:3] = x[0, 1:3].clone()
        x[0] += x[1]
        results.append(x.cpu())
    assert torch.equal(*results)


def test_packed_writes_keep_their_neighbours() -> None:
    for dtype in [torch.uint8, torch.bool, torch.float16]:
        results = []
        for device in ["cpu", "gpu"]:
            x = torch.zeros(3, 7, dtype=dtype, device=device)
            x[:, 1::3] = 1
            x[1, 2:6] = 1
            x[2].fill_(1)
            results.append(x.cpu())
        assert torch.equal(*results)
