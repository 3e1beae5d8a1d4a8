"""Elementwise ops wait for those that use their results, and become one kernel with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

import pyrite as torch
import pyrite.nn.functional as F
from fresh import run
from pyrite import _C, gpu

Expression = Callable[[list[torch.Tensor]], torch.Tensor]

UNARY: list[Callable[[torch.Tensor], torch.Tensor]] = [
    torch.tanh,
    torch.exp,
    torch.sigmoid,
    torch.relu,
    torch.neg,
    torch.square,
    lambda x: x.clamp(-1, 2),
    lambda x: 3 - x,
    lambda x: x * 0.7,
    lambda x: F.leaky_relu(x, 0.1),
    lambda x: (x > 0).to(x.dtype),
    lambda x: x.half().to(x.dtype),
    lambda x: x**3,
    torch.reciprocal,
]
BINARY: list[Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = [
    torch.add,
    torch.sub,
    torch.mul,
    torch.maximum,
    lambda x, y: torch.where(x > y, x, y * 2),
    lambda x, y: torch.lerp(x, y, 0.25),
]


@pytest.fixture(autouse=True)
def fusion() -> Iterator[None]:
    before = gpu.is_fusion_enabled()
    gpu.set_fusion_enabled(True)
    yield
    gpu.set_fusion_enabled(before)


def unfused(work: Callable[[], torch.Tensor]) -> torch.Tensor:
    gpu.set_fusion_enabled(False)
    result = work()
    gpu.set_fusion_enabled(True)
    return result


def dispatches(work: Callable[[], object]) -> int:
    """Launches of some work, whose results are waited for."""
    gpu.synchronize()
    before = _C._gpu_counts(0)[0]
    kept = work()
    gpu.synchronize()
    del kept
    return _C._gpu_counts(0)[0] - before


def expression(rng: random.Random, depth: int) -> Expression:
    """A tree of random ops over some tensors."""
    if depth == 0:
        at = rng.randrange(3)
        return lambda xs: xs[at]
    if rng.random() < 0.5:
        op, inner = rng.choice(UNARY), expression(rng, depth - 1)
        return lambda xs: op(inner(xs))
    both = rng.choice(BINARY)
    left, right = expression(rng, depth - 1), expression(rng, rng.randrange(depth))
    return lambda xs: both(left(xs), right(xs))


def layouts(dtype: torch.dtype) -> list[list[torch.Tensor]]:
    """Operands that lie alike, that are broadcast, and that lie in another order."""
    torch.manual_seed(0)
    x, y, z = (torch.randn(6, 5).to(dtype).to("gpu") for _ in range(3))
    return [[x, y, z], [x, y[0], z[:, :1]], [x, y.t().reshape(6, 5), z.t().contiguous().t()]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("seed", range(8))
def test_fused_and_unfused_are_equal_bit_for_bit(seed: int, dtype: torch.dtype) -> None:
    work = expression(random.Random(seed), 4)
    for xs in layouts(dtype):
        fused, apart = work(xs), unfused(lambda xs=xs: work(xs))
        assert fused.dtype == apart.dtype and fused.shape == apart.shape
        same = (fused == apart) | (fused.isnan() & apart.isnan())
        assert same.all().item(), f"{fused} is not {apart}"


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int16, torch.uint8], ids=str)
def test_whole_numbers_wrap_around_as_in_memory(dtype: torch.dtype) -> None:
    x = torch.tensor([1, 100, 127, 3], dtype=dtype)
    work = lambda x: ((x * 3 + 200) * x - 7).to(torch.int64) // 2  # noqa: E731
    assert torch.equal(work(x.to("gpu")).cpu(), work(x))


def test_a_chain_is_one_launch() -> None:
    x, y = torch.randn(100, device="gpu"), torch.randn(100, device="gpu")
    work = lambda: torch.tanh(x * 2 + y).relu() * y  # noqa: E731
    assert dispatches(work) == 1
    assert dispatches(lambda: unfused(work)) == 5


def test_a_derivative_is_one_launch() -> None:
    x = torch.randn(100, device="gpu", requires_grad=True)
    y, seed = x.tanh(), torch.randn(100, device="gpu")
    # seed * (1 - y * y)
    assert dispatches(lambda: torch.autograd.grad(y, x, seed)) == 1


def test_a_first_gradient_is_not_copied() -> None:
    x, w = torch.randn(4, 5, device="gpu"), torch.randn(8, 5, device="gpu", requires_grad=True)
    seed = torch.randn(4, 8, device="gpu")
    y = F.linear(x, w)
    assert dispatches(lambda: y.backward(seed)) == 1
    torch.testing.assert_close(w.grad, seed.t() @ x)
    w.grad, bias = None, torch.randn(8, device="gpu", requires_grad=True)
    y = F.linear(x, w, bias)
    assert dispatches(lambda: y.backward(seed)) == 2
    torch.testing.assert_close(w.grad, seed.t() @ x)


def test_what_nobody_holds_is_never_computed() -> None:
    x = torch.randn(100, device="gpu")
    assert dispatches(lambda: [x + 1, None][1]) == 0


def test_a_write_to_an_operand_comes_after() -> None:
    x = torch.ones(4, device="gpu")
    y = x + 1
    x.mul_(10)
    assert y.tolist() == [2, 2, 2, 2]
    z = x + 1
    x.copy_(torch.zeros(4))
    assert z.tolist() == [11, 11, 11, 11]
    v = x + 1
    x[1:3] = 7
    w = v * x
    x.normal_()
    assert v.tolist() == [1, 1, 1, 1] and w.tolist() == [0, 7, 7, 0]


def test_a_write_to_the_result_comes_after() -> None:
    x = torch.ones(4, device="gpu")
    y = x + 1
    z = y * 2
    y.add_(100)
    assert z.tolist() == [4, 4, 4, 4] and y.tolist() == [102, 102, 102, 102]
    v = x + 1
    torch.mul(x, 3, out=v)
    assert v.tolist() == [3, 3, 3, 3]


def test_a_view_sees_the_result() -> None:
    x = torch.arange(6.0).to("gpu").reshape(2, 3)
    y = x * 2
    assert (y.t() + y[0, 0]).tolist() == [[0, 6], [2, 8], [4, 10]]
    z = x * 2
    z[0].fill_(5)
    assert z.tolist() == [[5, 5, 5], [6, 8, 10]]


def test_a_second_consumer_computes_nothing_twice() -> None:
    x = torch.randn(100, device="gpu")

    def work() -> tuple[torch.Tensor, torch.Tensor]:
        y = x.exp()
        return y + 1, y * 2

    # The exponential once, then its consumers, which may not share a kernel with it any more.
    assert dispatches(work) == 3
    one, two = work()
    torch.testing.assert_close(2 * (one - 1), two)


def test_what_a_gradient_needs_is_kept_not_computed_again() -> None:
    x = torch.randn(100, device="gpu", requires_grad=True)

    def forward() -> torch.Tensor:
        return (x * 2).exp() + 1

    # The exponential's result is saved: one kernel up to it, one from it.
    assert dispatches(forward) == 2
    (grad,) = torch.autograd.grad(forward().sum(), x)
    torch.testing.assert_close(grad.cpu(), 2 * (2 * x.detach().cpu()).exp())


def test_a_saved_value_that_is_overwritten_is_still_noticed() -> None:
    x = torch.randn(4, device="gpu", requires_grad=True)
    y = (x + 1).exp()
    z = y * 2
    with torch.no_grad():
        y.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_operands_of_what_waits_count_as_allocated() -> None:
    gpu.synchronize()
    before, nbytes = gpu.memory_allocated(), 4 << 20
    x = torch.ones(1 << 20, device="gpu")
    y = x + 1
    del x
    assert gpu.memory_allocated() - before == 2 * nbytes
    gpu.synchronize()
    assert gpu.memory_allocated() - before == nbytes
    assert y.sum().item() == 2 << 20
    z = y + 1
    del y
    gpu.empty_cache()
    assert gpu.memory_allocated() - before == nbytes and z[0].item() == 3


def test_more_operands_than_a_kernel_takes_are_two_kernels() -> None:
    xs = [torch.full((10,), float(i), device="gpu") for i in range(12)]
    gpu.synchronize()
    assert dispatches(lambda: sum(xs[1:], xs[0])) == 2
    assert sum(xs[1:], xs[0]).tolist() == [66] * 10


def test_a_long_chain_is_cut() -> None:
    def work() -> torch.Tensor:
        x = torch.ones(10, device="gpu")
        for _ in range(100):
            x = x + 1
        return x

    assert work().tolist() == [101] * 10
    assert dispatches(work) < 12


def test_results_of_other_shapes_and_types_are_not_mixed_up() -> None:
    x, y = torch.ones(2, 3, device="gpu"), torch.ones(3, device="gpu")
    small = y + 1
    large = x * small
    mask = large > 1
    assert (mask & (x > 0)).tolist() == [[True] * 3] * 2
    assert (small.expand(2, 3) + large).tolist() == [[4] * 3] * 2
    assert ((x + 1).view(torch.int32) + 0).tolist() == [[0x40000000] * 3] * 2


def test_a_thread_uses_what_waits_for_another() -> None:
    from threading import Thread

    x, results = torch.ones(10, device="gpu"), []
    y = x + 1
    thread = Thread(target=lambda: results.append((y * 2).tolist()))
    thread.start()
    thread.join()
    assert results == [[4.0] * 10]


def test_an_environment_variable_turns_it_off() -> None:
    program = """
        from pyrite import gpu
        print(gpu.is_fusion_enabled())
    """
    assert run(program).strip() == "True"
    assert run(program, PYRITE_GPU_FUSION="0").strip() == "False"
    shown = run(
        """
        from pyrite import gpu
        try:
            gpu.is_fusion_enabled()
        except ValueError as error:
            print(error)
        """,
        PYRITE_GPU_FUSION="maybe",
    )
    assert shown.strip() == "PYRITE_GPU_FUSION must be '0' or '1', got 'maybe'"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16], ids=str)
@pytest.mark.parametrize("shape", [(3, 8), (2, 3, 8), (70, 8)], ids=str)
def test_an_activation_is_part_of_its_linear_layer(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(8, 66).to("gpu", dtype), torch.randn(shape).to("gpu", dtype)
    forward: list[Callable[[], torch.Tensor]] = [
        lambda: F.relu(layer(x)),
        lambda: torch.tanh(layer(x)) * 0.5 + 1,
        lambda: layer(x) > 0,
        lambda: F.relu(x @ layer.weight.t()),
    ]
    for work in forward:
        with torch.no_grad():
            assert dispatches(work) == 1
        assert torch.equal(work(), unfused(work))
    # In training too: a gradient needs the result only.
    assert dispatches(forward[0]) == 1


def test_a_product_that_is_held_is_computed_once() -> None:
    x, w = torch.randn(4, 8, device="gpu"), torch.randn(8, 5, device="gpu")

    def work() -> tuple[torch.Tensor, torch.Tensor]:
        y = x @ w
        return y, y.relu()

    assert dispatches(work) == 2
    y, z = work()
    assert torch.equal(y.clamp(min=0), z)
    # Gelu's gradient needs its input, which is stored; relu's only its output.
    w.requires_grad_()
    assert dispatches(lambda: F.gelu(x @ w)) == 2
    assert dispatches(lambda: F.relu(x @ w)) == 1
    (grad,) = torch.autograd.grad(F.relu(x @ w).sum(), w)
    torch.testing.assert_close(grad, x.t() @ (z > 0).float())
