"""`pyrite gpu --test`: a few ops of a GPU beside the CPU's, and how fast it works."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pyrite as torch
import pyrite.nn.functional as F
from pyrite import gpu

Op = Callable[..., torch.Tensor]


def _whole(*shape: int, dtype: Any = torch.int64) -> torch.Tensor:
    return torch.randint(-50, 50, shape).to(dtype)


def _cases() -> list[tuple[str, Op, list[torch.Tensor], float]]:
    """Name, op, operands and tolerance."""
    x, y = torch.randn(33, 70), torch.randn(33, 70)
    rows = torch.randint(0, 33, (20,))
    image, kernel = torch.randn(2, 3, 9, 9), torch.randn(4, 3, 3, 3)
    return [
        ("copy", lambda x: x, [x], 0),
        ("copy of a transposed view", lambda x: x.t().contiguous(), [x], 0),
        ("arithmetic", lambda x, y: x * y + x / (y.abs() + 1), [x, y], 1e-5),
        ("functions", lambda x: x.exp().log1p().tanh(), [x], 1e-5),
        ("float16", lambda x, y: x * y + x, [x.half(), y.half()], 2e-3),
        ("bfloat16", lambda x, y: x * y + x, [x.bfloat16(), y.bfloat16()], 2e-2),
        ("int64", lambda x, y: x * y - x, [_whole(33, 70) * 2**35, _whole(33, 70)], 0),
        ("int32", lambda x, y: x * y - x, [_whole(9, dtype=torch.int32)] * 2, 0),
        ("bool", lambda x, y: (x > y) & (y > 0), [x, y], 0),
        ("sum", lambda x: x.sum(0), [x], 1e-4),
        ("softmax", lambda x: x.softmax(1), [x], 1e-5),
        ("rows by index", lambda x, i: x[i], [x, rows], 0),
        ("matmul", lambda x, y: x @ y.t(), [x, y], 1e-4),
        ("convolution", F.conv2d, [image, kernel], 1e-4),
    ]


def check(index: int) -> int:
    """Tests GPU `index`, prints a line an op and its speed, and returns the number of failures."""
    device = f"gpu:{index}"
    print(f"\n{device}: {gpu.get_device_name(index)}")
    torch.manual_seed(0)
    failures = 0
    for name, op, operands, tolerance in _cases():
        problem = _problem(op, operands, tolerance, device)
        failures += problem is not None
        print(f"  {'ok    ' if problem is None else 'FAILED'} {name}{problem or ''}")
    _measure(index, device)
    return failures


def _problem(op: Op, operands: list[torch.Tensor], tolerance: float, device: str) -> str | None:
    expected = op(*operands)
    try:
        found = op(*[x.to(device) for x in operands]).cpu()
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    except (AssertionError, RuntimeError, TypeError) as error:
        return ": " + " ".join(str(error).split())
    return None


def _seconds(work: Callable[[], object], index: int, repeats: int) -> float:
    """The best of a few runs, each waited for."""
    best = float("inf")
    for _ in range(repeats):
        gpu.synchronize(index)
        start = time.perf_counter()
        work()
        gpu.synchronize(index)
        best = min(best, time.perf_counter() - start)
    return best


def _measure(index: int, device: str) -> None:
    software = gpu.get_device_properties(index).kind == "software"
    count, side = (1 << 20, 256) if software else (1 << 26, 4096)
    host = torch.ones(count)
    x, m = host.to(device), torch.randn(side, side).to(device)
    figures = {
        "memory (x + 1)": (8 * count, lambda: x + 1),
        "upload": (4 * count, lambda: host.to(device)),
        "download": (4 * count, lambda: x.cpu()),
        f"matmul of {side} x {side}": (2 * side**3, lambda: m @ m),
    }
    for name, (amount, work) in figures.items():
        speed = amount / _seconds(work, index, 4) * 1e-9
        print(f"  {name}: {speed:.2f} {'GFLOP/s' if name.startswith('matmul') else 'GB/s'}")
