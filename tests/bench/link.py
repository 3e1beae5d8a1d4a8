"""All-reduce and DDP over a link of 1 Gbit/s between two "hosts", beside iperf3 on the same link.

    python tests/bench/link.py [--rate 1gbit] [--megabytes 64] [--batches 32,64,128,256]

Needs root (network namespaces) and iperf3. The first line compares bus bandwidth, 2 (N - 1) / N x
bytes / time, with what one stream of iperf3 gets. The table compares a step of DDP, one compute
thread a rank, with the greater of its computation and its communication alone: 1 means that the
shorter one is hidden. A forward pass cannot overlap with its own gradients, so the best that a step
can reach is its forward pass and then the greater of the rest: the last column compares with that.
Both ends of the link are this machine: with two cores, the computation pays for what both kernels
do with the packets, about half a core at 1 Gbit/s in both directions (iperf3 costs it as much).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from hosts import KEY, Hosts
from ranks import Ranks

BANDWIDTH = """
form(init_method=os.environ["URL"])
x = torch.zeros(int(os.environ["BYTES"]) // 4)
dist.all_reduce(x)
times = []
for _ in range(7):
    start = time.perf_counter()
    dist.all_reduce(x)
    times.append(time.perf_counter() - start)
say(sorted(times)[3])
"""

OVERLAP = """
torch.set_num_threads(1)
form(init_method=os.environ["URL"])
layers = [torch.nn.Sequential(torch.nn.Linear(1024, 1024), torch.nn.ReLU()) for _ in range(8)]
model = torch.nn.Sequential(*layers)
wrapped = torch.nn.parallel.DistributedDataParallel(model, bucket_cap_mb=5)
x = torch.randn(int(os.environ["BATCH"]), 1024)

def forward():
    model.zero_grad()
    return wrapped(x).square().mean()

def step():
    forward().backward()

def compute():
    with wrapped.no_sync():
        step()

def communicate():
    for bucket in wrapped.reducer.buckets:
        dist.all_reduce(bucket.buffer)

def median(call):
    times = []
    for _ in range(7):
        dist.barrier()
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return sorted(times)[3]

step(), step()
say(*[median(call) for call in (forward, compute, communicate, step)])
"""


def iperf(hosts: Hosts) -> float:
    """Bytes per second of one stream."""
    server = subprocess.Popen([*hosts.prefix(1), "iperf3", "-s", "-1"], stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    command = ["iperf3", "-c", hosts.addresses[1], "-t", "4", "-O", "1", "-C", "cubic", "-J"]
    client = subprocess.run(
        [*hosts.prefix(0), *command], capture_output=True, text=True, check=True
    )
    server.wait()
    return float(json.loads(client.stdout)["end"]["sum_received"]["bits_per_second"]) / 8


def over_link(hosts: Hosts, program: str, **environment: str) -> list[float]:
    """What rank 0 prints, as numbers."""
    url = f"tcp://{hosts.addresses[0]}:29533"
    prefixes = [hosts.prefix(0), hosts.prefix(1)]
    common = {"URL": url, "PYRITE_GROUP_KEY": KEY}
    with Ranks(2, program, prefixes, **common, **environment) as ranks:
        outputs = ranks.finish([0, 1], 300)
    return [float(word) for word in outputs[0].split()]


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rate", default="1gbit")
    parser.add_argument("--megabytes", type=int, default=64)
    parser.add_argument("--batches", default="32,64,128,256")
    options = parser.parse_args()
    with Hosts() as hosts:
        hosts.slow(options.rate)
        size = options.megabytes << 20
        plain = iperf(hosts)
        (seconds,) = over_link(hosts, BANDWIDTH, BYTES=str(size))
        print(
            f"iperf3 {plain / 1e6:.1f} MB/s, all_reduce {size / seconds / 1e6:.1f} MB/s, "
            f"ratio {size / seconds / plain:.3f}"
        )
        print(
            f"{'batch':>6} {'compute':>9} {'communicate':>12} {'step':>9} {'step / max':>11} "
            f"{'step / best':>12}   (s)"
        )
        for batch in options.batches.split(","):
            forward, compute, communicate, step = over_link(hosts, OVERLAP, BATCH=batch)
            ratio = step / max(compute, communicate)
            best = step / (forward + max(compute - forward, communicate))
            print(
                f"{batch:>6} {compute:9.3f} {communicate:12.3f} {step:9.3f} {ratio:11.2f} "
                f"{best:12.2f}"
            )


if __name__ == "__main__":
    main()
