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
    "remainder", "fmod", "eq", "ne", "lt", "le", "gt", "ge", "logical_and",
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
    "cummax": lambda x: x.cummax(1).values,
    "cummin": lambda x: x.cummin(-1).values,
    "sort": lambda x: x.sort(1).values,
    "sort_descending": lambda x: x.sort(0, descending=True).values,
    "topk": lambda x: x.topk(2, 1).values,
    "topk_smallest": lambda x: x.topk(2, largest=False).values,
    "kthvalue": lambda x: x.kthvalue(2, 1).values,
    "median": lambda x: x.median(),
    "median_dim": lambda x: x.median(0).values,
    "roll": lambda x: x.roll((1, -2), (0, 2)),
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
    if name in ("remainder", "fmod", "div"):
        b = b.sign() * (b.abs() + 0.3)
    compare(getattr(torch, name), a, b, layout=LAYOUTS[layout])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_floor_divide(layout: str) -> None:
    with torch.no_grad():  # it has no derivative
        a, b = torch.randn(3, 4, 5), torch.randn(3, 4, 5)
        b = LAYOUTS[layout](b.sign() * (b.abs() + 0.3))
        same(LAYOUTS[layout](a.to("gpu")) // b.to("gpu"), LAYOUTS[layout](a) // b)


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
    "embedding_by_frequency": lambda x, i: F.embedding(i % 4, x, scale_grad_by_freq=True),
    "scatter": lambda x, i: torch.zeros_like(x).scatter(1, i[:4].reshape(4, 1).expand(4, 5), x),
    "scatter_add": lambda x, i: x.scatter_add(1, i[:4].reshape(4, 1).expand(4, 5), x),
    "index_add": lambda x, i: x.index_add(0, i[:3] % 4, x[:3]),
    "slice": lambda x, i: x[1:3, ::2],
    "cat": lambda x, i: torch.cat([x, x[:, :2]], 1),
}


@pytest.mark.parametrize("name", INDEXING)
def test_indexing(name: str) -> None:
    compare(INDEXING[name], torch.randn(4, 5), torch.tensor([0, 3, 1, 4, 2, 0]))


REDUCING = ["sum", "prod", "mean", "amax", "amin"]


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "int32", "uint8"])
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", REDUCING)
def test_scatter_reductions(
    reduce: str, include_self: bool, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if (dtype, reduce) == ("int64", "prod"):
        monkeypatch.setenv("PYRITE_GPU_FALLBACK", "error")
        with pytest.raises(NotImplementedError, match="of int64 at indices"):
            x = torch.ones(3, dtype=torch.int64, device="gpu")
            x.scatter_reduce(0, torch.tensor([0, 1], device="gpu"), x[:2], reduce)
        return
    kind = getattr(torch, dtype)
    x, src = torch.randint(1, 5, (4, 5)).to(kind), torch.randint(1, 5, (4, 3)).to(kind)
    index = torch.tensor([[0, 1, 1], [4, 4, 4], [2, 0, 2], [3, 3, 1]])
    results = []
    for device in ["cpu", "gpu"]:
        a, b, i = x.to(device), src.to(device), index.to(device)
        results.append(a.scatter_reduce(1, i, b, reduce, include_self=include_self).cpu())
        if reduce != "sum":
            i = i[0].contiguous()
            reduced = a.index_reduce(1, i, b, reduce, include_self=include_self)
            results.append(reduced.cpu())
    half = len(results) // 2
    for expected, actual in zip(results[:half], results[half:], strict=True):
        torch.testing.assert_close(actual, expected)


def test_sums_of_int64_carry() -> None:
    big = torch.tensor([2**32 - 1, 2**32 - 1, -(2**40), 7])
    x, i = torch.zeros(2, dtype=torch.int64), torch.tensor([0, 0, 1, 1])
    same(x.to("gpu").scatter_add(0, i.to("gpu"), big.to("gpu")), x.scatter_add(0, i, big))
    same(torch.bincount(torch.tensor([1, 1, 3]).to("gpu")), torch.tensor([0, 2, 0, 1]))


ORDERED = ["float32", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"]


@pytest.mark.parametrize("dtype", ORDERED)
@pytest.mark.parametrize("shape", [(7,), (3, 50), (2, 600, 2), (1, 1500)])
def test_sorting_is_stable_in_all_dtypes(shape: tuple[int, ...], dtype: str) -> None:
    x = torch.randint(-9, 9, shape).to(getattr(torch, dtype))
    dim = len(shape) // 2
    for descending in (False, True):
        expected = x.sort(dim=dim, stable=True, descending=descending)
        actual = x.to("gpu").sort(dim=dim, stable=True, descending=descending)
        same(actual.values, expected.values)
        same(actual.indices, expected.indices)
    for name in ("median", "mode"):
        if dtype != "bool":
            expected, actual = getattr(x, name)(dim), getattr(x.to("gpu"), name)(dim)
            same(actual.values, expected.values)


def test_order_of_special_numbers() -> None:
    nan, inf = float("nan"), float("inf")
    x = torch.tensor([[1.0, nan, -inf, 0.0], [-0.0, inf, nan, nan]])
    for name in ("sort", "median", "nanmedian", "mode", "cummax"):
        expected, actual = getattr(x, name)(dim=1), getattr(x.to("gpu"), name)(dim=1)
        same(actual.values, expected.values)
        same(actual.indices, expected.indices)
    big = torch.tensor([2**40, -(2**40), 3, -(2**63), 2**63 - 1])
    same(big.to("gpu").sort().values, big.sort().values)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (0,), (6,), (3, 4, 5), (2, 0, 3), (2000,)])
