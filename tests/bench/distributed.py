"""All-reduce from Python, beside PyTorch's gloo where torch is installed.

    python tests/bench/distributed.py [--torch PYTHON] [--ranks 2,4] [--sizes 4,4194304,67108864]

Every measurement starts fresh processes; the table gives medians and the ratio gloo / pyrite, by
shared memory and by TCP. `--torch` names an interpreter that has torch (this one by default).
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys

PROGRAM = """
import os, sys, time
name, size, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if name == "torch":
    import torch, torch.distributed as dist
else:
    import pyrite as torch, pyrite.distributed as dist
torch.set_num_threads(1)
dist.init_process_group("gloo")
x = torch.zeros(size // 4)
for _ in range(rounds // 4 + 1):
    dist.all_reduce(x)
times = []
for _ in range(rounds):
    start = time.perf_counter()
    dist.all_reduce(x)
    times.append(time.perf_counter() - start)
dist.barrier()
if dist.get_rank() == 0:
    print(sorted(times)[rounds // 2])
dist.destroy_process_group()
"""


def measure(python: str, name: str, ranks: int, size: int, shared: bool) -> float:
    """The median of an all-reduce in seconds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    rounds = 2000 if size <= 65536 else 40 if size <= 8 << 20 else 8
    processes = []
    for rank in range(ranks):
        environment = {
            **os.environ,
            "RANK": str(rank),
            "WORLD_SIZE": str(ranks),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
            "PYRITE_SHARED_MEMORY": "1" if shared else "0",
        }
        command = [python, "-c", PROGRAM, name, str(size), str(rounds)]
        processes.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE))
    outputs = [process.communicate()[0] for process in processes]
    return float(outputs[0])


def has_torch(python: str) -> bool:
    """Whether that interpreter has torch."""
    return subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--torch", default=sys.executable)
    parser.add_argument("--ranks", default="2,4")
    parser.add_argument("--sizes", default="4,4194304,67108864")
    options = parser.parse_args()
    beside = has_torch(options.torch)
    if not beside:
        print(f"{options.torch} has no torch: no ratios")
    print(f"{'ranks':>5} {'bytes':>10} {'shared ms':>10} {'tcp ms':>10} {'gloo ms':>10}   ratios")
    for ranks in map(int, options.ranks.split(",")):
        for size in map(int, options.sizes.split(",")):
            shared, tcp = (measure(sys.executable, "pyrite", ranks, size, s) for s in (True, False))
            row = f"{ranks:>5} {size:>10} {1e3 * shared:>10.4f} {1e3 * tcp:>10.4f}"
            if beside:
                gloo = measure(options.torch, "torch", ranks, size, False)
                row += f" {1e3 * gloo:>10.4f}   {gloo / shared:.1f}x shared, {gloo / tcp:.1f}x tcp"
            print(row, flush=True)


if __name__ == "__main__":
    main()
