"""Groups whose collectives are MPI's, through mpi4py: `init_process_group("mpi")` under `mpirun`.

Each call becomes one of MPI's non-blocking operations, and waiting polls it: so timeouts and Ctrl-C
work. MPI sees bytes, or dtypes that it can combine: bool as uint8, 16-bit floats as float32,
rounded once. What MPI does when a rank dies (`mpirun` ends the job) stays MPI's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from pyrite._C import Tensor, as_tensor, bfloat16, cat, empty, float16, float32, int32, uint8
from pyrite._C import bool as boolean
from pyrite.distributed.engine import Options
from pyrite.distributed.errors import CollectiveTimeoutError, DistBackendError
from pyrite.distributed.reduce_op import ReduceOp

__all__ = ["MpiCommunicator", "is_installed"]

_TRIES = 200  # polls without a pause
_BITWISE = ("BAND", "BOR", "BXOR")


class _Begun(NamedTuple):
    """MPI's request, what to do when it is over, and memory that MPI reads until then."""

    request: Any
    finish: Callable[[], None]
    read: Any = None


def is_installed() -> bool:
    """Whether mpi4py can be imported."""
    from importlib.util import find_spec

    return find_spec("mpi4py") is not None


def _library() -> Any:
    if not is_installed():
        raise RuntimeError(
            "Distributed package doesn't have MPI built in.\n"
            "  it is mpi4py's: pip install 'pyrite[mpi]', and start the ranks with mpirun"
        )
    from mpi4py import MPI

    return MPI


class MpiPending:
    """An operation of MPI under way, with the memory that it uses."""

    def __init__(self, begun: _Begun, what: str, timeout: float, size: int | None = None) -> None:
        self._begun = begun
        self._what = what
        self._deadline = time.monotonic() + timeout
        self._timeout = timeout
        self._size = size  # bytes that a message has to have
        self._status = _library().Status()
        self._error: Exception | None = None
        self._over = False

    def is_completed(self) -> bool:
        """Whether it is over, well or not."""
        if self._over:
            return True
        try:
            if not self._begun.request.Test(self._status):
                return False
            got = None if self._size is None else self._status.Get_count()
            if got != self._size:
                raise DistBackendError(
                    f"{self._what}: the message has {got} bytes, the tensor {self._size}"
                )
            self._begun.finish()
        except _library().Exception as error:
            self._error = DistBackendError(f"{self._what}: MPI reports {error}")
        except Exception as error:
            self._error = error
        self._over = True
        self._begun = _Begun(None, _nothing)
        return True

    def check(self) -> None:
        """Raises the error it ended with, if it did."""
        if self._error is not None:
            raise self._error

    def wait(self, timeout: float | None = None) -> None:
        """Waits for its end, `timeout` seconds or as long as its own timeout."""
        end = self._deadline if timeout is None else time.monotonic() + timeout
        tries, pause = 0, 20e-6
        while not self.is_completed():
            tries += 1
            if tries > _TRIES:
                if time.monotonic() > end:
                    seconds = self._timeout if timeout is None else timeout
                    raise CollectiveTimeoutError(
                        f"{self._what} did not finish within {seconds:g} s"
                    )
                time.sleep(pause)
                pause = min(2 * pause, 1e-3)
        self.check()

    @property
    def source(self) -> int:
        """Which rank a message came from."""
        return int(self._status.Get_source())


def _nothing() -> None:
    """What is left to do after the end."""


