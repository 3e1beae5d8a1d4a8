"""Nothing hangs: ranks that die, stop, leave or call something else end every other rank's call."""

from __future__ import annotations

import os
import signal
import time

import pytest

from ranks import Ranks, run

CATCH = """
def caught(call):
    start = time.monotonic()
    try:
        call()
    except Exception as error:
        return error, time.monotonic() - start
    return None, time.monotonic() - start
"""

# All ranks compute together until one is killed; the others form a group again, and lose the next.
BUSY = (
    CATCH
    + """
left = list(range(world))
for victim in VICTIMS:
    rank, world = left.index(int(os.environ["RANK"])), len(left)
    form(init_method="file://" + os.environ["MEETING"] + str(world))
    x = torch.zeros(SIZE)
    dist.all_reduce(x)
    say("ready")
    def forever():
        while True:
            dist.all_reduce(x)
    error, _ = caught(forever)
    now = time.monotonic()
    lost = getattr(error, "rank", None)
    say(type(error).__name__, lost is not None and left[lost], error.host is not None, now)
    say(str(error).replace(chr(10), " | "))
    dist.destroy_process_group()
    left.remove(victim)
"""
)


@pytest.mark.parametrize("shared", ["0", "1"])
@pytest.mark.parametrize("size", [1, 1_000_000])
@pytest.mark.parametrize("victims", [(1, 3, 0), (2, 0, 3)])
def test_a_killed_rank_ends_all_calls_within_two_seconds(
    victims: tuple[int, ...], size: int, shared: str
) -> None:
    program = f"SIZE, VICTIMS = {size}, {victims}\n" + BUSY
    left = list(range(4))
    with Ranks(4, program, PYRITE_SHARED_MEMORY=shared) as ranks:
        for turn, victim in enumerate(victims):
            ranks.wait_for("ready", left)
            time.sleep(0.03 * turn)
            killed = time.monotonic()
            ranks.processes[victim].send_signal(signal.SIGKILL)
            left.remove(victim)
            for rank in left:
                *words, caught = ranks.line(rank).split()
                assert words == ["PeerLostError", str(victim), "True"], words
                assert float(caught) - killed < 2
                assert "all_reduce #" in ranks.line(rank)


def test_a_rank_that_dies_in_a_receive() -> None:
    program = (
        CATCH
        + """
form()
if rank == 0:
    say("ready")
    time.sleep(60)
error, seconds = caught(lambda: dist.recv(torch.zeros(3), 0))
say(type(error).__name__, error.rank, seconds < 20)
"""
    )
    with Ranks(2, program) as ranks:
        ranks.wait_for("ready", [0])
        time.sleep(0.3)
        ranks.processes[0].send_signal(signal.SIGKILL)
        assert ranks.finish([1], 10) == ["PeerLostError 0 True\n"]


def test_a_stopped_rank_runs_into_the_timeout() -> None:
    program = (
        CATCH
        + """
form(seconds=1)
dist.barrier()
say("ready")
if rank == 1:
    time.sleep(60)
error, seconds = caught(lambda: dist.all_reduce(torch.zeros(9)))
say(type(error).__name__, 0.7 < seconds < 3)
say(str(error).replace(chr(10), " | "))
time.sleep(0.5)
"""
    )
    with Ranks(3, program) as ranks:
        ranks.wait_for("ready", [0, 1, 2])
        ranks.processes[1].send_signal(signal.SIGSTOP)
        for output in ranks.finish([0, 2], 20):
            assert "CollectiveTimeoutError True" in output
            assert "all_reduce #2 of [9] float32 (sum) did not finish within 1 s" in output
            # Where this rank is, by its Python stack.
            assert "a collective timed out; the stacks of this rank" in output
            assert "most recent call first" in output


def test_a_timeout_names_who_is_missing() -> None:
    program = (
        CATCH
        + """
form(seconds=30)
if rank == 0:
    error, _ = caught(lambda: dist.monitored_barrier(timeout=timedelta(seconds=1)))
    say(str(error).splitlines()[1])
else:
    time.sleep(3)
"""
    )
    with Ranks(3, program) as ranks:
        text = ranks.finish([0], 30)[0]
        assert "waits for rank 1 (not waiting in any collective), rank 2" in text


