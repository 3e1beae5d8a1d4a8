"""The usual data-parallel tutorial, written for two CUDA devices, on places of the CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MODEL = """\
import os, socket
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.data.distributed import DistributedSampler

def train(rank, world):
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(16, 4), torch.randint(3, (16,)))
    sampler = DistributedSampler(data, shuffle=False)
    loader = DataLoader(data, batch_size=8 // world, sampler=sampler, pin_memory=True)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).to(rank)
    model = DDP(model, device_ids=[rank])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for epoch in range(2):
        sampler.set_epoch(epoch)
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x.to(rank)), y.to(rank))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total = loss.detach().clone()
            dist.all_reduce(total)
            if rank == 0:
                print(f"{total.item() / world:.5f} {loss.device}", flush=True)
    dist.destroy_process_group()
"""
SPAWNED = (
    MODEL
    + """\

def main(rank, world, port):
    os.environ["MASTER_ADDR"] = "localhost"
    os.environ["MASTER_PORT"] = str(port)
    torch.cuda.set_device(rank)
    dist.init_process_group("nccl", rank=rank, world_size=world)
    train(rank, world)

if __name__ == "__main__":
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
    world = torch.cuda.device_count()
    mp.spawn(main, args=(world, port), nprocs=world)
"""
)
LAUNCHED = (
    MODEL
    + """\

rank = int(os.environ["LOCAL_RANK"])
torch.cuda.set_device(rank)
dist.init_process_group(backend="nccl")
assert dist.get_backend() == "nccl"
train(rank, dist.get_world_size())
"""
)


def run(folder: Path, program: str, *command: str, **variables: str) -> list[str]:
    (folder / "program.py").write_text(program)
    result = subprocess.run(
        [sys.executable, "-m", "pyrite", *command, "program.py"],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("alone")
    lines = run(folder, LAUNCHED, "launch", "--devices", "cpu:1")
    assert len(lines) == 4 and float(lines[2].split()[0]) < float(lines[0].split()[0])
    return lines


def test_spawned_ranks(tmp_path: Path, alone: list[str]) -> None:
    assert run(tmp_path, SPAWNED, "run", PYRITE_CUDA_ALIAS="cpu:2") == alone


def test_launched_ranks(tmp_path: Path, alone: list[str]) -> None:
    assert run(tmp_path, LAUNCHED, "launch", "--devices", "cpu:2") == alone