class MpiCommunicator:
    """One rank's side of a group of MPI's.

    Args:
        comm: MPI's communicator; a copy of the job's by default.

    Raises:
        RuntimeError: mpi4py is not installed.
    """

    def __init__(self, comm: Any = None) -> None:
        self._mpi = _library()
        self._comm = self._mpi.COMM_WORLD.Dup() if comm is None else comm
        self.rank: int = self._comm.Get_rank()
        self.size: int = self._comm.Get_size()
        self._process = os.getpid()
        self._closed = False
        self._pending: list[MpiPending] = []

    def part(self, ranks: Sequence[int], number: int) -> MpiCommunicator:
        """A group of some ranks, which alone call this, with a number of its own."""
        members = self._comm.Get_group().Incl(list(ranks))
        return MpiCommunicator(self._comm.Create_group(members, number))

    def run(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], options: Options, /) -> None:
        """Runs a collective and waits for it."""
        self.start(inputs, outputs, options).wait()

    def start(
        self, inputs: Sequence[Tensor], outputs: Sequence[Tensor], options: Options, /
    ) -> MpiPending:
        """Starts a collective."""
        op, reduce, root, timeout = options
        sizes = {tensor.numel() for tensor in (*inputs, *outputs)}
        if op != "all_to_all" and len(sizes) > 1:
            raise ValueError(f"{op}: all tensors must have one size; got {sorted(sizes)} elements")
        call = _Call(self._comm, self._mpi, ReduceOp(reduce), root)
        # Without a byte to move the ranks only wait for each other: MPI refuses empty memory.
        begin = call.barrier if sizes == {0} else getattr(call, op)
        return self._follow(lambda: begin(inputs, outputs), op, timeout)

    def send(self, tensor: Tensor, peer: int, tag: int, timeout: float, /) -> MpiPending:
        """Starts sending a message."""

        def begin() -> _Begun:
            return _Begun(self._comm.Isend(_bytes(tensor), peer, tag), _nothing, tensor)

        return self._follow(begin, "send", timeout)

    def receive(self, tensor: Tensor, peer: int | None, tag: int, timeout: float, /) -> MpiPending:
        """Starts receiving a message, from one rank or any."""
        memory = empty(tensor.shape, dtype=tensor.dtype)
        source = self._mpi.ANY_SOURCE if peer is None else peer

        def begin() -> _Begun:
            request = self._comm.Irecv(_bytes(memory), source, tag)
            return _Begun(request, lambda: _store(tensor, memory))

        return self._follow(begin, "receive", timeout, tensor.numel() * tensor.element_size())

    def _follow(
        self, begin: Callable[[], _Begun], what: str, timeout: float, size: int | None = None
    ) -> MpiPending:
        if self._closed:
            raise DistBackendError("the process group has been destroyed")
        if os.getpid() != self._process:
            raise DistBackendError(
                f"this process was forked from rank {self.rank} and is no rank itself"
            )
        try:
            pending = MpiPending(begin(), what, timeout, size)
        except self._mpi.Exception as error:
            raise DistBackendError(f"{what}: MPI reports {error}") from error
        # MPI writes to this memory until the end, whether anybody waits for it or not.
        self._pending = [other for other in self._pending if not other.is_completed()]
        self._pending.append(pending)
        return pending

    def close(self) -> None:
        """Leaves the group; MPI frees it when the process ends."""
        self._closed = True

    def abandon(self) -> None:
        """In a forked child, whose calls are refused by its number."""


