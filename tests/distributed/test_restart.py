"""A job that loses a rank goes on from its last checkpoint, and learns what it would have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

# Trains with DDP and keeps a checkpoint of each third step; a rank may die once, on the way.
TRAIN = """
import os, signal, sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
rank, attempt = dist.get_rank(), int(os.environ["TORCHELASTIC_RESTART_COUNT"])
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
wrapped = DistributedDataParallel(model)
first = 0
if os.path.exists("checkpoint.pt"):
    state = torch.load("checkpoint.pt")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    first = state["step"]
print("attempt", attempt, "begins at step", first, flush=True)
for step in range(first, 20):
    torch.manual_seed(1000 * step + rank)
    x = torch.randn(8, 4)
    loss = torch.nn.functional.mse_loss(wrapped(x), x.sum(1, keepdim=True))
    optimizer.zero_grad()
    loss.backward()
    if sys.argv[1:] == ["lose", str(rank)] and attempt == 0 and step == 11:
        os.kill(os.getpid(), signal.SIGKILL)
    optimizer.step()
    total = loss.detach().clone()
    dist.all_reduce(total)
    if rank == 0:
        with open("curve", "a") as file:
            file.write(f"{step} {total.item()!r}\\n")
        if step % 3 == 2:
            kept = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**kept, "step": step + 1}, "checkpoint.pt")
dist.destroy_process_group()
"""


def curve(folder: Path, *arguments: str) -> tuple[dict[int, str], str]:
    """The loss of every step, by the last attempt that took it; and what the launcher said."""
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    command = [sys.executable, "-m", "pyrite", "launch", "--nproc-per-node", "2"]
    result = subprocess.run(
        [*command, "--max-restarts", "1", "train.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=90,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    pairs = (line.split() for line in (folder / "curve").read_text().splitlines())
    return {int(step): loss for step, loss in pairs}, result.stdout + result.stderr


def test_a_killed_rank_leaves_no_mark_on_the_loss_curve(tmp_path: Path) -> None:
    undisturbed, _ = curve(tmp_path / "undisturbed")
    assert sorted(undisturbed) == list(range(20))
    assert float(undisturbed[19]) < float(undisturbed[0]) / 4
    for rank in ("0", "1"):
        disturbed, said = curve(tmp_path / f"without {rank}", "lose", rank)
        assert f"rank {rank} was ended by SIGKILL" in said
        assert "attempt 1 begins at step 9" in said
        assert disturbed == undisturbed
