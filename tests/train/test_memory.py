"""Nothing grows: the memory of the process and the live tensors of long loops.

What may be cached (allocator lists, Python's own pools) is warm after the first thousand rounds;
from then on a round must give back all it took.
"""

from __future__ import annotations

import gc
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pyrite as torch
from pyrite import nn
from pyrite.utils import data
from pyrite.utils.checkpoint import checkpoint

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/statm")
MEGABYTE = 1 << 20


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


TRAINING = """
import gc, sys
sys.path[:0] = [{folder!r}]
from test_memory import resident, torch, nn
torch.set_num_threads(1)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 3))
optimizer = torch.optim.Adam(model.parameters())
schedule = torch.optim.lr_scheduler.StepLR(optimizer, 100)
x, target = torch.randn(16, 8), torch.randint(3, (16,))
at = []
for step in range(10_001):
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(x), target)
    loss.backward()
    optimizer.step()
    schedule.step()
    if step in (1_000, 10_000):
        gc.collect()
        at.append((resident(), *torch._C._live_counts()))
(before, *live), (after, *still) = at
print(after - before, live == still)
"""


@linux
def test_nine_thousand_steps_of_training_take_no_memory() -> None:
    code = TRAINING.format(folder=str(Path(__file__).parent))
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert result.stdout, result.stderr
    grown, same = result.stdout.split()
    assert int(grown) < 2 * MEGABYTE
    assert same == "True"


weight = torch.ones(4, 4, requires_grad=True)


def raising_hook() -> None:
    def refuse(grad: torch.Tensor) -> None:
        raise ValueError("no gradient here")

    x = weight * 2
    x.register_hook(refuse)
    with pytest.raises(ValueError, match="no gradient here"):
        (x.exp() @ x).sum().backward()


def failed_calls() -> None:
    held = weight.exp()
    for call in (
        lambda: held @ torch.ones(5, 5),
        lambda: held.reshape(3, 5),
        lambda: held.add_(torch.ones(3)),
        lambda: torch.cat([held, torch.ones(1, 3)]),
        lambda: held[torch.tensor([9])],
        lambda: torch.zeros(2**40, 2**20),
        lambda: held.backward(),
        lambda: nn.functional.conv2d(held, held),
    ):
        with pytest.raises((RuntimeError, IndexError)):
            call()


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: torch.Tensor, fail: bool) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.kept, ctx.fail = x.exp(), fail
        return x**3

    @staticmethod
    def backward(ctx: object, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        if ctx.fail:
            raise ValueError("no derivative here")
        (x,) = ctx.saved_tensors
        return 3 * x**2 * grad, None


def functions() -> None:
    Cube.apply(weight, False).sum().backward()
    Cube.apply(weight, False)  # never walked
    with pytest.raises(ValueError, match="no derivative here"):
        Cube.apply(weight, True).sum().backward()


rows = data.TensorDataset(torch.randn(12, 3), torch.arange(12))


def epoch() -> None:
    for x, y in data.DataLoader(rows, batch_size=4, shuffle=True):
        assert len(x) == len(y)
    iterator = iter(data.DataLoader(rows, batch_size=4))
    next(iterator)  # left half way


def views() -> None:
    x = weight.clone()
    x[1:].t()[::2].unflatten(1, (3, 1)).mul_(2)
    x.chunk(2)[0].unbind()[1].unsqueeze(0).expand(3, 4).sum().backward()
    x.detach().numpy()[0].sum()


model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def state_dicts() -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(weight.detach()).sum().backward()
    optimizer.step()
    buffer = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, buffer)
    buffer.seek(0)
    loaded = torch.load(buffer)
    model.load_state_dict(loaded["model"])
    optimizer.load_state_dict(loaded["optimizer"])
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict({})


def recomputed() -> None:
    for reentrant in (True, False):
        checkpoint(lambda x: x.exp().sin(), weight, use_reentrant=reentrant).sum().backward()
    checkpoint(torch.exp, weight, use_reentrant=False)  # never walked


def second_order() -> None:
    (slope,) = torch.autograd.grad((weight**3).sum(), weight, create_graph=True)
    slope.sum().backward()


def hooks() -> None:
    handles = [
        model.register_forward_hook(lambda module, args, result: result * 1),
        weight.register_hook(lambda grad: grad * 2),
        weight.register_post_accumulate_grad_hook(lambda tensor: None),
    ]
    y = model(weight)
    y.register_hook(lambda grad: y.detach() * grad)  # a cycle through the graph
    y.sum().backward()
    for handle in handles:
        handle.remove()


LOOPS: list[Callable[[], None]] = [
    raising_hook,
    failed_calls,
    functions,
    epoch,
    views,
    state_dicts,
    recomputed,
    second_order,
    hooks,
]


@pytest.fixture
def clean() -> Iterator[None]:
    yield
    weight.grad = None
    model.zero_grad()


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_loop_gives_back_all_it_takes(loop: Callable[[], None], clean: None) -> None:
    for _ in range(3):
        loop()
    gc.collect()
    before = torch._C._live_counts()
    for _ in range(30):
        loop()
    gc.collect()
    assert torch._C._live_counts() == before


@linux
@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.__name__)
def test_a_long_loop_takes_no_memory(loop: Callable[[], None], clean: None) -> None:
    for _ in range(100):
        loop()
    gc.collect()
    before = resident()
    for _ in range(300):
        loop()
    gc.collect()
    assert resident() - before < MEGABYTE
