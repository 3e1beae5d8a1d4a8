"""Views of one buffer as inputs and results of one kernel, which may not be bound to it twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import pyrite as torch
import pyrite.nn.functional as F
from on_both import same

Views = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def step(optimizer: type[torch.optim.Optimizer], param: torch.Tensor, grad: torch.Tensor) -> None:
    weight = param.detach().requires_grad_()
    weight.grad = grad
    for _ in range(2):
        optimizer([weight], lr=0.1).step()


def adam(x: torch.Tensor, moments: torch.Tensor) -> None:
    torch._fused_adamw_(
        [x], [moments[0]], [moments[1]], [moments[2]], [], [torch.ones(())],
        lr=0.1, beta1=0.9, beta2=0.99, weight_decay=0.1, eps=1e-8, amsgrad=False, maximize=False,
    )  # fmt: skip


ON_ONE_BUFFER: dict[str, Callable[[torch.Tensor, torch.Tensor, torch.Tensor], object]] = {
    "running statistics": lambda x, y, z: F.batch_norm(x.clone(), z[0], z[1], training=True),
    "all of batch norm": lambda x, y, z: F.batch_norm(x, z[0], z[1], y[0], y[1], training=True),
    "gradient beside parameter": lambda x, y, z: step(torch.optim.SGD, x, y),
    "states beside parameter": lambda x, y, z: adam(x[0], y),
    "scatter": lambda x, y, z: z.scatter_(0, (x[:1] * 0).long(), y),
    "index_add": lambda x, y, z: z.index_add_(0, (x[0] * 0).long(), y),
    "matmul": lambda x, y, z: torch.matmul(x, y, out=z),
    "whole numbers": lambda x, y, z: z.copy_(x.view(torch.int32)),
    "bytes": lambda x, y, z: z.copy_(x.view(torch.uint8)[:, 3:7]),
    "to bytes": lambda x, y, z: z.view(torch.uint8)[:, 2:6].copy_(x),
    "halves": lambda x, y, z: z.view(torch.float16)[:, :4].add_(x),
    "sum with whole numbers": lambda x, y, z: z.add_(x.view(torch.int32), alpha=2),
}


@pytest.mark.parametrize("name", ON_ONE_BUFFER)
def test_parts_of_one_buffer_are_read_and_written(name: str) -> None:
    results = []
    for device in ("cpu", "gpu"):
        whole = (torch.arange(48.0) / 48).to(device)
        ON_ONE_BUFFER[name](*(whole[i : i + 16].view(4, 4) for i in (0, 16, 32)))
        results.append(whole)
    assert not results[0].equal(torch.arange(48.0) / 48)
    same(results[1], results[0])
