"""Collectives that return new tensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import pyrite as torch
import pyrite.distributed as dist
import pyrite.distributed._functional_collectives as functional
from over_ranks import over_ranks


def _all(world: int) -> list[Any]:
    rank = dist.get_rank()
    x = torch.arange(4.0).reshape(2, 2) + 10 * rank
    results = [
        functional.all_reduce(x, "sum", None),
        functional.broadcast(x, 1, None),
        functional.all_gather_tensor(x, 1, dist.group.WORLD),
        functional.reduce_scatter_tensor(x, "max", 1, None),
    ]
    same = functional.wait_tensor(x) is x
    return [*(result.tolist() for result in results), x.tolist(), same]


def test_results_and_arguments(tmp_path: Path) -> None:
    for rank, got in enumerate(over_ranks(tmp_path, 2, _all, 2)):
        summed, sent, gathered, scattered, own, same = got
        assert summed == [[10, 12], [14, 16]]
        assert sent == [[10, 11], [12, 13]]
        assert gathered == [[0, 1, 10, 11], [2, 3, 12, 13]]
        assert scattered == [[10 + rank], [12 + rank]]
        assert own == [[10 * rank, 10 * rank + 1], [10 * rank + 2, 10 * rank + 3]]
        assert same


def _exchange(world: int) -> list[Any]:
    rank = dist.get_rank()
    x = torch.arange(3.0, requires_grad=True)
    sent, received = ([1, 2], [1, 2]) if rank == 0 else ([2, 1], [2, 1])
    y = functional.all_to_all_single_autograd(x, received, sent, None)
    (y * (rank + 1)).sum().backward()
    return [y.tolist(), x.grad.tolist()]


def test_rows_go_there_and_gradients_come_back(tmp_path: Path) -> None:
    first, second = over_ranks(tmp_path, 2, _exchange, 2)
    assert first == [[0, 0, 1], [1, 2, 2]]
    assert second == [[1, 2, 2], [1, 1, 2]]


def test_other_kinds_of_groups_are_named() -> None:
    with pytest.raises(NotImplementedError, match="a group given as list"):
        functional.all_reduce(torch.ones(1), "sum", [0, 1])
