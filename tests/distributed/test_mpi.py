"""`backend="mpi"` under a real `mpirun`; skipped where there is none, or no mpi4py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import pyrite.distributed as dist
from pyrite.distributed import mpi

CASES = Path(__file__).parent / "collective_cases.py"
# Open MPI refuses root and more ranks than cores unless it is told.
MPIRUN = ("mpirun", "--allow-run-as-root", "--oversubscribe", "-n")
missing = [name for name in ("mpirun",) if shutil.which(name) is None]
missing += [name for name in ("mpi4py",) if find_spec(name) is None]
needs_mpi = pytest.mark.skipif(bool(missing), reason=f"no MPI here: {', '.join(missing)} missing")


def mpirun(folder: Path, program: str | Path, ranks: int = 4) -> str:
    """What the ranks print."""
    path = program if isinstance(program, Path) else folder / "program.py"
    if isinstance(program, str):
        path.write_text("import pyrite as torch\nimport pyrite.distributed as dist\n" + program)
    result = subprocess.run(
        [*MPIRUN, str(ranks), sys.executable, str(path)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@needs_mpi
@pytest.mark.parametrize("ranks", [2, 4])
def test_collectives_agree_with_numpy(tmp_path: Path, ranks: int) -> None:
    assert mpirun(tmp_path, CASES, ranks).count("done") == ranks


@needs_mpi
def test_ranks_learn_what_one_process_learns(tmp_path: Path) -> None:
    program = """
from pyrite.nn.parallel import DistributedDataParallel
dist.init_process_group("mpi")
rank, world = dist.get_rank(), dist.get_world_size()
def train(model, rows):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(x[rows]), x[rows].sum(1, keepdim=True)).backward()
        optimizer.step()
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])
torch.manual_seed(0)
x = torch.randn(16, 4)
alone = torch.nn.Linear(4, 1)
wrapped = torch.nn.Linear(4, 1)
wrapped.load_state_dict(alone.state_dict())
ours = train(DistributedDataParallel(wrapped), slice(rank, None, world))
torch.testing.assert_close(ours, train(alone, slice(None)))
print("done")
"""
    assert mpirun(tmp_path, program).count("done") == 4


@needs_mpi
def test_timeouts_refusals_and_writes(tmp_path: Path) -> None:
    program = """
from datetime import timedelta
dist.init_process_group("mpi", timeout=timedelta(seconds=1), rank=5, world_size=9)
rank = dist.get_rank()
x = torch.ones(2, requires_grad=True)
y = x.exp()
dist.all_reduce(y.detach())
def said(call):
    try:
        call()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
lines = [said(lambda: y.sum().backward()).split(":")[0]]
lines.append(said(lambda: dist.all_reduce(torch.ones(2), dist.ReduceOp.BAND)))
lines.append(said(lambda: dist.all_gather([torch.ones(2)] * 2, torch.ones(3))))
lines.append(said(lambda: dist.new_group([0], backend="gloo")))
if rank == 0:
    lines.append(said(lambda: dist.recv(torch.ones(1), 1)))
    print(chr(10).join(lines))
"""
    assert mpirun(tmp_path, program, 2).splitlines() == [
        "RuntimeError",
        "ValueError: Cannot use ReduceOp.BAND with non-integral dtype",
        "ValueError: all_gather: all tensors must have one size; got [2, 3] elements",
        "ValueError: new_group: a group of mpi ranks cannot have the backend gloo",
        "CollectiveTimeoutError: receive did not finish within 1 s",
    ]


def test_without_mpi4py_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mpi, "is_installed", lambda: False)
    assert not dist.is_mpi_available() and not dist.is_backend_available("mpi")
    with pytest.raises(RuntimeError, match=r"doesn't have MPI built in.\n.*pyrite\[mpi\]"):
        dist.init_process_group("mpi")
