"""What a GPU costs and gives: `python tests/bench/gpu.py [--device gpu:0]`.

Counts (dispatches and submissions of a training step) hold on every adapter. Times and speeds say
something about the engine's host side on any, about the device only on a real one; the table names
the adapter they were taken on.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Callable

import pyrite as torch
import pyrite.nn.functional as F
from pyrite import _C, gpu, nn

#: Ops in a row without a submission: fewer than a batch holds.
ROW = 128
#: Results held at a time, more than can wait for a kernel.
KEPT = 32


def best(work: Callable[[], object], index: int, repeats: int = 5) -> float:
    """Seconds of the fastest run, its wait included."""
    seconds = []
    for _ in range(repeats):
        gpu.synchronize(index)
        start = time.perf_counter()
        kept = work()  # what nobody holds is never computed
        gpu.synchronize(index)
        seconds.append(time.perf_counter() - start)
        del kept
    return min(seconds)


def issue(op: Callable[[], object], index: int, row: int = ROW) -> float:
    """Microseconds of host time to ask for one op, nothing waited for."""
    op()
    seconds = []
    for _ in range(20):
        gpu.synchronize(index)
        start = time.perf_counter()
        for _ in range(row):
            op()
        seconds.append(time.perf_counter() - start)
    return min(seconds) / row * 1e6


def launches(work: Callable[[], object], index: int) -> int:
    """How many kernels a piece of work records, its result kept until the end."""
    gpu.synchronize(index)
    before = _C._gpu_counts(index)[0]
    kept = work()
    gpu.synchronize(index)
    del kept
    return _C._gpu_counts(index)[0] - before


def fusion_rows(device: str, index: int) -> list[tuple[str, float]]:
    """Launches and host time of a chain of elementwise ops, with and without fusion."""
    x = torch.randn(64, device=device)
    ops = 8

    def gelu() -> torch.Tensor:
        return 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * x * x * x)))

    def chain() -> torch.Tensor:
        with torch.no_grad():
            return (x * 0.5 + x).relu().mul(2).sub(x).tanh().neg().square()

    rows = []
    for enabled in (False, True):
        gpu.set_fusion_enabled(enabled, index)
        word = "fused" if enabled else "apart"
        kept: deque[torch.Tensor] = deque(maxlen=KEPT)
        rows.append((f"gelu by hand, {word} (launches)", launches(gelu, index)))
        rows.append((f"chain of {ops}, {word} (launches)", launches(chain, index)))
        spent = issue(lambda kept=kept: kept.append(chain()), index, ROW // ops) / ops
        rows.append((f"chain of {ops}, {word} (us an op)", spent))
    return rows


class Block(nn.Module):
    """A layer of a transformer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv, self.merge = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shape = (*x.shape[:2], self.heads, x.shape[2] // self.heads)  # (B, T, H, C / H)
        q, k, v = (
            part.view(shape).transpose(1, 2) for part in self.qkv(self.norms[0](x)).chunk(3, -1)
        )
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.merge(seen.transpose(1, 2).reshape(x.shape))
        return x + self.narrow(F.gelu(self.widen(self.norms[1](x))))


def models() -> dict[str, tuple[nn.Module, torch.Tensor, torch.Tensor]]:
    """Small models of each kind, with inputs and targets."""
    mlp = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    cnn = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(16, 10),
    )  # fmt: skip
    gpt = nn.Sequential(
        nn.Embedding(65, 64), Block(64, 4), Block(64, 4), nn.LayerNorm(64), nn.Linear(64, 65),
        nn.Flatten(0, 1),
    )  # fmt: skip
    classes = torch.randint(0, 10, (32,))
    return {
        "MLP": (mlp, torch.randn(32, 64), classes),
        "CNN": (cnn, torch.randn(32, 1, 8, 8), classes),
        "GPT": (gpt, torch.randint(0, 65, (4, 32)), torch.randint(0, 65, (128,))),
    }


def traffic(step: Callable[[], None], index: int) -> float:
    """Megabytes that the kernels of a step are given to read or write."""
    gpu.synchronize(index)
    _C._gpu_record(index)
    step()
    gpu.synchronize(index)
    launches = _C._gpu_recorded(index)
    return sum(len(data) for launch in launches for data in launch["before"]) * 1e-6


def step_rows(device: str, index: int, bandwidth: float) -> list[tuple[str, float]]:
    """Launches and submissions of training steps, and their least time at a bandwidth in GB/s."""
    rows = []
    for name, (model, x, target) in models().items():
        model, x, target = model.to(device), x.to(device), target.to(device)
        optimizer = torch.optim.AdamW(model.parameters())

        def step(model=model, x=x, target=target, optimizer=optimizer) -> None:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), target)
            loss.backward()
            optimizer.step()
            loss.item()

        step()
        before, steps = _C._gpu_counts(index), 10
        for _ in range(steps):
            step()
        after = _C._gpu_counts(index)
        moved = traffic(step, index)
        rows.append((f"{name} step (launches)", (after[0] - before[0]) / steps))
        rows.append((f"{name} step (submissions)", (after[1] - before[1]) / steps))
        rows.append((f"{name} step (MB moved)", moved))
        rows.append((f"{name} step, memory alone (us)", moved / bandwidth * 1e3))
    return rows


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="gpu")
    device = parser.parse_args().device
    index = torch.device(device).index or 0
    properties = gpu.get_device_properties(index)
    software = properties.kind == "software"
    print(f"{properties.name} ({properties.kind}, {properties.driver})")
    rows = []

    small, out = torch.ones(64, device=device), torch.empty(64, device=device)
    rows.append(("add, out given (us)", issue(lambda: torch.add(small, small, out=out), index)))
    unused = iter([torch.zeros(64, device=device) for _ in range(1 + 20 * ROW)])
    held: list[torch.Tensor] = []  # a block that comes back would find its bind group
    cost = issue(lambda: held.append(torch.add(small, small, out=next(unused))), index)
    rows.append(("add, buffers never bound (us)", cost))
    for enabled in (False, True):
        gpu.set_fusion_enabled(enabled, index)
        kept: deque[torch.Tensor] = deque(maxlen=KEPT)
        word = "waiting" if enabled else "at once"
        cost = issue(lambda kept=kept: kept.append(small + small), index)
        rows.append((f"add, result kept, {word} (us)", cost))
        cost = issue(lambda: small + small, index)
        rows.append((f"add, result dropped, {word} (us)", cost))
    rows.extend(fusion_rows(device, index))

    count, side = (1 << 20, 256) if software else (1 << 26, 4096)
    host, x = torch.ones(count), torch.ones(count, device=device)
    m = torch.randn(side, side).to(device)
    rows.append(("upload (GB/s)", 4e-9 * count / best(lambda: host.to(device), index)))
    rows.append(("download (GB/s)", 4e-9 * count / best(lambda: x.cpu(), index)))
    y = torch.empty_like(x)
    bandwidth = 8e-9 * count / best(lambda: y.copy_(x), index)
    rows.append(("copy on the device (GB/s)", bandwidth))
    rows.append((f"matmul {side}^3 (GFLOP/s)", 2e-9 * side**3 / best(lambda: m @ m, index)))
    rows.extend(step_rows(device, index, bandwidth))
    for name, value in rows:
        print(f"  {name:<34} {value:>10.2f}")
    if software:
        print("  a software adapter: only the counts and the time to ask mean something")


if __name__ == "__main__":
    main()