class _Call:
    """Begins collectives; each method is one of `Communicator.start`'s ops."""

    def __init__(self, comm: Any, mpi: Any, reduce: ReduceOp, root: int) -> None:
        self._comm = comm
        self._mpi = mpi
        self._reduce = reduce
        self._root = root
        self._at_root = comm.Get_rank() == root

    def _operation(self, tensor: Tensor) -> Any:
        """MPI's reduction for values of the tensor's dtype."""
        name = self._reduce.name
        if name in _BITWISE and (tensor.is_floating_point() or tensor.is_complex()):
            raise ValueError(f"Cannot use ReduceOp.{name} with non-integral dtype")
        if tensor.dtype == boolean:
            name = {"SUM": "MAX", "AVG": "MAX", "PRODUCT": "MIN"}.get(name, name)
        return getattr(self._mpi, {"AVG": "SUM", "PRODUCT": "PROD"}.get(name, name))

    def _reduced(self, output: Tensor, total: Tensor) -> None:
        if self._reduce.name == "AVG" and output.dtype != boolean:
            whole = not (total.is_floating_point() or total.is_complex())
            total.div_(self._comm.Get_size(), rounding_mode="trunc" if whole else None)
        _store(output, total)

    def barrier(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        return _Begun(self._comm.Ibarrier(), _nothing)

    def all_reduce(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        values = _combinable(outputs[0])
        total = empty(values.shape, dtype=values.dtype)
        operation = self._operation(outputs[0])
        request = self._comm.Iallreduce(values.numpy(), total.numpy(), operation)
        return _Begun(request, lambda: self._reduced(outputs[0], total), values)

    def reduce(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        values = _combinable(outputs[0])
        total = empty(values.shape, dtype=values.dtype)
        operation = self._operation(outputs[0])
        request = self._comm.Ireduce(values.numpy(), total.numpy(), operation, self._root)

        def finish() -> None:
            if self._at_root:
                self._reduced(outputs[0], total)

        return _Begun(request, finish, (values, total))

    def reduce_scatter(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        values = cat([_combinable(tensor) for tensor in inputs])
        total = empty(outputs[0].numel(), dtype=values.dtype)
        operation = self._operation(outputs[0])
        request = self._comm.Ireduce_scatter_block(values.numpy(), total.numpy(), operation)
        return _Begun(request, lambda: self._reduced(outputs[0], total), values)

    def broadcast(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        memory = outputs[0].detach().clone()
        request = self._comm.Ibcast(_bytes(memory), self._root)

        def finish() -> None:
            if not self._at_root:
                _store(outputs[0], memory)

        return _Begun(request, finish, memory)

    def all_gather(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        parts = _joined(outputs)
        request = self._comm.Iallgather(_bytes(inputs[0]), _bytes(parts))
        return _Begun(request, lambda: _divide(parts, outputs), inputs[0])

    def gather(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        parts = _joined(outputs) if self._at_root else empty(0)
        target = _bytes(parts) if self._at_root else None
        request = self._comm.Igather(_bytes(inputs[0]), target, self._root)
        return _Begun(request, lambda: _divide(parts, outputs), inputs[0])

    def scatter(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        parts = _bytes(cat([_flat(tensor) for tensor in inputs])) if self._at_root else None
        memory = empty(outputs[0].shape, dtype=outputs[0].dtype)
        request = self._comm.Iscatter(parts, _bytes(memory), self._root)
        return _Begun(request, lambda: _store(outputs[0], memory), parts)

    def all_to_all(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> _Begun:
        sent, parts = cat([_flat(tensor) for tensor in inputs]), _joined(outputs)
        send, receive = [_bytes(sent), _lengths(inputs)], [_bytes(parts), _lengths(outputs)]
        request = self._comm.Ialltoallv(send, receive)
        return _Begun(request, lambda: _divide(parts, outputs), (send, receive))


def _flat(tensor: Tensor) -> Tensor:
    return tensor.detach().view(-1)


def _bytes(tensor: Tensor) -> Any:
    """The memory of a tensor."""
    return _flat(tensor).view(uint8).numpy()


def _combinable(tensor: Tensor) -> Tensor:
    """The values in a dtype that MPI can combine."""
    if tensor.dtype == boolean:
        return _flat(tensor).view(uint8)
    return _flat(tensor).to(float32) if tensor.dtype in (float16, bfloat16) else _flat(tensor)


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    """Memory for the values of all tensors, one after the other."""
    return empty(sum(tensor.numel() for tensor in tensors), dtype=tensors[0].dtype)


def _lengths(tensors: Sequence[Tensor]) -> Any:
    """Bytes of each tensor, and where it begins; MPI reads them while it works."""
    lengths = [tensor.numel() * tensor.element_size() for tensor in tensors]
    begins = [sum(lengths[:place]) for place in range(len(lengths))]
    return as_tensor(lengths, dtype=int32).numpy(), as_tensor(begins, dtype=int32).numpy()


def _divide(values: Tensor, tensors: Sequence[Tensor]) -> None:
    parts = values.split([tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=bool(tensors)):
        _store(tensor, part)


def _store(tensor: Tensor, values: Tensor) -> None:
    """Writes a result, as far as autograd is concerned as well."""
    tensor.detach().copy_(values.view(tensor.shape))
