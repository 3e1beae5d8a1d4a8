"""DistributedDataParallel: N ranks learn what one process learns from the joined batch."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import pyrite as torch
import pyrite.distributed as dist
from over_ranks import over_ranks
from pyrite import nn
from pyrite.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook
from pyrite.futures import Future
from pyrite.nn import functional as F
from pyrite.nn.parallel import DistributedDataParallel as DDP
from pyrite.nn.parallel._buckets import assign

SMALL = 200 / 2**20  # MB: a bucket for nearly every parameter of the models below


def model(dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(1)
    layers = nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)
    return nn.Sequential(*layers).to(dtype)


def batches(count: int, dtype: torch.dtype = torch.float64) -> list[tuple[Any, Any]]:
    torch.manual_seed(2)
    return [(torch.randn(12, 4, dtype=dtype), torch.randint(3, (12,))) for _ in range(count)]


def part(value: Any) -> Any:
    """This rank's share of a batch."""
    return value.chunk(dist.get_world_size())[dist.get_rank()]


def values(module: nn.Module) -> list[Any]:
    return [p.detach().clone() for p in module.parameters()]


def train(module: nn.Module, data: list[tuple[Any, Any]], share: bool) -> list[float]:
    optimizer = torch.optim.SGD(module.parameters(), lr=0.2, momentum=0.9)
    losses = []
    for x, y in data:
        x, y = (part(x), part(y)) if share else (x, y)
        loss = F.cross_entropy(module(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return losses


def trained(options: dict[str, Any]) -> Any:
    ours = model()
    if dist.get_rank() > 0:  # rank 0's values count
        nn.init.zeros_(ours[0].weight)
    losses = train(DDP(ours, **options), batches(5), share=True)
    return losses, values(ours)


@pytest.mark.parametrize(
    ("world", "options"),
    [
        (2, {}),
        (3, {"bucket_cap_mb": SMALL}),
        (2, {"bucket_cap_mb": SMALL, "gradient_as_bucket_view": True}),
        (2, {"static_graph": True, "find_unused_parameters": True}),
    ],
)
def test_ranks_learn_what_one_process_learns(
    tmp_path: Path, world: int, options: dict[str, Any]
) -> None:
    alone = model()
    losses = train(alone, batches(5), share=False)
    results = over_ranks(tmp_path, world, trained, options)
    for step, loss in enumerate(losses):
        assert sum(told[step] for told, _ in results) / world == pytest.approx(loss, rel=1e-12)
    for _, learned in results:
        for mine, first, expected in zip(learned, results[0][1], values(alone), strict=True):
            assert torch.equal(mine, first)
            torch.testing.assert_close(mine, expected, rtol=1e-10, atol=1e-12)


def one_rank() -> bool:
    wrapped, plain = model(torch.float32), model(torch.float32)
    data = batches(4, torch.float32)
    assert train(DDP(wrapped, bucket_cap_mb=SMALL), data, share=True) == train(plain, data, False)
    return all(torch.equal(a, b) for a, b in zip(values(wrapped), values(plain), strict=True))


def test_one_rank_is_exact(tmp_path: Path) -> None:
    assert over_ranks(tmp_path, 1, one_rank) == [True]


class Branches(nn.Module):
    """Rank 0 uses `first`, rank 1 `second`, nobody `third`."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second, self.third = (nn.Linear(4, 2).double() for _ in range(3))

    def forward(self, x: Any, which: int) -> Any:
        return {"out": [(self.first, self.second)[which](x)]}


def unused(as_views: bool) -> Any:
    wrapped = DDP(Branches(), bucket_cap_mb=SMALL, gradient_as_bucket_view=as_views)
    x = torch.ones(3, 4, dtype=torch.float64) * (1 + dist.get_rank())
    told = []
    for _ in range(3):
        wrapped.zero_grad()
        wrapped(x, dist.get_rank())["out"][0].sum().backward()
        branches = (wrapped.module.first, wrapped.module.second, wrapped.module.third)
        told.append(
            [b.weight.grad if b.weight.grad is None else b.weight.grad[0] for b in branches]
        )
    return [[None if g is None else g.tolist() for g in grads] for grads in told]


@pytest.mark.parametrize("as_views", [False, True])
def test_unused_parameters_are_found(tmp_path: Path, as_views: bool) -> None:
    expected = [[[1.5] * 4, [3.0] * 4, None]] * 3
    assert over_ranks(tmp_path, 2, unused, as_views) == [expected, expected]


def accumulated() -> Any:
    (first, second), wrapped = batches(2), DDP(model())
    with wrapped.no_sync():
        F.cross_entropy(wrapped(part(first[0])), part(first[1])).backward()
    local = wrapped.module[0].weight.grad.clone()
    F.cross_entropy(wrapped(part(second[0])), part(second[1])).backward()
    return local, [p.grad for p in wrapped.parameters()]


def test_no_sync_adds_up_until_the_next_pass(tmp_path: Path) -> None:
    alone = model()
    for x, y in batches(2):
        F.cross_entropy(alone(x), y).backward()
    (first, grads), (second, _) = over_ranks(tmp_path, 2, accumulated)
    assert not torch.equal(first, second)
    for mine, expected in zip(grads, alone.parameters(), strict=True):
        torch.testing.assert_close(mine, expected.grad, rtol=1e-10, atol=1e-12)


def two_passes() -> Any:
    (first, second), wrapped = batches(2), DDP(model())
    losses = [F.cross_entropy(wrapped(part(x)), part(y)) for x, y in (first, second)]
    for loss in losses:
        loss.backward()
    return [p.grad for p in wrapped.parameters()]


def test_two_passes_before_their_backwards(tmp_path: Path) -> None:
    alone = model()
    for x, y in batches(2):
        F.cross_entropy(alone(x), y).backward()
    for grads in over_ranks(tmp_path, 2, two_passes):
        for mine, expected in zip(grads, alone.parameters(), strict=True):
            torch.testing.assert_close(mine, expected.grad, rtol=1e-10, atol=1e-12)


class Hidden:
    """An output that does not show its tensors."""

    def __init__(self, value: Any) -> None:
        self._value = value


class Hiding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = model()

    def forward(self, x: Any) -> Any:
        return Hidden(self.inner(x))


def hidden() -> Any:
    (x, y), wrapped = batches(1)[0], DDP(Hiding())
    F.cross_entropy(wrapped(part(x))._value, part(y)).backward()
    return [p.grad for p in wrapped.parameters()]


def test_outputs_of_any_class(tmp_path: Path) -> None:
    (x, y), alone = batches(1)[0], model()
    F.cross_entropy(alone(x), y).backward()
    for grads in over_ranks(tmp_path, 2, hidden):
        for mine, expected in zip(grads, alone.parameters(), strict=True):
            torch.testing.assert_close(mine, expected.grad, rtol=1e-10, atol=1e-12)


def failed_before() -> Any:
    (x, y), wrapped = batches(1)[0], DDP(model(), bucket_cap_mb=SMALL)

    def fail(parameter: Any) -> None:
        raise ValueError("boom")

    handle = wrapped.module[2].weight.register_post_accumulate_grad_hook(fail)
    with pytest.raises(ValueError, match="boom"):
        F.cross_entropy(wrapped(part(x)), part(y)).backward()
    handle.remove()
    wrapped.zero_grad()
    F.cross_entropy(wrapped(part(x)), part(y)).backward()
    return [p.grad for p in wrapped.parameters()]


def test_a_backward_that_raised_leaves_no_trace(tmp_path: Path) -> None:
    (x, y), alone = batches(1)[0], model()
    F.cross_entropy(alone(x), y).backward()
    for grads in over_ranks(tmp_path, 2, failed_before):
        for mine, expected in zip(grads, alone.parameters(), strict=True):
            torch.testing.assert_close(mine, expected.grad, rtol=1e-10, atol=1e-12)


def overlapped() -> list[str]:
    events: list[str] = []
    ours = model()
    wrapped = DDP(ours, bucket_cap_mb=SMALL)
    ours[0].weight.register_post_accumulate_grad_hook(lambda p: events.append("first layer"))

    def hook(state: Any, bucket: Any) -> Future[Any]:
        events.append(f"bucket {bucket.index()}{' last' if bucket.is_last() else ''}")
        assert sum(g.numel() for g in bucket.gradients()) == bucket.buffer().numel()
        assert [g.shape for g in bucket.gradients()] == [p.shape for p in bucket.parameters()]
        return default_hooks.allreduce_hook(state, bucket)

    wrapped.register_comm_hook(None, hook)
    with pytest.raises(RuntimeError, match="can only be called once"):
        wrapped.register_comm_hook(None, hook)
    x, y = batches(1)[0]
    F.cross_entropy(wrapped(part(x)), part(y)).backward()
    return events


def test_buckets_are_sent_while_backward_goes_on(tmp_path: Path) -> None:
    for events in over_ranks(tmp_path, 2, overlapped):
        buckets = [event for event in events if event.startswith("bucket")]
        assert buckets[0] == "bucket 0" and buckets[-1].endswith("last") and len(buckets) >= 3
        assert events.index("first layer") > events.index("bucket 1")


def test_buckets_hold_one_dtype_and_keep_their_limits() -> None:
    single = [torch.zeros(10) for _ in range(5)]
    double = [torch.zeros(10, dtype=torch.float64) for _ in range(2)]
    assert assign(single, [4, 3, 2, 1, 0], (40, 80)) == [[4], [3, 2], [1, 0]]
    assert assign([*single, *double], [6, 0, 5, 1], (1000,)) == [[6, 5], [0, 1]]


def hooked(name: str) -> Any:
    wrapped = DDP(model(torch.float32), bucket_cap_mb=SMALL)
    if name == "powersgd":
        state = powerSGD_hook.PowerSGDState(None, 3, start_powerSGD_iter=2, min_compression_rate=1)
        wrapped.register_comm_hook(state, powerSGD_hook.powerSGD_hook)
    elif name == "own":
        own = torch.float16

        def hook(state: Any, bucket: Any) -> Any:
            work = dist.all_reduce(bucket.buffer().to(own) / dist.get_world_size(), async_op=True)
            return work.get_future().then(lambda future: future.value()[0].float())

        wrapped.register_comm_hook(None, hook)
    elif name == "wrapped":
        hook = default_hooks.bf16_compress_wrapper(default_hooks.allreduce_hook)
        wrapped.register_comm_hook(None, hook)
    else:
        wrapped.register_comm_hook(None, getattr(default_hooks, f"{name}_compress_hook"))
    return train(wrapped, batches(8, torch.float32), share=True), values(wrapped)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("fp16", 1e-3), ("own", 1e-3), ("bf16", 1e-2), ("wrapped", 1e-2), ("powersgd", 0.1)],
)
def test_compressed_gradients_are_close(tmp_path: Path, name: str, tolerance: float) -> None:
    alone = model(torch.float32)
    train(alone, batches(8, torch.float32), share=False)
    (_, first), (_, second) = over_ranks(tmp_path, 2, hooked, name)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    exact = [torch.equal(a, b) for a, b in zip(first, values(alone), strict=True)]
    assert not all(exact)
    for mine, expected in zip(first, values(alone), strict=True):
        torch.testing.assert_close(mine, expected, rtol=tolerance, atol=tolerance)


def buffers_of(broadcast: bool) -> Any:
    torch.manual_seed(4)
    ours = nn.BatchNorm1d(2)
    wrapped = DDP(ours, broadcast_buffers=broadcast)
    for _ in range(2):
        wrapped(torch.full((3, 2), float(dist.get_rank()))).sum().backward()
    before = ours.running_mean.tolist()
    wrapped.eval()
    wrapped(torch.zeros(1, 2))
    return before, ours.running_mean.tolist()


def test_buffers_are_those_of_rank_0(tmp_path: Path) -> None:
    (_, kept), (before, after) = over_ranks(tmp_path, 2, buffers_of, True)
    assert before != after == kept == [0.0, 0.0]
    _, (before, after) = over_ranks(tmp_path, 2, buffers_of, False)
    assert before == after == pytest.approx([0.19, 0.19])


def differing(kind: str) -> str:
    size = 5 if kind == "shape" and dist.get_rank() == 1 else 4
    layers = [nn.Linear(size, 2)] * 2 if kind == "count" and dist.get_rank() == 1 else []
    layers = [nn.Linear(size, 2), *(nn.Linear(1, 1) for _ in layers)]
    try:
        DDP(nn.Sequential(*layers))
    except RuntimeError as error:
        return str(error)
    return ""


def test_different_models_are_refused_on_all_ranks(tmp_path: Path) -> None:
    first, second = over_ranks(tmp_path, 2, differing, "shape")
    assert first == second
    assert first.startswith(
        "[Rank 1]: params[0] in this process with sizes [2, 5] appears not to match sizes of the "
        "same param in process 0."
    )
    first, second = over_ranks(tmp_path, 2, differing, "count")
    assert (
        first
        == second
        == (
            "DDP expects same model across all ranks, but Rank 0 has 2 params, while rank 1 has "
            "inconsistent 6 params."
        )
    )


def misused() -> None:
    with pytest.raises(RuntimeError, match="not needed when a module doesn't have any parameters"):
        DDP(nn.Tanh())
    with pytest.raises(ValueError, match="device_ids and output_device arguments only work with"):
        DDP(model(), device_ids=[0])
    wrapped = DDP(model())
    with pytest.raises(TypeError, match="must be callable"):
        wrapped.register_comm_hook(None, 3)
    plain = model().state_dict()
    nn.init.zeros_(wrapped.module[0].weight)
    wrapped.load_state_dict(plain)
    assert torch.equal(wrapped.module[0].weight, plain["0.weight"])
    nn.init.zeros_(wrapped.module[0].weight)
    wrapped.load_state_dict({f"module.{name}": value for name, value in plain.items()})
    assert torch.equal(wrapped.module[0].weight, plain["0.weight"])
    assert list(wrapped.state_dict()) == [f"module.{name}" for name in plain]
    copied = copy.deepcopy(wrapped)
    copied(torch.ones(1, 4, dtype=torch.float64)).sum().backward()
    assert copied.module[0].weight.grad is not None and wrapped.module[0].weight.grad is None


def test_arguments_and_state(tmp_path: Path) -> None:
    over_ranks(tmp_path, 1, misused)


def joined(divide_by_initial_world_size: bool) -> Any:
    wrapped = DDP(nn.Linear(1, 1, bias=False).double(), bucket_cap_mb=SMALL)
    nn.init.zeros_(wrapped.module.weight)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=1.0)
    grads = []
    with wrapped.join(divide_by_initial_world_size=divide_by_initial_world_size):
        for _ in range(2 + 2 * dist.get_rank()):
            optimizer.zero_grad()
            x = torch.full((1, 1), float(1 + dist.get_rank()), dtype=torch.float64)
            wrapped(x).sum().backward()
            grads.append(wrapped.module.weight.grad.item())
            optimizer.step()
    return grads, wrapped.module.weight.item()


@pytest.mark.parametrize(("divide", "late"), [(True, 1.0), (False, 2.0)])
def test_uneven_inputs(tmp_path: Path, divide: bool, late: float) -> None:
    first, second = over_ranks(tmp_path, 2, joined, divide)
    assert first == ([1.5, 1.5], -3.0 - 2 * late)  # has the model of those that went on
    assert second == ([1.5, 1.5, late, late], -3.0 - 2 * late)


def thrown() -> str:
    wrapped = DDP(nn.Linear(1, 1))
    try:
        with wrapped.join(throw_on_early_termination=True):
            for _ in range(1 + dist.get_rank()):
                wrapped(torch.ones(1, 1)).sum().backward()
    except RuntimeError as error:
        return str(error)
    return ""


def test_uneven_inputs_can_be_an_error(tmp_path: Path) -> None:
    for told in over_ranks(tmp_path, 2, thrown):
        assert told.startswith("Detected at least one rank that exhausted inputs.")
