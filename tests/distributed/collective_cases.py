"""Each collective against numpy: what `test_collectives.py` and `test_mpi.py` run in every rank.

Rank r's data are made from r alone, so every rank can compute what all of them should have.
"""

from __future__ import annotations

import os
from datetime import timedelta
from functools import cache

import numpy as np

import pyrite as torch
import pyrite.distributed as dist

MPI = "OMPI_COMM_WORLD_RANK" in os.environ  # under mpirun
RANK, WORLD = (
    int(os.environ[("OMPI_COMM_WORLD_" if MPI else "") + name])
    for name in ("RANK", "SIZE" if MPI else "WORLD_SIZE")
)
DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64"]
DTYPES += ["float16", "bfloat16", "float32", "float64", "complex64", "complex128"]
# Below and above every threshold of the algorithms, and sizes that ranks do not divide.
SIZES = [0, 1, 7, 3001, 20011, 150001]
FOLDS = {
    "SUM": np.add,
    "PRODUCT": np.multiply,
    "MIN": np.minimum,
    "MAX": np.maximum,
    "BAND": np.bitwise_and,
    "BOR": np.bitwise_or,
    "BXOR": np.bitwise_xor,
}


@cache
def data(rank: int, size: int, dtype: str) -> np.ndarray:
    """Rank `rank`'s numbers, small enough to be exact in every dtype."""
    rng = np.random.default_rng(1000 * rank + size)
    values = rng.integers(0, 4, size)
    if dtype == "bool":
        return values > 1
    if dtype.startswith("complex"):
        return (values + 1j * rng.integers(0, 4, size)).astype(dtype)
    return values.astype("float32" if dtype == "bfloat16" else dtype)


def tensor(values: np.ndarray, dtype: str) -> torch.Tensor:
    """As a tensor of the dtype."""
    return torch.tensor(values).to(getattr(torch, dtype))


def check(actual: torch.Tensor, wanted: np.ndarray, what: object) -> None:
    """Equal to the last bit."""
    plain = actual.float() if actual.dtype is torch.bfloat16 else actual
    np.testing.assert_array_equal(plain.numpy(), wanted, err_msg=str(what))


def folded(name: str, parts: list[np.ndarray]) -> np.ndarray:
    """The reduction by numpy."""
    result = parts[0]
    for part in parts[1:]:
        if result.dtype == bool and name in ("SUM", "PRODUCT"):
            result = result | part if name == "SUM" else result & part
        else:
            result = FOLDS[name](result, part).astype(parts[0].dtype)
    return result


def reductions(dtype: str) -> list[str]:
    """Those that have a meaning for the dtype."""
    if dtype.startswith("complex"):
        return ["SUM"]
    bitwise = ["BAND", "BOR", "BXOR"] if not dtype.startswith(("float", "bfloat")) else []
    return ["SUM", "PRODUCT", "MIN", "MAX", *bitwise]


def reduce_all(size: int, dtype: str) -> None:
    """all_reduce, reduce, reduce_scatter, with every reduction."""
    parts = [data(r, size, dtype) for r in range(WORLD)]
    entries = [[data(r + 17 * j, size, dtype) for j in range(WORLD)] for r in range(WORLD)]
    for name in reductions(dtype):
        op, wanted = getattr(dist.ReduceOp, name), folded(name, parts)
        x = tensor(parts[RANK], dtype)
        dist.all_reduce(x, op)
        check(x, wanted, ("all_reduce", name, dtype, size))
        if name not in ("SUM", "MAX"):
            continue
        x = tensor(parts[RANK], dtype)
        dist.reduce(x, dst=WORLD - 1, op=op)
        check(x, wanted if RANK == WORLD - 1 else parts[RANK], ("reduce", name, dtype, size))
        out = torch.zeros(size, dtype=getattr(torch, dtype))
        dist.reduce_scatter_tensor(out, tensor(np.stack(entries[RANK]), dtype), op)
        wanted = folded(name, [row[RANK] for row in entries])
        check(out, wanted, ("reduce_scatter", name, dtype, size))
    if dtype.startswith("float"):
        x = tensor(parts[RANK], dtype)
        dist.all_reduce(x, dist.ReduceOp.AVG)
        wanted = (folded("SUM", parts).astype("float64") / WORLD).astype(dtype)
        np.testing.assert_allclose(x.numpy(), wanted, rtol=2e-3 if dtype == "float16" else 1e-6)


