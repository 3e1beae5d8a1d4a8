"""Runs the same call on the CPU and on the GPU and compares."""

from __future__ import annotations

from collections.abc import Callable

import pyrite as torch


def same(actual: torch.Tensor, expected: torch.Tensor, tolerance: float = 2e-5) -> None:
    """Same dtype, shape, strides and values; the first lies on the GPU."""
    assert actual.device.type == "gpu"
    assert actual.stride() == expected.stride()
    torch.testing.assert_close(
        actual.cpu(), expected, rtol=tolerance, atol=tolerance, equal_nan=True
    )


def compare(
    op: Callable[..., torch.Tensor],
    *inputs: torch.Tensor,
    layout: Callable[[torch.Tensor], torch.Tensor] = lambda x: x,
    tol: float = 2e-5,
) -> None:
    """Runs `op` on both devices; compares the result and the gradients of float inputs."""
    results, grads = [], []
    for device in ["cpu", "gpu"]:
        leaves = [x.detach().to(device) for x in inputs]
        floats = [x for x in leaves if x.is_floating_point()]
        for x in floats:
            x.requires_grad_()
        out = op(*[layout(x) for x in leaves])
        results.append(out)
        if out.requires_grad:
            weights = torch.linspace(0.5, 1.5, out.numel()).reshape(out.shape).to(device)
            (out * weights.to(out.dtype)).sum().backward()
            grads.append([x.grad for x in floats if x.grad is not None])
    same(results[1].detach(), results[0].detach(), tol)
    for expected, actual in zip(*grads or ((), ()), strict=True):
        torch.testing.assert_close(actual.cpu(), expected, rtol=tol, atol=tol, equal_nan=True)
