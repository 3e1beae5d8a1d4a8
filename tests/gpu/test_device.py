"""The device: names, memory, random streams, errors that leave it usable."""

from __future__ import annotations

import copy
import os
import subprocess
import sys

import pytest

import pyrite as torch
import pyrite.nn.functional as F
from pyrite import _C, gpu


def run(code: str, **environment: str) -> str:
    """The output of a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_spellings_are_one_device() -> None:
    x = torch.ones(2, device="cuda")
    assert str(x.device) == "cuda:0" and x.device == torch.device("gpu", 0)
    assert x.is_cuda and (x + torch.ones(2, device="gpu")).device.type == "cuda"
    assert torch.ones(2, device="mps").device.type == "mps"
    assert x.to("gpu") is x


def test_wrong_number_and_absent_device() -> None:
    with pytest.raises(torch.DeviceError, match="invalid device ordinal\n  gpu:7: there "):
        torch.ones(2, device="gpu:7")
    shown = run("import pyrite; pyrite.ones(2).to('gpu')", PYRITE_VISIBLE_DEVICES="")
    assert "No CUDA GPUs are available" in shown and "PYRITE_VISIBLE_DEVICES" in shown
    shown = run("import pyrite.gpu as g; print(g.is_available())", PYRITE_VISIBLE_DEVICES="")
    assert shown.startswith("False\n")


def test_tensors_on_two_devices() -> None:
    x, y = torch.ones(2, device="gpu"), torch.ones(2)
    for call in (
        lambda: x + y,
        lambda: y * x,
        lambda: torch.ones(2, 2) @ torch.ones(2, 2).to("gpu"),
    ):
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
            call()
    assert (x * torch.tensor(3.0)).tolist() == [3.0, 3.0]


def test_dtypes_without_arithmetic_are_refused() -> None:
    with pytest.raises(TypeError, match=r"float64(.|\n)*\.float\(\)"):
        torch.ones(2, dtype=torch.float64).to("gpu")
    with pytest.raises(NotImplementedError, match="complex64"):
        torch.zeros(2, dtype=torch.complex64, device="gpu")


def test_an_index_out_of_range_is_reported_and_the_device_lives_on() -> None:
    table = torch.randn(4, 3, device="gpu")
    F.embedding(torch.tensor([1, 9], device="gpu"), table)
    with pytest.raises(IndexError, match=r"index out of range(.|\n)*index 9 at position 1(.|\n)*4"):
        gpu.synchronize()
    with pytest.raises(IndexError, match="nll_loss: index 12"):
        F.cross_entropy(torch.randn(2, 5, device="gpu"), torch.tensor([1, 12]).to("gpu")).item()
    assert F.embedding(torch.tensor([1], device="gpu"), table).cpu().equal(table[1:2].cpu())


def test_an_upload_does_not_overtake_recorded_work() -> None:
    x = torch.zeros(64, device="gpu")
    total = torch.zeros(64, device="gpu")
    for i in range(20):
        total += x
        x.copy_(torch.full((64,), float(i + 1)))
    assert total.tolist() == [190.0] * 64


def test_long_chains_are_batched() -> None:
    x = torch.ones(8, device="gpu")
    gpu.synchronize()
    before = _C._gpu_counts(0)
    for _ in range(100):
        x *= 1.0
    x.sum().item()
    after = _C._gpu_counts(0)
    assert after[0] - before[0] == 101 and after[1] - before[1] == 1


def test_memory_is_counted_and_reused() -> None:
    gpu.synchronize()
    held = gpu.memory_allocated()
    x = torch.zeros(1 << 18, device="gpu")
    assert gpu.memory_allocated() - held == 1 << 20
    assert gpu.max_memory_allocated() >= gpu.memory_allocated()
    del x
    assert gpu.memory_allocated() == held
    reserved = gpu.memory_reserved()
    for _ in range(300):
        torch.zeros(1 << 18, device="gpu").add_(1)
    assert gpu.memory_reserved() <= reserved + (1 << 20)
    gpu.empty_cache()
    assert gpu.memory_reserved() < reserved


def test_random_streams_follow_their_seed() -> None:
    torch.manual_seed(5)
    first = torch.rand(1001, device="gpu"), torch.randn(1001, device="gpu")
    torch.manual_seed(5)
    again = torch.rand(1001, device="gpu"), torch.randn(1001, device="gpu")
    assert all(a.cpu().equal(b.cpu()) for a, b in zip(first, again, strict=True))
    uniform, normal = torch.rand(20000, device="gpu"), torch.randn(20000, device="gpu")
    assert 0 <= uniform.min().item() and uniform.max().item() < 1
    assert uniform.mean().item() == pytest.approx(0.5, abs=0.02)
    assert normal.mean().item() == pytest.approx(0, abs=0.04)
    assert normal.std().item() == pytest.approx(1, abs=0.04)
    kept = F.dropout(torch.ones(20000, device="gpu"), 0.25)
    assert kept.mean().item() == pytest.approx(1, abs=0.03)
    whole = torch.randint(3, 9, (2000,), device="gpu")
    assert whole.min().item() == 3 and whole.max().item() == 8


def test_a_fork_is_refused_with_a_reason() -> None:
    code = (
        "import os, pyrite\nx = pyrite.ones(3, device='gpu')\nx.sum().item()\n"
        "if os.fork() == 0:\n    try:\n        x + 1\n    except RuntimeError as e:\n"
        "        print(str(e).splitlines()[0], flush=True)\n    os._exit(0)\nos.wait()\n"
    )
    assert "Cannot re-initialize CUDA in forked subprocess" in run(code)


def test_files_and_copies_cross_devices() -> None:
    x = torch.arange(12.0).reshape(3, 4)
    assert x.to("gpu").t().cpu().equal(x.t())
    assert x.to("gpu")[1:].to("cpu").equal(x[1:])
    assert x.to("gpu").tolist() == x.tolist()
    assert "device='gpu:0'" in repr(x.to("gpu"))


def test_a_deep_copy_has_the_same_values() -> None:
    x = torch.arange(6.0).to("gpu").reshape(2, 3)
    y, rows = copy.deepcopy([x, x[1]])
    assert y.device == x.device and y.tolist() == x.tolist() and rows.tolist() == [3, 4, 5]
    y.mul_(2)
    assert rows.tolist() == [6, 8, 10] and x[1].tolist() == [3, 4, 5]
    module = torch.nn.Linear(3, 2).to("gpu")
    assert torch.equal(copy.deepcopy(module).weight, module.weight)
