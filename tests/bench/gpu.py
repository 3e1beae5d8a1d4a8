"""What a GPU costs and gives: `python tests/bench/gpu.py [--device gpu:0]`.

Counts (dispatches and submissions of a training step) hold on every adapter. Times and speeds say
something about the engine's host side on any, about the device only on a real one; the table names
the adapter they were taken on.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import pyrite as torch
import pyrite.nn.functional as F
from pyrite import _C, gpu, nn

#: Ops in a row without a submission: fewer than a batch holds.
ROW = 128


def best(work: Callable[[], object], index: int, repeats: int = 5) -> float:
    """Seconds of the fastest run, its wait included."""
    seconds = []
    for _ in range(repeats):
        gpu.synchronize(index)
        start = time.perf_counter()
        work()
        gpu.synchronize(index)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def issue(op: Callable[[], object], index: int) -> float:
    """Microseconds of host time to ask for one op, nothing waited for."""
    op()
    seconds = []
    for _ in range(20):
        gpu.synchronize(index)
        start = time.perf_counter()
        for _ in range(ROW):
            op()
        seconds.append(time.perf_counter() - start)
    return min(seconds) / ROW * 1e6


def step_counts(device: str, index: int) -> tuple[float, float]:
    """Dispatches and submissions of a step of a small MLP, its loss read."""
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, target = torch.randn(32, 64, device=device), torch.randint(0, 10, (32,)).to(device)

    def step() -> None:
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
    return (after[0] - before[0]) / steps, (after[1] - before[1]) / steps


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
    rows.append(
        ("add, out given (us to ask for)", issue(lambda: torch.add(small, small, out=out), index))
    )
    rows.append(("add, new result (us to ask for)", issue(lambda: small + small, index)))
    dispatches, submissions = step_counts(device, index)
    rows.append(("dispatches of an MLP step", dispatches))
    rows.append(("submissions of an MLP step", submissions))

    count, side = (1 << 20, 256) if software else (1 << 26, 4096)
    host, x = torch.ones(count), torch.ones(count, device=device)
    m = torch.randn(side, side).to(device)
    rows.append(("upload (GB/s)", 4e-9 * count / best(lambda: host.to(device), index)))
    rows.append(("download (GB/s)", 4e-9 * count / best(lambda: x.cpu(), index)))
    rows.append(("copy on the device (GB/s)", 8e-9 * count / best(lambda: x.clone(), index)))
    rows.append((f"matmul {side}^3 (GFLOP/s)", 2e-9 * side**3 / best(lambda: m @ m, index)))
    for name, value in rows:
        print(f"  {name:<34} {value:>10.2f}")
    if software:
        print("  a software adapter: only the counts and the time to ask mean something")


if __name__ == "__main__":
    main()
