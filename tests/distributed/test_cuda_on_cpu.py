"""`PYRITE_CUDA_ALIAS=cpu:2`: programs for two CUDA devices, on the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
import io, time
import torch
from torch import nn

assert torch.cuda.is_available() and torch.cuda.device_count() == 2
assert torch.accelerator.is_available() and torch.accelerator.device_count() == 2
assert torch.accelerator.current_accelerator() == torch.device("cuda")
assert "CPU" in torch.cuda.get_device_name(1)
torch.cuda.set_device(1)
torch.cuda.synchronize()
assert torch.cuda.current_device() == 1

x = torch.arange(6.0).reshape(2, 3).to(1)
assert str(x.device) == "cuda:1" and x.is_cuda and x.get_device() == 1
assert x.device == torch.device("cuda:1") != torch.device("cuda:0") != torch.device("cpu")
assert torch.zeros(2, device="cuda").device == torch.device("cuda:1")
assert str((x * 2 + 1).sum().device) == str((x @ x.T).device) == "cuda:1"
assert (x * torch.tensor(2.0)).device == x.device  # a number on the host may go anywhere
for other in (x.cpu(), x.to("cuda:0")):
    try:
        x + other
    except RuntimeError as error:
        assert "Expected all tensors to be on the same device" in str(error), error
    else:
        raise AssertionError(other.device)
assert not x.cpu().is_cuda and str(x.cpu().device) == "cpu" and x.tolist()[1][2] == 5.0

model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2)).cuda()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
loss = nn.functional.cross_entropy(model(x), torch.tensor([0, 1], device=1))
loss.backward()
optimizer.step()
gradients = [p.grad for p in model.parameters()]
assert {str(t.device) for t in [loss, *gradients, *model.state_dict().values()]} == {"cuda:1"}

file = io.BytesIO()
torch.save({"model": model.state_dict()}, file)
for where, device in ((None, "cuda:1"), ("cuda:0", "cuda:0"), ("cpu", "cpu")):
    file.seek(0)
    loaded = torch.load(file, map_location=where)["model"]
    assert {str(t.device) for t in loaded.values()} == {device}, where

torch.cuda.manual_seed_all(3)
drawn = torch.rand(3, device="cuda")
torch.manual_seed(3)
assert torch.equal(drawn.cpu(), torch.rand(3))
start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
begun = time.perf_counter()
start.record()
(x @ x.T).sum()
time.sleep(0.02)
end.record(torch.cuda.current_stream())
torch.cuda.synchronize()
whole = 1e3 * (time.perf_counter() - begun)
assert 20 <= start.elapsed_time(end) <= whole and start.query() and end.query()
other = torch.cuda.Stream(0)
with torch.cuda.stream(other):
    other.wait_event(end)
    other.wait_stream(torch.cuda.default_stream(1))
    other.record_event().synchronize()
other.synchronize()
assert other.query()

for call in (lambda: torch.device("cuda:2"), lambda: torch.cuda.set_device(2)):
    try:
        call()
    except RuntimeError as error:
        assert "CUDA error: invalid device ordinal" in str(error)
    else:
        raise AssertionError("there is no third device")
print("done")
"""


def run(folder: Path, alias: str | None, program: str) -> subprocess.CompletedProcess[str]:
    (folder / "program.py").write_text(program)
    hidden = ("PYRITE_CUDA_ALIAS", "PYRITE_SOFTWARE_GPU")
    environ = {k: v for k, v in os.environ.items() if k not in hidden}
    if alias is not None:
        environ["PYRITE_CUDA_ALIAS"] = alias
    command = [sys.executable, "-m", "pyrite", "run", "program.py"]
    return subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=100
    )


def test_devices_are_places_on_the_cpu(tmp_path: Path) -> None:
    result = run(tmp_path, "cpu:2", PROGRAM)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


def test_the_command_can_say_it(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import sys, torch\nprint(torch.cuda.device_count(), sys.argv)"
    )
    command = [sys.executable, "-m", "pyrite", "run", "--devices", "cpu:3", "program.py", "-x"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.stdout == "3 ['program.py', '-x']\n", result.stderr


def test_it_is_off_by_default(tmp_path: Path) -> None:
    program = "import torch\nprint(torch.cuda.device_count() == torch.gpu.device_count())"
    result = run(tmp_path, None, program)
    assert (result.returncode, result.stdout) == (0, "True\n"), result.stderr


@pytest.mark.parametrize("alias", ["cpu:", "cpu:0", "cpu:x", "cpu:300"])
def test_nonsense_is_refused(tmp_path: Path, alias: str) -> None:
    result = run(tmp_path, alias, "import torch")
    assert result.returncode != 0
    assert f"PYRITE_CUDA_ALIAS={alias}: expected 1 (the GPUs) or cpu:N" in result.stderr
