"""Both devices agree where compilers, drivers or widths would have it otherwise."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pyrite as torch
import pyrite.nn.functional as F
from on_both import same
from pyrite import gpu

INF, NAN = float("inf"), float("nan")

OF_INFINITIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "difference with itself": lambda x: x - x,
    "quotient by itself": lambda x: x / x,
    "difference of equals": lambda x: x.neg() - x.neg(),
    "equal differences": lambda x: (x * 2 + 1) - (x * 2 + 1),
    "softmax": lambda x: x.softmax(-1),
    "softmax of columns": lambda x: x.t().softmax(0),
    "log_softmax": lambda x: x.log_softmax(-1),
    "var": lambda x: x.var(-1),
    "std": lambda x: x.std(-1, correction=0),
    "mean": lambda x: x.mean(-1),
    "logsumexp": lambda x: x.logsumexp(-1),
    "layer_norm": lambda x: F.layer_norm(x, (3,)),
    "rms_norm": lambda x: F.rms_norm(x, (3,)),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None], x[None]),
    "cumsum": lambda x: x.cumsum(-1),
    "norm": lambda x: x.norm(dim=-1),
}


@pytest.mark.parametrize("name", OF_INFINITIES)
def test_infinities_and_nan_go_the_same_way(name: str) -> None:
    op = OF_INFINITIES[name]
    rows = [[1.0, INF, 2.0], [-INF, 1.0, INF], [-INF] * 3, [1.0, NAN, 2.0], [INF, INF, 1.0]]
    for x in [torch.tensor([row]) for row in rows] + [torch.tensor(rows)]:
        same(op(x.to("gpu")), op(x))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16], ids=str)
def test_numbers_that_a_dtype_does_not_hold_wrap_around(dtype: torch.dtype) -> None:
    x = torch.tensor([0, 2, 6, 44, 127, 252 if dtype == torch.uint8 else -4], dtype=dtype)
    for number in (-4, 300, 70_000):
        for name in ("eq", "ne", "lt", "ge", "add", "mul", "bitwise_and"):
            op = getattr(torch, name)
            same(op(x.to("gpu"), number), op(x, number))
        least = torch.iinfo(dtype).min or -torch.iinfo(dtype).max
        fits = least <= number <= torch.iinfo(dtype).max
        for each in (x, x.to("gpu")):
            for write in (lambda y, n: y.clamp(max=n), lambda y, n: y.masked_fill(y > 1, n)):
                if fits:
                    same(write(x.to("gpu"), number), write(x, number))
                else:
                    with pytest.raises(RuntimeError, match="without overflow"):
                        write(each, number)


def test_views_of_nothing_are_read_wherever_they_begin() -> None:
    x = torch.zeros(4, 33, dtype=torch.int64, device="gpu")
    assert x[:, 33:].cpu().shape == (4, 0) and x[3, 7:7].tolist() == []
    empty = torch.ones(3, 33, 33, 0, 7, device="gpu")[2, 30, 20]
    assert empty.cpu().shape == (0, 7) and (empty + 1).sum().item() == 0


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16, torch.uint8, torch.bool], ids=str)
def test_parts_are_read_from_where_they_lie(dtype: torch.dtype) -> None:
    x = torch.arange(100).to(dtype)
    for start in (0, 1, 2, 3, 50, 99):
        assert x.to("gpu")[start : start + 7].tolist() == x[start : start + 7].tolist()
        assert x.to("gpu")[start].item() == x[start].item()


def test_indices_to_fill_count_from_the_end() -> None:
    x, index = torch.randn(4, 3), torch.tensor([-1, 0])
    same(x.to("gpu").index_fill(0, index.to("gpu"), 5.0), x.index_fill(0, index, 5.0))


def test_what_truth_values_have_no_op_for_is_refused() -> None:
    for device in ("cpu", "gpu"):
        x = torch.ones(2, 2, dtype=torch.bool, device=device)
        with pytest.raises(NotImplementedError, match="not implemented for 'Bool'"):
            x @ x
        index = torch.zeros(2, 2, dtype=torch.int64, device=device)
        with pytest.raises(NotImplementedError, match="reduce_mean\" not implemented for 'Bool'"):
            x.scatter_reduce(0, index, x, "mean")


def test_nothing_is_uploaded_from_behind_the_end() -> None:
    for dtype in (torch.float32, torch.bool):
        assert torch.ones(3, 0, dtype=dtype)[2:].to("gpu").sum().item() == 0


ON_HOST_NUMBERS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "combinations": lambda x: torch.combinations(x, 2, True),
    "isin": lambda x: torch.isin(x.long(), 2),
    "isin of a number": lambda x: torch.isin(2, x.long()),
    "embedding_bag": lambda x: F.embedding_bag(x.long() % 2, x.reshape(2, 2), x.long()[:2] * 2),
    "embedding_bag max": lambda x: F.embedding_bag(
        x.long() % 2, x.reshape(2, 2), x.long()[:2], mode="max"
    ),
}


@pytest.mark.parametrize("name", ON_HOST_NUMBERS)
def test_numbers_made_on_the_host_come_to_the_device(name: str) -> None:
    op, x = ON_HOST_NUMBERS[name], torch.arange(4.0)
    same(op(x.to("gpu")), op(x))


@pytest.mark.parametrize("op", ["amax", "amin"])
def test_extremes_of_long_integers_at_indices(op: str) -> None:
    edge = 2**31
    values = [0, 1, -1, edge, edge - 1, -edge, -edge - 1, 2**62, -(2**62), 2**62 + 1, 3 * edge, 5]
    x = torch.tensor([7, -edge, 2**62, -(2**62), edge, 0]).reshape(2, 3)
    source, index = torch.tensor(values).reshape(6, 2), torch.tensor([[0, 1]] * 3 + [[1, 0]] * 3)
    before = gpu.fallbacks()
    for include_self in (True, False):
        for layout in (lambda t: t, lambda t: t.t().contiguous().t()):
            on_cpu = layout(x).scatter_reduce(0, index, source, op, include_self=include_self)
            on_gpu = layout(x.to("gpu")).scatter_reduce(
                0, index.to("gpu"), source.to("gpu"), op, include_self=include_self
            )
            same(on_gpu, on_cpu)
    rows = torch.tensor([[4, edge, -1]])
    same(
        x.to("gpu").index_reduce(0, torch.tensor([1], device="gpu"), rows.to("gpu"), op),
        x.index_reduce(0, torch.tensor([1]), rows, op),
    )
    assert gpu.fallbacks() == before


@pytest.mark.parametrize("number", [2**31, 2**32 - 1, 3 * 2**31, 2**63 - 1, -(2**31) - 1, -5])
def test_long_integers_have_all_their_bits(number: int) -> None:
    x, index = torch.tensor([0, 1, -1]), torch.tensor([0, 0, 1])
    same(x.to("gpu") + number, x + number)
    same((x.to("gpu") * 3).maximum(torch.tensor(number)), (x * 3).maximum(torch.tensor(number)))
    same(torch.full((3,), number, device="gpu"), torch.full((3,), number))
    same(x.to("gpu").masked_fill(x.to("gpu") > 0, number), x.masked_fill(x > 0, number))
    first = min(number, 2**63 - 4)
    same(torch.arange(first, first + 3, device="gpu"), torch.arange(first, first + 3))
    steps = torch.arange(0, 3 * 2**32, 2**32 - 1)
    same(torch.arange(0, 3 * 2**32, 2**32 - 1, device="gpu"), steps)
    source = torch.full((3,), number // 4)
    same(x.to("gpu").index_add(0, index.to("gpu"), source.to("gpu")), x.index_add(0, index, source))


def test_draws_of_long_integers_have_all_their_bits() -> None:
    for low, high in ((0, 2**31 + 2**30), (2**31, 2**31 + 9), (-(2**31) - 5, -(2**31))):
        drawn = torch.randint(low, high, (2000,), device="gpu")
        assert low <= drawn.min().item() <= drawn.max().item() < high
        assert drawn.max().item() - drawn.min().item() > 0.8 * (high - 1 - low)


LONGER: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "abs": lambda x: x.abs(),
    "sign": lambda x: x.sign(),
    "sign of sign": lambda x: x.sign().sign(),
    "relu": lambda x: x.relu(),
    "floor_divide": lambda x: x // 4,
    "remainder": lambda x: x % 3,
    "power": lambda x: x**3,
    "comparisons": lambda x: (x < 0).long() - (x > 0).long() + (x >= 5).long(),
    "right shift": lambda x: x >> torch.tensor([-6, 0, 8, 70, -8, 1], device=x.device),
    "left shift": lambda x: x << torch.tensor([-6, 0, 8, 70, -8, 1], device=x.device),
    "rows": lambda x: torch.arange(300, device=x.device).reshape(150, 2)[x % 150],
}


@pytest.mark.parametrize("dtype", [torch.int32, torch.int16, torch.int8], ids=str)
@pytest.mark.parametrize("name", LONGER)
def test_numbers_made_longer_keep_their_sign(name: str, dtype: torch.dtype) -> None:
    x = torch.tensor([-6, 7, 0, -1, 5, -128], dtype=dtype)
    same(LONGER[name](x.to("gpu").long()), LONGER[name](x.long()))


def test_short_indices_count_from_the_end() -> None:
    x = torch.randn(5, 3)
    index = torch.tensor([-1, 0, -5], dtype=torch.int32)
    same(x.to("gpu")[index.to("gpu")], x[index])
    with pytest.raises(IndexError, match="index -6 is out of bounds"):
        x.to("gpu")[torch.tensor([-6], dtype=torch.int32, device="gpu")].cpu()


@pytest.mark.parametrize("number", [0.5, -0.5, NAN, 256, 0.0, -0.0])
def test_a_number_that_is_not_zero_is_true(number: float) -> None:
    x = torch.tensor([False, True, False])
    index = torch.tensor([0])
    same(torch.full((3,), number, dtype=torch.bool, device="gpu"), x.clone().fill_(number))
    same(x.to("gpu").masked_fill(~x.to("gpu"), number), x.masked_fill(~x, number))
    same(x.to("gpu").index_fill(0, index.to("gpu"), number), x.index_fill(0, index, number))


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64, torch.bool, torch.float32], ids=str)
@pytest.mark.parametrize("of", [torch.float32, torch.int16, torch.bool], ids=str)
def test_terms_are_of_the_sums_dtype(of: torch.dtype, dtype: torch.dtype) -> None:
    x = torch.tensor([[0.75, 0.75, 0.5], [1.0, -1.0, 2.5], [0.0, 3.75, -3.75]]).to(of)
    runs = () if dtype == torch.bool else ("cumsum", "cumprod")
    for name in ("sum", "prod", "nansum", *runs):
        for dim in (0, 1):
            actual = getattr(x.to("gpu"), name)(dim, dtype=dtype)
            same(actual, getattr(x, name)(dim, dtype=dtype))
    if dtype == torch.bool:
        found = x.to("gpu").sum(1, dtype=dtype)
        assert found.view(torch.uint8).tolist() == x.bool().any(1).int().tolist()
    if dtype.is_floating_point:
        same(x.to("gpu").mean(0, dtype=dtype), x.mean(0, dtype=dtype))


def test_remainders_of_large_quotients_are_exact() -> None:
    x = torch.tensor([1e10, -3e7, 123456.7, 5.0, -2.5, INF, -INF, NAN, 1e38, 7.0, -0.0])
    for divisor in (0.3, -1.7, 3.0, INF, -INF, 1e-30, 7.0):
        for op in (torch.remainder, torch.fmod, torch.floor_divide):
            same(op(x.to("gpu"), divisor), op(x, divisor))
            same(op(x.to("gpu"), x.to("gpu") * divisor), op(x, x * divisor))


def test_angles_may_be_large() -> None:
    x = torch.tensor([0.5, 0.8, 1.6, -30.0, 1e3, 12345.6, -1e5, 2.0**31, 3e20, 1e38, INF, NAN])
    for op in (torch.sin, torch.cos, torch.tan):
        same(op(x.to("gpu")), op(x), 1e-6)
    same(torch.lgamma(torch.tensor([1.0, 2.0], device="gpu")), torch.zeros(2))


def test_divisors_of_the_smallest_number() -> None:
    least = torch.iinfo(torch.int64).min
    x, y = torch.tensor([-3, 6, least, 0, least]), torch.tensor([least, least, 12, least, least])
    same(torch.gcd(x.to("gpu"), y.to("gpu")), torch.gcd(x, y))


def test_a_single_number_is_a_vector_of_one() -> None:
    for index in (torch.tensor([], dtype=torch.int64), torch.tensor([0, -1])):
        x = torch.tensor(3.0)
        same(x.to("gpu").index_fill(0, index.to("gpu"), 5.0), x.index_fill(0, index, 5.0))
    for device in ("cpu", "gpu"):
        assert torch.tensor(5.0, device=device).topk(0).values.item() == 5.0


MANY_DIMS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "copy": lambda x, y: x.contiguous(),
    "sum of both": lambda x, y: x + y * 2,
    "sum": lambda x, y: x.sum((0, 2, 4, 6, 8)),
    "var": lambda x, y: x.var((1, 3, 5, 7, 9)),
    "repeat": lambda x, y: x[0, 0, 0, 0].repeat(2, 1, 2, 3, 2, 2),
    "gather": lambda x, y: x.gather(3, (y > 0).long()),
    "scatter_add": lambda x, y: torch.zeros_like(y).scatter_add(3, (x > 0).long(), x),
    "index_put": lambda x, y: y.clone().index_put((x[:, 0, 0, 0, 0, 0, 0, 0, 0, 0] > 0,), y[0]),
    "flip": lambda x, y: x.flip(1, 4),
}


@pytest.mark.parametrize("name", MANY_DIMS)
def test_dimensions_may_be_more_than_parameters_hold(name: str) -> None:
    x = torch.randn([2] * 10).permute(9, 1, 8, 2, 7, 3, 6, 4, 5, 0)
    y = torch.randn([2] * 10).permute(1, 3, 5, 7, 9, 0, 2, 4, 6, 8)
    before = gpu.fallbacks()
    same(MANY_DIMS[name](x.to("gpu"), y.to("gpu")), MANY_DIMS[name](x, y))
    assert gpu.fallbacks() == before


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.uint8, torch.int16], ids=str
)
def test_of_values_for_one_place_one_stays(dtype: torch.dtype) -> None:
    values = torch.tensor([1, 2, 4, 8, 16, 32, 64])[torch.randint(0, 7, (20_000,))].to(dtype)
    x = torch.zeros(4, dtype=dtype, device="gpu")
    for place in range(4):
        x[torch.full((20_000,), place, device="gpu")] = values.to("gpu")
    assert set(x.tolist()) <= {1, 2, 4, 8, 16, 32, 64}
