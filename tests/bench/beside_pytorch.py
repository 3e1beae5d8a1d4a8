"""Time Pyrite beside PyTorch on this machine and print a Markdown table.

    python tests/bench/beside_pytorch.py --torch /path/to/python-with-torch [--only conv]

Each case runs in a process of its own, PyTorch and Pyrite in turn, and the best time of each
counts: what else the machine does only ever adds time. A ratio above 1 means Pyrite is faster.
"""

import argparse
import importlib
import json
import math
import platform
import subprocess
import sys
import time
from pathlib import Path

CASES = {}


def case(make):
    """Register a case: given the package, it prepares and returns the function to time."""
    CASES[make.__name__] = make
    return make


def backward(leaf, compute):
    """Forward and backward towards `leaf`, whose gradient starts anew."""

    def step():
        leaf.grad = None
        compute().sum().backward()

    return step


@case
def small_chain_fb(P):
    """Ten products and tanh of 8 numbers, forward and backward."""
    a, b = P.randn(8, requires_grad=True), P.randn(8)

    def compute():
        x = a
        for _ in range(10):
            x = (x * b).tanh()
        return x

    return backward(a, compute)


@case
def matmul_1024(P):
    """1024 x 1024 x 1024."""
    a, b = P.randn(1024, 1024), P.randn(1024, 1024)
    return lambda: a @ b


@case
def matmul_64x128x64(P):
    """64 products of 128 x 64 x 128."""
    a, b = P.randn(64, 128, 64), P.randn(64, 64, 128)
    return lambda: a @ b


@case
def exp_1m(P):
    """2^20 exponentials."""
    a = P.randn(1 << 20)
    return lambda: a.exp()


@case
def gelu_1m(P):
    """2^20 GELU."""
    a = P.randn(1 << 20)
    return lambda: P.nn.functional.gelu(a)


@case
def add_row(P):
    """A row added to (4096, 1024)."""
    a, b = P.randn(4096, 1024), P.randn(1024)
    return lambda: a + b


@case
def sum_columns(P):
    """Sums down the columns of (4096, 1024)."""
    a = P.randn(4096, 1024)
    return lambda: a.sum(0)


@case
def softmax(P):
    """Softmax of the rows of (4096, 1024)."""
    a = P.randn(4096, 1024)
    return lambda: a.softmax(-1)


@case
def layer_norm(P):
    """Layer norm of the rows of (4096, 1024)."""
    a, norm = P.randn(4096, 1024), P.nn.LayerNorm(1024)
    return lambda: norm(a)


@case
def conv3x3_fb(P):
    """3 x 3 convolution of (8, 64, 56, 56) to 64 channels, forward and backward."""
    x, conv = P.randn(8, 64, 56, 56, requires_grad=True), P.nn.Conv2d(64, 64, 3, padding=1)
    return backward(x, lambda: conv(x))


@case
def max_pool_fb(P):
    """2 x 2 maxima of (32, 64, 56, 56), forward and backward."""
    x = P.randn(32, 64, 56, 56, requires_grad=True)
    return backward(x, lambda: P.nn.functional.max_pool2d(x, 2))


@case
def attention_fb(P):
    """Causal attention of (4, 8, 512, 64), forward and backward."""
    q, k, v = (P.randn(4, 8, 512, 64, requires_grad=True) for _ in range(3))
    attend = P.nn.functional.scaled_dot_product_attention
    return backward(q, lambda: attend(q, k, v, is_causal=True))


@case
def lstm_fb(P):
    """Two LSTM layers of 256 over (16, 64, 128), forward and backward."""
    lstm = P.nn.LSTM(128, 256, 2, batch_first=True)
    x = P.randn(16, 64, 128, requires_grad=True)
    return backward(x, lambda: lstm(x)[0])


def training(P, model, optimizer, inputs, classes):
    """One step of training a classifier."""
    x, y = P.randn(*inputs), P.randint(0, classes, (inputs[0],))

    def step():
        optimizer.zero_grad()
        P.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


@case
def train_mlp(P):
    """A training step, 784-256-128-10, batch 128, Adam."""
    nn = P.nn
    sizes = [nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)]
    model = nn.Sequential(*sizes)
    return training(P, model, P.optim.Adam(model.parameters()), (128, 784), 10)


@case
def train_cnn(P):
    """A training step, two convolutions and two linear layers on (64, 1, 28, 28), Adam."""
    nn = P.nn
    body = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)]
    head = [nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Linear(128, 10)]
    model = nn.Sequential(*body, *head)
    return training(P, model, P.optim.Adam(model.parameters()), (64, 1, 28, 28), 10)


@case
def adamw_10m(P):
    """AdamW on ten parameters of a million numbers."""
    parameters = [P.nn.Parameter(P.randn(1000, 1000)) for _ in range(10)]
    for parameter in parameters:
        parameter.grad = P.randn(1000, 1000)
    return P.optim.AdamW(parameters).step


def best_time(run, seconds=0.5):
    """Microseconds of the fastest of many calls."""
    run()
    best, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best * 1e6


def measure(package, name):
    """Time a case in this process; print the result for the parent."""
    module = importlib.import_module(package)
    module.manual_seed(0)
    microseconds = best_time(CASES[name](module))
    threads, version = module.get_num_threads(), str(module.__version__)
    print(json.dumps({"us": microseconds, "threads": threads, "version": version}))


def in_process(python, package, name):
    """Time a case in a new process."""
    command = [python, str(Path(__file__).resolve()), "--measure", package, name]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return json.loads(lines[-1])


def processor():
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def table(python, only, rounds):
    """Print the table, a row a case as it is measured."""
    ratios = []
    for name in (name for name in CASES if only in name):
        runs = {"torch": [], "pyrite": []}
        for _ in range(rounds):
            runs["torch"].append(in_process(python, "torch", name))
            runs["pyrite"].append(in_process(sys.executable, "pyrite", name))
        if not ratios:
            torch = runs["torch"][0]
            print(f"{processor()}, {torch['threads']} threads, PyTorch {torch['version']}\n")
            print("| case | PyTorch, us | Pyrite, us | ratio |\n|---|---|---|---|")
        theirs, ours = (min(run["us"] for run in runs[side]) for side in ("torch", "pyrite"))
        ratios.append(theirs / ours)
        text = CASES[name].__doc__.rstrip(".")
        print(f"| {text} | {theirs:,.0f} | {ours:,.0f} | {ratios[-1]:.2f} |", flush=True)
    if ratios:
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"\nGeometric mean of {len(ratios)} ratios: {mean:.2f}")


def main():
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", help="a Python that has PyTorch", default=sys.executable)
    parser.add_argument("--only", help="cases whose name contains this", default="")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
    else:
        table(arguments.torch, arguments.only, arguments.rounds)


if __name__ == "__main__":
    main()
