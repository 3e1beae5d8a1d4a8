"""SyncBatchNorm and ZeroRedundancyOptimizer against one process on the joined batch."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

import pyrite as torch
import pyrite.distributed as dist
from over_ranks import over_ranks
from pyrite import nn
from pyrite.distributed.optim import ZeroRedundancyOptimizer
from pyrite.utils.data.distributed import DistributedSampler


def batch() -> Any:
    torch.manual_seed(5)
    return torch.randn(6, 3, 4, dtype=torch.float64)


def norm() -> nn.Module:
    torch.manual_seed(6)
    layer = nn.BatchNorm1d(3).double()
    nn.init.uniform_(layer.weight)
    return nn.Sequential(layer, nn.Tanh())


def normalised(sizes: list[int]) -> Any:
    layer = nn.SyncBatchNorm.convert_sync_batchnorm(norm())
    assert isinstance(layer[0], nn.SyncBatchNorm)
    x = batch().split(sizes)[dist.get_rank()].requires_grad_()
    y = layer(x)
    y.square().sum().backward()
    layer.eval()
    statistics = layer[0].running_mean, layer[0].running_var, layer[0].num_batches_tracked
    return y.detach(), x.grad, layer[0].weight.grad, statistics, layer(x).detach()


@pytest.mark.parametrize("sizes", [[3, 3], [5, 1]])
def test_statistics_are_those_of_all_ranks(tmp_path: Path, sizes: list[int]) -> None:
    alone, x = norm(), batch().requires_grad_()
    y = alone(x)
    y.square().sum().backward()
    alone.eval()
    first, second = over_ranks(tmp_path, 2, normalised, sizes)
    close = torch.testing.assert_close
    close(torch.cat([first[0], second[0]]), y.detach())
    close(torch.cat([first[1], second[1]]), x.grad)
    close(first[2] + second[2], alone[0].weight.grad)
    close(torch.cat([first[4], second[4]]), alone(x).detach())
    for told in (first, second):
        mean, variance, count = told[3]
        close(mean, alone[0].running_mean)
        close(variance, alone[0].running_var)
        assert count == 1


def model() -> nn.Module:
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).double()


def steps(ours: nn.Module, optimizer: Any, scheduler: Any, count: int) -> None:
    for step in range(count):
        optimizer.zero_grad()
        (ours(torch.ones(2, 3, dtype=torch.float64) * (1 + step)) - 1).square().sum().backward()
        optimizer.step()
        scheduler.step()


def halving(optimizer: Any) -> Any:
    return torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)


def divided() -> Any:
    ours = model()
    optimizer = ZeroRedundancyOptimizer(ours.parameters(), torch.optim.AdamW, lr=0.1)
    with pytest.raises(RuntimeError, match="has not been consolidated on this rank"):
        optimizer.state_dict()
    steps(ours, optimizer, halving(optimizer), 4)
    optimizer.consolidate_state_dict(to=1)
    state = copy.deepcopy(optimizer.state_dict()) if dist.get_rank() == 1 else None
    learned = [p.detach().clone() for p in ours.parameters()]
    states = [state]
    dist.broadcast_object_list(states, src=1)
    again = ZeroRedundancyOptimizer(ours.parameters(), torch.optim.AdamW, lr=0.7)
    again.load_state_dict(copy.deepcopy(states[0]))
    steps(ours, again, halving(again), 1)
    more = [p.detach().clone() for p in ours.parameters()]
    return learned, len(optimizer.optim.state), state, more


def test_divided_optimizer_is_the_plain_one(tmp_path: Path) -> None:
    alone = model()
    plain = torch.optim.AdamW(alone.parameters(), lr=0.1)
    steps(alone, plain, halving(plain), 4)
    learned = [p.detach().clone() for p in alone.parameters()]
    state = copy.deepcopy(plain.state_dict())
    steps(alone, plain, halving(plain), 1)
    results = over_ranks(tmp_path, 2, divided)
    assert sum(result[1] for result in results) == 4 and all(result[1] for result in results)
    for mine, _, _, more in results:
        assert all(torch.equal(a, b) for a, b in zip(mine, learned, strict=True))
        for a, b in zip(more, alone.parameters(), strict=True):
            torch.testing.assert_close(a, b.detach())
    told = results[1][2]
    assert told["param_groups"][0]["lr"] == state["param_groups"][0]["lr"]
    assert set(told["state"]) == set(state["state"])
    for number, entry in state["state"].items():
        assert torch.equal(told["state"][number]["exp_avg"], entry["exp_avg"])


def test_sampler_for_evaluation_repeats_nothing() -> None:
    parts = [DistributedSampler(range(8), 3, rank, shuffle=False, pad=False) for rank in range(3)]
    assert [list(part) for part in parts] == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert [len(part) for part in parts] == [3, 3, 2]
    shuffled = [list(DistributedSampler(range(8), 3, rank, pad=False)) for rank in range(3)]
    assert sorted(index for part in shuffled for index in part) == list(range(8))
    assert len(list(DistributedSampler(range(8), 3, 2))) == 3  # PyTorch's, by default


class TwoHeads(nn.Module):
    """Each rank uses a head of its own, above statistics of all ranks."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.body = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Tanh())
        self.heads = nn.ModuleList([nn.Linear(3, 1), nn.Linear(3, 1)])

    def forward(self, x: Any, head: int) -> Any:
        return self.heads[head](self.body(x))


def with_a_head_for_each_rank() -> Any:
    module = nn.SyncBatchNorm.convert_sync_batchnorm(TwoHeads().double())
    wrapped = nn.parallel.DistributedDataParallel(module, bucket_cap_mb=16 / 2**20)
    rank = dist.get_rank()
    torch.manual_seed(8)
    x = torch.randn(8, 4, dtype=torch.float64)
    for _ in range(3):
        module.zero_grad()
        wrapped(x.chunk(2)[rank], rank).square().sum().backward()
    return [parameter.grad for parameter in module.parameters()]


def test_buckets_and_statistics_need_no_common_order(tmp_path: Path) -> None:
    # The first bucket is a head's: one rank sends it before its statistics, the other after.
    alone = TwoHeads().double()
    torch.manual_seed(8)
    x = torch.randn(8, 4, dtype=torch.float64)
    y = alone.body(x)
    parts = [alone.heads[rank](part) for rank, part in enumerate(y.chunk(2))]
    (torch.cat(parts).square().sum() / 2).backward()
    for grads in over_ranks(tmp_path, 2, with_a_head_for_each_rank):
        for grad, parameter in zip(grads, alone.parameters(), strict=True):
            torch.testing.assert_close(grad, parameter.grad)
