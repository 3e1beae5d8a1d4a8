"""Memory of trainings: nothing leaks, and little more is taken than tensors need."""

from __future__ import annotations

import pyrite as torch
from fresh import run
from pyrite import gpu


def test_ten_thousand_steps_take_no_more_memory_than_ten() -> None:
    x, w = torch.randn(8, 4, device="gpu"), torch.randn(4, device="gpu", requires_grad=True)
    taken = []
    for step in range(10_000):
        loss = (x @ w).square().mean()
        (grad,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= 0.01 * grad
        if step in (10, 9_999):
            gpu.synchronize()
            taken.append((gpu.memory_allocated(), gpu.memory_reserved()))
    assert taken[0] == taken[1]
    assert 0 <= loss.item() < 1e-3


def test_the_peak_of_a_training_is_close_to_what_its_tensors_need() -> None:
    shown = run("""
        import pyrite as torch, pyrite.nn.functional as F
        from pyrite import gpu, nn
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 10)).to("gpu")
        optimizer = torch.optim.Adam(model.parameters())
        x = torch.randn(512, 256, device="gpu")
        target = torch.randint(0, 10, (512,)).to("gpu")
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(model(x), target).backward()
            optimizer.step()
        gpu.synchronize()
        print(gpu.max_memory_allocated(), gpu.max_memory_reserved())
    """)
    allocated, reserved = map(int, shown.split())
    parameters = 4 * (256 * 512 + 512 + 512 * 10 + 10)
    # Parameters, gradients and two moments; input; hidden, its activation and one gradient of it.
    needed = 4 * parameters + 4 * 512 * 256 + 3 * 4 * 512 * 512
    assert allocated < 1.2 * needed and reserved < 1.2 * needed + allocated - needed


def test_stats_have_pytorchs_names() -> None:
    torch.ones(1000, device="gpu")
    stats = gpu.memory_stats()
    assert stats["allocated_bytes.all.peak"] == gpu.max_memory_allocated() > 0
    assert stats["reserved_bytes.all.current"] == gpu.memory_reserved() > 0
    assert "reserved_bytes.all.peak" in gpu.memory_summary()
    free, total = gpu.mem_get_info()
    assert 0 < free < total == gpu.get_device_properties().total_memory