def test_selection_of_elements(shape: tuple[int, ...], dtype: str) -> None:
    x = torch.randint(-2, 3, shape).to(getattr(torch, dtype))
    mask = torch.randint(0, 2, shape).bool()
    y, on = x.to("gpu"), mask.to("gpu")
    same(y.nonzero(), x.nonzero())
    same(y.masked_select(on), x.masked_select(mask))
    same(y.masked_scatter(on, y), x.masked_scatter(mask, x))
    found = torch.unique(y, return_inverse=True, return_counts=True)
    for actual, expected in zip(found, torch.unique(x, return_inverse=True, return_counts=True),
                                strict=True):  # fmt: skip
        same(actual, expected)
    found = torch.unique_consecutive(y, return_inverse=True, return_counts=True)
    for actual, expected in zip(
        found, torch.unique_consecutive(x, return_inverse=True, return_counts=True), strict=True
    ):
        same(actual, expected)


def test_distinct_rows() -> None:
    x = torch.randint(0, 2, (20, 3)).float()
    for dim in (0, 1):
        for actual, expected in zip(
            torch.unique(x.to("gpu"), dim=dim, return_inverse=True, return_counts=True),
            torch.unique(x, dim=dim, return_inverse=True, return_counts=True),
            strict=True,
        ):
            same(actual, expected)
    nan = torch.tensor([float("nan"), 1.0, float("nan")])
    same(torch.unique(nan.to("gpu")), torch.unique(nan))


def test_places_in_sorted_sequences() -> None:
    for sequence in (torch.randn(50).sort().values, torch.randn(3, 50).sort(1).values):
        values = torch.cat([torch.randn(3, 7), torch.full((3, 1), float("nan"))], 1)
        for right in (False, True):
            expected = torch.searchsorted(sequence, values, right=right)
            actual = torch.searchsorted(sequence.to("gpu"), values.to("gpu"), right=right)
            same(actual, expected)
    shuffled = torch.tensor([5, 1, 9, 1])
    expected = torch.searchsorted(shuffled, torch.tensor([1, 6]), sorter=shuffled.argsort())
    shuffled = shuffled.to("gpu")
    values = torch.tensor([1, 6], device="gpu")
    same(torch.searchsorted(shuffled, values, sorter=shuffled.argsort()), expected)
    same(torch.bucketize(values, values, out_int32=True),
         torch.bucketize(values.cpu(), values.cpu(), out_int32=True))  # fmt: skip


def test_repetition_and_positions() -> None:
    x = torch.randn(3, 4)
    compare(lambda x: x.repeat_interleave(2, 1), x)
    compare(lambda x, r: x.repeat_interleave(r, 0), x, torch.tensor([2, 0, 3]))
    compare(lambda x, i: x.take(i), x, torch.tensor([[0, 11], [-1, 3]]))
    compare(lambda x, i: x.put(i, x[0, :2], accumulate=True), x, torch.tensor([1, 1]))
    compare(lambda x, i: x.index_add(0, i, x, alpha=2.5), x, torch.tensor([1, 1, 0]))