def move_all(size: int, dtype: str) -> None:
    """The collectives that only copy."""
    kind = getattr(torch, dtype)
    parts = [data(r, size, dtype) for r in range(WORLD)]
    mine = tensor(parts[RANK], dtype)
    for root in {0, WORLD - 1}:
        x = mine.clone()
        dist.broadcast(x, src=root)
        check(x, parts[root], ("broadcast", dtype, size))
        outs = [torch.zeros(size, dtype=kind) for _ in range(WORLD)] if RANK == root else None
        dist.gather(mine, outs, dst=root)
        for out, part in zip(outs or [], parts, strict=False):
            check(out, part, ("gather", dtype, size))
        x = torch.zeros(size, dtype=kind)
        sources = [tensor(part, dtype) for part in parts] if RANK == root else None
        dist.scatter(x, sources, src=root)
        check(x, parts[RANK], ("scatter", dtype, size))
    outs = [torch.zeros(size, dtype=kind) for _ in range(WORLD)]
    dist.all_gather(outs, mine)
    for out, part in zip(outs, parts, strict=True):
        check(out, part, ("all_gather", dtype, size))
    out = torch.zeros(WORLD, size, dtype=kind)
    dist.all_gather_into_tensor(out, mine)
    check(out, np.stack(parts), ("all_gather_into_tensor", dtype, size))
    outs = [torch.zeros(size, dtype=kind) for _ in range(WORLD)]
    dist.all_to_all(outs, [tensor(data(RANK + 17 * j, size, dtype), dtype) for j in range(WORLD)])
    for source, out in enumerate(outs):
        check(out, data(source + 17 * RANK, size, dtype), ("all_to_all", dtype, size))


def uneven() -> None:
    """all_to_all_single with sizes of its own for every pair."""
    send = [RANK + j + 1 for j in range(WORLD)]
    receive = [j + RANK + 1 for j in range(WORLD)]
    x = torch.full((sum(send), 2), float(RANK))
    out = torch.zeros(sum(receive), 2)
    dist.all_to_all_single(out, x, receive, send)
    assert out[:, 0].tolist() == [float(j) for j in range(WORLD) for _ in range(j + RANK + 1)]


def layouts() -> None:
    """Non-contiguous inputs and outputs get the values, and only theirs."""
    base = torch.arange(24.0).reshape(4, 6)
    x = base.t()
    dist.all_reduce(x)
    assert torch.equal(base, torch.arange(24.0).reshape(4, 6) * WORLD)
    base = torch.zeros(10)
    work = dist.all_reduce(base[::2].add_(1.0), async_op=True)
    assert work.wait() and work.is_completed() and work.is_success()
    assert base.tolist() == [float(WORLD), 0.0] * 5
    wide = torch.zeros(3, 2 * WORLD)
    dist.all_gather_into_tensor(wide[:, ::2].t(), torch.full((3,), float(RANK)))
    assert wide[0, ::2].tolist() == [float(j) for j in range(WORLD)]


def asynchronous() -> None:
    """Works end in the order of the calls and raise nothing."""
    tensors = [torch.full((size,), float(RANK + 1)) for size in (1, 5000, 100000, 3)]
    works = [dist.all_reduce(x, async_op=True) for x in tensors]
    dist.barrier()
    for work in works if MPI else []:  # which keeps no order between its collectives
        work.wait()
    assert all(work.is_completed() for work in works)
    total = WORLD * (WORLD + 1) / 2
    assert all(bool((x == total).all()) for x in tensors)