MISMATCHES = {
    "shape": ("dist.all_reduce(torch.ones(2 + rank))", "of [2] float32", "of [3] float32"),
    "dtype": (
        "dist.all_reduce(torch.ones(2, dtype=[torch.float32, torch.int64][rank]))",
        "of [2] float32",
        "of [2] int64",
    ),
    "op": (
        "dist.all_reduce(torch.ones(2), [dist.ReduceOp.SUM, dist.ReduceOp.MAX][rank])",
        "(sum)",
        "(max)",
    ),
    "root": ("dist.broadcast(torch.ones(2), rank)", "with rank 0", "with rank 1"),
    "collective": (
        "dist.all_reduce(torch.ones(2)) if rank else dist.broadcast(torch.ones(2), 1)",
        "broadcast #1",
        "all_reduce #1",
    ),
    # Both wait for the other: only the words on the control connection can find out.
    "order": (
        "dist.broadcast(torch.ones(2), 1 - rank)",
        "broadcast #1 of [2] float32 with rank 1",
        "broadcast #1 of [2] float32 with rank 0",
    ),
}


@pytest.mark.parametrize("kind", MISMATCHES)
def test_a_mismatch_raises_on_all_ranks_with_both_descriptions(kind: str) -> None:
    call, first, second = MISMATCHES[kind]
    program = CATCH + f"form()\nerror, seconds = caught(lambda: ({call}, dist.barrier()))\n"
    program += "say(type(error).__name__, seconds < 10)\nsay(error)\n"
    for output in run(2, program):
        lines = output.splitlines()
        assert lines[0] == "CollectiveMismatchError True", output
        assert lines[2].startswith("  rank 0: ") and first in lines[2]
        assert lines[3].startswith("  rank 1: ") and second in lines[3]


def test_a_bystander_learns_of_a_mismatch() -> None:
    program = (
        CATCH
        + """
form()
error, _ = caught(lambda: (dist.all_reduce(torch.ones(20000 + (rank == 3))), dist.barrier()))
say(type(error).__name__)
"""
    )
    assert run(4, program) == ["CollectiveMismatchError\n"] * 4


def test_a_rank_that_leaves_is_named() -> None:
    program = (
        CATCH
        + """
form()
dist.barrier()
if rank == 1:
    dist.destroy_process_group()
else:
    error, seconds = caught(dist.barrier)
    say(type(error).__name__, error.rank, seconds < 5, "left the group" in str(error))
"""
    )
    assert run(2, program)[0] == "PeerLostError 1 True True\n"


def test_ranks_that_end_after_their_last_collective_disturb_nobody() -> None:
    program = """
form()
for _ in range(20):
    dist.all_reduce(torch.ones(50000))
say("done")
os._exit(0) if rank == 1 else None
"""
    assert run(3, program) == ["done\n"] * 3


def test_calls_after_destroy_and_pending_works_fail() -> None:
    program = (
        CATCH
        + """
form()
work = dist.all_reduce(torch.ones(3), async_op=True) if rank == 0 else None
if work is not None:
    time.sleep(0.2)
    group = dist.group.WORLD
    dist.destroy_process_group()
    error, seconds = caught(work.wait)
    say(type(error).__name__, seconds < 2, work.exception() is not None)
    error, _ = caught(lambda: dist.all_reduce(torch.ones(3)))
    say(str(error).splitlines()[0])
"""
    )
    assert run(2, program)[0].splitlines() == [
        "DistBackendError True True",
        "Default process group has not been initialized, "
        "please make sure to call init_process_group.",
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_is_no_rank_and_hides_no_death() -> None:
    program = (
        CATCH
        + """
rank_0 = os.environ["MEETING"] + ".done"
form()
dist.barrier()
if rank == 1:
    child = os.fork()
    if child == 0:
        error, _ = caught(dist.barrier)
        say("forked from rank 1" in str(error))
        dist.destroy_process_group()
        outlive(rank_0)
    time.sleep(0.5)
    dist.barrier()
    os.kill(os.getpid(), signal.SIGKILL)
dist.barrier()
error, seconds = caught(dist.barrier)
say(type(error).__name__, error.rank, seconds < 2.5)
open(rank_0, "w").close()
"""
    )
    with Ranks(2, program) as ranks:
        assert ranks.finish([0], 20) == ["PeerLostError 1 True\n"]
        assert ranks.finish([1], 20) == ["True\n"]


def test_an_interrupt_ends_a_wait() -> None:
    # Where the shell ignores the signal, its children do too.
    program = """
signal.signal(signal.SIGINT, signal.default_int_handler)
form()
dist.barrier()
say("ready")
if rank == 0:
    try:
        dist.all_reduce(torch.ones(2))
    except KeyboardInterrupt:
        say("interrupted")
else:
    time.sleep(1)
    try:
        dist.all_reduce(torch.ones(2))
    except dist.DistBackendError as error:
        say(str(error))
"""
    with Ranks(2, program) as ranks:
        ranks.wait_for("ready", [0, 1])
        time.sleep(0.2)
        ranks.processes[0].send_signal(signal.SIGINT)
        assert ranks.finish([0], 10) == ["interrupted\n"]
        assert "rank 0 was interrupted in all_reduce #2" in ranks.finish([1], 10)[0]