@pytest.mark.parametrize("length", [511, 512, 1300, 70000])
def test_long_scans_are_cut_into_chunks(length: int) -> None:
    whole = torch.randint(-9, 9, (length,))
    same(whole.to("gpu").cumsum(0), whole.cumsum(0))
    x = torch.randn(2, length // 2, 2)
    compare(lambda x: x.cumsum(1), x, tol=2e-3)
    compare(lambda x: x.logcumsumexp(1), x, tol=1e-4)


def test_draws_by_weight() -> None:
    weights = torch.tensor([[0.0, 1.0, 3.0], [2.0, 0.0, 0.0]], device="gpu")
    drawn = torch.multinomial(weights, 4000, replacement=True)
    assert drawn[1].eq(0).all().item() and drawn[0].ne(0).all().item()
    assert drawn[0].eq(2).float().mean().item() == pytest.approx(0.75, abs=0.05)
    rest = torch.multinomial(torch.ones(500, 6, device="gpu"), 6)
    same(rest.sort(1).values, torch.arange(6).expand(500, 6).contiguous())
    assert torch.multinomial(weights[0], 1).item() in (1, 2)
    with pytest.raises(RuntimeError, match="element < 0"):
        torch.multinomial(torch.tensor([1.0, -1.0], device="gpu"), 1)
    with pytest.raises(RuntimeError, match="invalid multinomial distribution"):
        torch.multinomial(torch.zeros(3, device="gpu"), 2, replacement=True)
    same(torch.randperm(300, device="gpu").sort().values, torch.arange(300))
    p = torch.tensor([0.0, 1.0, 0.5], device="gpu").expand(4000, 3)
    mean = torch.bernoulli(p).mean(0).tolist()
    assert mean == pytest.approx([0, 1, 0.5], abs=0.05)
    with pytest.raises(RuntimeError, match="p_in >= 0 && p_in <= 1"):
        torch.bernoulli(torch.tensor([1.5], device="gpu"))


def test_indices_in_host_memory_address_the_gpu() -> None:
    x, i = torch.randn(4, 5), torch.tensor([3, 0])
    y = x.to("gpu")
    same(y[i], x[i])
    same(y[x > 0], x[x > 0])
    y[i] = 1.0
    x[i] = 1.0
    same(y, x)
    point = torch.tensor(2.0)
    index = torch.tensor([0])
    same(point.to("gpu").index_fill(0, index.to("gpu"), 3.0), point.index_fill(0, index, 3.0))


def test_functions_at_special_numbers() -> None:
    nan, inf = float("nan"), float("inf")
    line = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.3, -0.7, inf, -inf, nan])
    a, b = line.repeat_interleave(9), line.repeat(9)
    for name in ("atan2", "hypot", "fmax", "fmin", "logaddexp2"):
        op = getattr(torch, name)
        same(op(a.to("gpu"), b.to("gpu")), op(a, b))
    for name in ("atan", "asin", "acos", "lgamma", "isposinf", "isneginf", "logit"):
        op = getattr(torch, name)
        same(op(line.to("gpu")), op(line))
    same(torch.special.ndtr(line.to("gpu")), torch.special.ndtr(line))
    same(torch.digamma(torch.tensor([-6.99, -2.01]).to("gpu")),
         torch.digamma(torch.tensor([-6.99, -2.01])), 1e-3)  # fmt: skip
    same(torch.nextafter(a.to("gpu"), b.to("gpu")), torch.nextafter(a, b))


def test_products_with_factors() -> None:
    m, a, b = torch.randn(3, 5), torch.randn(3, 4), torch.randn(4, 5)
    compare(lambda m, a, b: torch.addmm(m, a, b, beta=0.5, alpha=-2.0), m, a, b, tol=1e-4)
    empty = torch.full((3, 5), float("nan"))
    compare(lambda m, a, b: torch.addmm(m.detach(), a, b, beta=0), empty, a, b, tol=1e-4)
    whole = [torch.randint(-5, 5, s) for s in ((3, 5), (3, 4), (4, 5))]
    on_gpu = [x.to("gpu") for x in whole]
    same(torch.addmm(*on_gpu, beta=3, alpha=2), torch.addmm(*whole, beta=3, alpha=2))


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