def messages() -> None:
    """send, recv, any source, tags out of order, batches without deadlock."""
    right, left = (RANK + 1) % WORLD, (RANK - 1) % WORLD
    big, got = torch.full((300000,), float(RANK)), torch.zeros(300000)
    ops = [dist.P2POp(dist.isend, big, right), dist.P2POp(dist.irecv, got, left)]
    for work in dist.batch_isend_irecv(ops):
        work.wait()
    assert bool((got == left).all())
    if RANK == 0:
        for peer in range(1, WORLD):
            dist.send(torch.tensor([1.0]), peer, tag=1)
            dist.send(torch.tensor([2.0]), peer, tag=2)
        x = torch.zeros(2, dtype=torch.int32)
        sources = {dist.recv(x) for _ in range(1, WORLD)}
        assert sources == set(range(1, WORLD)), sources
    else:
        x = torch.zeros(1)
        dist.recv(x, 0, tag=2)
        assert x.item() == 2.0
        dist.recv(x, 0, tag=1)
        assert x.item() == 1.0
        dist.send(torch.tensor([RANK, 0], dtype=torch.int32), 0)


def objects() -> None:
    """Objects of different sizes."""
    mine = {"rank": RANK, "text": "x" * (10 * RANK)}
    everybody = [{"rank": r, "text": "x" * (10 * r)} for r in range(WORLD)]
    got: list[object] = [None] * WORLD
    dist.all_gather_object(got, mine)
    assert got == everybody
    got = [None] * WORLD
    dist.gather_object(mine, got if RANK == 0 else None, dst=0)
    assert RANK != 0 or got == everybody
    pair: list[object] = ["a", (1, 2)] if RANK == 1 else [None, None]
    dist.broadcast_object_list(pair, src=1)
    assert pair == ["a", (1, 2)]
    one: list[object] = [None]
    dist.scatter_object_list(one, everybody if RANK == 0 else None, src=0)
    assert one == [mine]


def groups() -> None:
    """Two groups at once, whose ranks call in different orders."""
    low = dist.new_group([0, 1])
    every = dist.new_group()
    if RANK > 1:
        assert low is dist.GroupMember.NON_GROUP_MEMBER and dist.get_rank(low) == -1
    x, y = torch.ones(4), torch.full((4,), 2.0)
    first = dist.all_reduce(y, group=every, async_op=True) if RANK else None
    if RANK < 2:
        assert dist.get_world_size(low) == 2 and dist.get_process_group_ranks(low) == [0, 1]
        dist.all_reduce(x, group=low)
        assert x.tolist() == [2.0] * 4
    first = first or dist.all_reduce(y, group=every, async_op=True)
    first.wait()
    assert y.tolist() == [2.0 * WORLD] * 4
    dist.destroy_process_group(every)


def form(backend: str | None) -> None:
    """Forms the default group."""
    if MPI:
        dist.init_process_group("mpi", timeout=timedelta(seconds=60))
        return
    dist.init_process_group(
        backend,
        init_method="file://" + os.environ["MEETING"],
        rank=RANK,
        world_size=WORLD,
        timeout=timedelta(seconds=60),
    )


def main() -> None:
    """Runs everything: by TCP alone, then with memory that the ranks share."""
    for shared in "1" if MPI else "01":
        os.environ["PYRITE_SHARED_MEMORY"] = shared
        every_case()
    print("done")


def every_case() -> None:
    """Runs all cases, destroys the group and forms it again."""
    for _ in range(2):
        form("gloo")
        assert dist.is_initialized() and dist.get_backend() == ("mpi" if MPI else "gloo")
        assert (dist.get_rank(), dist.get_world_size()) == (RANK, WORLD)
        uneven()
        dist.destroy_process_group()
        assert not dist.is_initialized()
    form(None)
    for dtype in DTYPES:
        for size in SIZES if dtype in ("float32", "bfloat16", "int64") else SIZES[:4]:
            reduce_all(size, dtype)
            move_all(size, dtype)
    for part in (layouts, asynchronous, messages, objects, groups):
        part()
    dist.monitored_barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
