"""Every collective with 1 to 4 ranks and every dtype against numpy, and groups of 8."""

from __future__ import annotations

from pathlib import Path

import pytest

from ranks import run

CASES = (Path(__file__).parent / "collective_cases.py").read_text()


@pytest.mark.parametrize("world", [2, 3, 4])
def test_collectives_agree_with_numpy(world: int) -> None:
    program = CASES.replace("from __future__ import annotations\n", "")
    assert run(world, program, 110) == ["done\n"] * world


def test_a_group_of_one() -> None:
    program = """
form()
x = torch.ones(3)
dist.all_reduce(x)
out = [torch.zeros(3)]
dist.all_gather(out, x)
dist.barrier()
say(x.tolist(), out[0].tolist(), dist.get_world_size())
"""
    assert run(1, program) == ["[1.0, 1.0, 1.0] [1.0, 1.0, 1.0] 1\n"]


def test_eight_ranks() -> None:
    program = """
form()
for size in (3, 9000, 100000):
    x = torch.full((size,), float(rank))
    dist.all_reduce(x)
    assert bool((x == 28).all())
out = torch.zeros(8)
dist.all_gather_into_tensor(out, torch.tensor([float(rank)]))
say(out.sum().item())
"""
    assert run(8, program) == ["28.0\n"] * 8


def test_two_groups_at_once() -> None:
    # Rank 0's calls alternate, rank 1 first completes one group's: no order between groups.
    program = """
form()
first, second = dist.new_group([0, 1]), dist.new_group([0, 1, 2])
works = []
x = [torch.full((50_000,), float(turn)) for turn in range(20)]
order = range(20) if rank == 0 else [*range(0, 20, 2), *range(1, 20, 2)]
for turn in order:
    group = (first, second)[turn % 2]
    if rank < 2 or group is second:
        works.append(dist.all_reduce(x[turn], group=group, async_op=True))
    if rank == 2 and turn == 7:
        time.sleep(0.2)
for work in works:
    work.wait()
say(*[int(tensor[-1]) for tensor in x])
"""
    both = [turn * (2 if turn % 2 == 0 else 3) for turn in range(20)]
    alone = [turn * (1 if turn % 2 == 0 else 3) for turn in range(20)]
    lines = [" ".join(map(str, values)) + "\n" for values in (both, both, alone)]
    assert run(3, program) == lines


def test_threads_call_collectives_of_their_groups() -> None:
    program = """
import threading
form()
groups = [dist.new_group() for _ in range(3)]
totals = [0.0] * 3
def work(place):
    for turn in range(200):
        x = torch.full((1 + 700 * place,), float(turn))
        dist.all_reduce(x, group=groups[place])
        totals[place] += x[-1].item()
threads = [threading.Thread(target=work, args=(place,)) for place in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
say(totals)
"""
    assert run(2, program) == ["[39800.0, 39800.0, 39800.0]\n"] * 2


def test_narrow_floats_are_summed_in_float32() -> None:
    # In float16, 2048 + 1 + 1 is 2048 when every step is rounded.
    program = """
form()
for size in (1, 20000):
    x = torch.full((size,), 2048.0 if rank == 0 else 1.0, dtype=torch.float16)
    dist.all_reduce(x)
    say(x[-1].item())
"""
    assert run(3, program) == ["2050.0\n2050.0\n"] * 3


@pytest.mark.parametrize("shared", ["0", "1"])
def test_results_have_the_same_bits_everywhere(shared: str) -> None:
    program = """
form()
import hashlib
for size in (1000, 8000, 70001):
    torch.manual_seed(rank)
    x = torch.randn(size)
    dist.all_reduce(x)
    say(hashlib.sha256(x.numpy().tobytes()).hexdigest())
"""
    assert len(set(run(3, program, PYRITE_SHARED_MEMORY=shared))) == 1


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory is Linux's")
def test_shared_memory_leaves_nothing_behind() -> None:
    program = """
form()
dist.all_reduce(torch.ones(1))
say(any("pyrite-" in line for line in open("/proc/self/maps")))
say(any(name.startswith("pyrite-") for name in os.listdir("/dev/shm")))
"""
    assert run(2, program) == ["True\nFalse\n"] * 2


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory is Linux's")
def test_who_only_gives_does_not_wait_for_those_who_take() -> None:
    # Rank 1 enters each collective when rank 0 has left it.
    program = """
form()
x, parts = torch.full((5,), float(rank)), [torch.ones(5), torch.ones(5)]
moves = [
    lambda: dist.broadcast(x, src=0),
    lambda: dist.scatter(x, parts if rank == 0 else None, src=0),
    lambda: dist.gather(x, parts if rank == 1 else None, dst=1),
    lambda: dist.reduce(x, dst=1),
]
dist.barrier()
for turn, move in enumerate(moves):
    left = os.environ["MEETING"] + str(turn)
    while rank == 1 and not os.path.exists(left):
        time.sleep(0.01)
    move()
    open(left, "w").close()
    dist.barrier()
say(x.sum().item(), parts[0].sum().item())
"""
    assert run(2, program, 30) == ["5.0 5.0\n", "10.0 5.0\n"]


def test_writes_of_collectives_are_seen_by_autograd() -> None:
    program = """
form()
x = torch.ones(2, requires_grad=True)
y = x.exp()
dist.all_reduce(y.detach())
try:
    y.sum().backward()
except RuntimeError as error:
    say("modified by an inplace operation" in str(error))
"""
    assert run(2, program) == ["True\n"] * 2


def test_refused_arguments_leave_the_group_intact() -> None:
    program = """
form()
def refused(kind, call):
    try:
        call()
    except kind as error:
        return str(error).splitlines()[0]
    return "accepted"
say(refused(ValueError, lambda: dist.all_reduce(torch.ones(2), dist.ReduceOp.BAND)))
say(refused(ValueError, lambda: dist.broadcast(torch.ones(2), 5)).startswith("Global rank 5"))
say(refused(TypeError, lambda: dist.all_reduce([1.0])))
say(refused(ValueError, lambda: dist.all_gather([torch.ones(2)], torch.ones(2))))
say(refused(ValueError, lambda: dist.all_gather([torch.ones(2)] * 2, torch.ones(3))).split(":")[0])
say(refused(NotImplementedError, lambda: dist.all_reduce(torch.ones(1), dist.ReduceOp.PREMUL_SUM)))
say(refused(ValueError, lambda: form()))
x = torch.ones(2)
dist.all_reduce(x)
say(x.tolist())
"""
    lines = run(2, program)[0].splitlines()
    assert lines == [
        "Cannot use ReduceOp.BAND with non-integral dtype",
        "True",
        "Invalid function argument. Expected parameter `tensor` of type torch.Tensor",
        "tensor_list: needs a tensor for each of 2 ranks; got 1",
        "all_gather",
        "ReduceOp.PREMUL_SUM is not supported",
        "trying to initialize the default process group twice!",
        "[2.0, 2.0]",
    ]
