"""Averages gradients over ranks while backward goes on.

A backward that passes through the wrapper's output begins a reduction; a hook on each parameter
puts its gradient into a bucket, and a full bucket is sent at once. When backward is over, buckets
that wait for unused parameters are completed with zeros. Invariant: all ranks send the same buckets
in the same order, whatever each of them used; in a group of their own, because between them and the
module's collectives (SyncBatchNorm's) there is no order that all ranks share.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyrite.distributed as dist
from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import no_grad
from pyrite.distributed.formation import twin_group
from pyrite.futures import Future

from ._buckets import Bucket, GradBucket, assign

__all__ = ["Options", "Reducer"]

_FIRST_LIMIT = 1024 * 1024


@dataclass
class Options:
    """How gradients are reduced.

    Attributes:
        limit: bytes of a bucket, the first one excepted.
        as_views: a gradient is a view of its bucket.
        static: every backward uses the parameters that the first one used.
    """

    limit: int
    as_views: bool
    static: bool


class Reducer:
    """The gradients of one replica.

    Attributes:
        divisor: what sums over ranks are divided by.
        hook: how a bucket is reduced, and its state; None for a plain average.
        expected: the next gradient of a parameter begins a reduction.
    """

    def __init__(self, parameters: Sequence[Tensor], group: Any, options: Options) -> None:
        self._parameters = list(parameters)
        self._parent = group
        self._group: Any = None
        self._options = options
        self.divisor = dist.get_world_size(group)
        self.hook: tuple[Any, Callable[[Any, GradBucket], Any]] | None = None
        self.expected = False
        self._active = False
        self._ready: dict[int, None] = {}  # in the order in which gradients came
        self._reductions = 0
        self._used_by_any: list[bool] | None = None
        self._rebuilt = False
        self._place: dict[int, tuple[Bucket, int]] = {}
        self._build(range(len(self._parameters) - 1, -1, -1))
        self._install()

    def _install(self) -> None:
        """Hooks that do not keep the reducer alive."""
        this = weakref.ref(self)

        def hook_of(position: int) -> Callable[[Tensor], None]:
            def accumulated(parameter: Tensor) -> None:
                reducer = this()
                if reducer is None:
                    return
                if reducer.expected:
                    reducer.begin()
                if reducer._active:
                    reducer._mark(position)

            return accumulated

        self.handles = [
            parameter.register_post_accumulate_grad_hook(hook_of(position))
            for position, parameter in enumerate(self._parameters)
        ]

    def _build(self, order: Sequence[int]) -> None:
        limits = (min(_FIRST_LIMIT, self._options.limit), self._options.limit)
        members = assign(self._parameters, order, limits)
        self.buckets = [Bucket(positions, self._parameters) for positions in members]
        for bucket in self.buckets:
            for slot, position in enumerate(bucket.members):
                self._place[position] = (bucket, slot)
        self._next = 0

    def meet(self) -> None:
        """Forms the buckets' group, unless that has been done; all ranks call it together."""
        if self._group is None:
            self._group = twin_group(self._parent)

    def rebuild(self) -> None:
        """After the first backward: buckets in the order in which rank 0 got its gradients."""
        if self._rebuilt or self._reductions == 0:
            return
        self._rebuilt = True
        missing = set(range(len(self._parameters))).difference(self._ready)
        order = _C.tensor([*self._ready, *sorted(missing, reverse=True)])
        dist.broadcast(order, group=self._group, group_src=0)
        with no_grad():
            kept = [parameter.grad for parameter in self._parameters]
            self._build(order.tolist())
            if self._options.as_views:
                for position, grad in enumerate(kept):
                    if grad is not None:
                        self._adopt(position, grad)

    def _adopt(self, position: int, grad: Tensor) -> None:
        """Makes a gradient a view of its bucket."""
        bucket, slot = self._place[position]
        view = bucket.views[slot]
        if grad is not view:
            view.copy_(grad)
            self._parameters[position].grad = view

    def recover(self) -> None:
        """After a backward that raised: what it sent is waited for, the rest is forgotten."""
        if not self._active:
            return
        self._active = False
        for bucket in self.buckets:
            future, bucket.future = bucket.future, None
            if future is not None:
                future.wait()

    def begin(self) -> None:
        """The current backward reaches this replica: its gradients are to be averaged."""
        if self._active:
            return
        self._active = True
        self.expected = False
        self._ready = {}
        self._next = 0
        for bucket in self.buckets:
            bucket.pending = len(bucket.members)
            bucket.future = None
        _C._queue_callback(self._finish)

    def _mark(self, position: int) -> None:
        """A parameter's gradient is there."""
        bucket, slot = self._place[position]
        grad = self._parameters[position].grad
        if grad is None or position in self._ready:
            return
        self._ready[position] = None
        with no_grad():
            if self._options.as_views:
                self._adopt(position, grad)
            else:
                bucket.views[slot].copy_(grad)
        bucket.pending -= 1
        self._send_ready()

    def _send_ready(self) -> None:
        while self._next < len(self.buckets) and self.buckets[self._next].pending == 0:
            self._send(self._next)

    def _send(self, index: int) -> None:
        bucket = self.buckets[index]
        self._next = index + 1
        with no_grad():
            if self.hook is None:
                bucket.future = self._average(bucket.buffer)
            else:
                state, hook = self.hook
                bucket.future = hook(
                    state, GradBucket(bucket, index, self._next == len(self.buckets))
                )

    def _average(self, buffer: Tensor) -> Future[Tensor]:
        if self.divisor != 1:
            buffer.div_(self.divisor)
        work = dist.all_reduce(buffer, group=self._group, async_op=True)

        def wait() -> Tensor:
            if work is not None:
                work.wait()
            return buffer

        return Future.of(wait)

    def _finish(self) -> None:
        """Backward is over: completes the buckets and gives the parameters their averages.

        What this rank used has its average as soon as its bucket is there, while the next ones are
        on their way; of the other parameters the ranks' flags tell, which travel last.
        """
        self._active = False
        self._reductions += 1
        with no_grad():
            self._complete()
            answer = self._used()
            for bucket in self.buckets:
                self._receive(bucket)
                self._store(bucket, lambda position: position in self._ready)
            used = answer.wait()
            for bucket in self.buckets:
                self._store(bucket, lambda p: used[p] and p not in self._ready)

    def _complete(self) -> None:
        """Sends the buckets that wait for parameters without a gradient: these count as zero."""
        for index in range(self._next, len(self.buckets)):
            bucket = self.buckets[index]
            for slot, position in enumerate(bucket.members):
                if position not in self._ready:
                    self._keep_or_clear(position, bucket.views[slot])
            self._send(index)

    def _keep_or_clear(self, position: int, view: Tensor) -> None:
        """An unused parameter's part: what it accumulated before, which is averaged as well."""
        grad = self._parameters[position].grad
        if grad is None:
            view.zero_()
        elif grad is not view:
            view.copy_(grad)

    def _used(self) -> Future[list[bool]]:
        """Asks which parameters some rank used in this backward; all ranks ask together."""
        if self._used_by_any is not None:
            known = self._used_by_any
            return Future.of(lambda: known)
        flags = _C.tensor([position in self._ready for position in range(len(self._parameters))])
        flags = flags.to(_C.uint8)
        work = dist.all_reduce(flags, op=dist.ReduceOp.MAX, group=self._group, async_op=True)

        def wait() -> list[bool]:
            if work is not None:
                work.wait()
            used: list[bool] = flags.bool().tolist()
            if self._options.static:
                self._used_by_any = used
            return used

        return Future.of(wait)

    def _receive(self, bucket: Bucket) -> None:
        """Waits for a bucket's reduced gradients."""
        result = bucket.future.wait()
        bucket.future = None
        reduced = result[0] if isinstance(result, (list, tuple)) else result
        if reduced is not bucket.buffer:
            bucket.buffer.copy_(reduced.view(-1))

    def _store(self, bucket: Bucket, wanted: Callable[[int], bool]) -> None:
        """Gives the wanted ones of a bucket's parameters their averages."""
        for position, view in zip(bucket.members, bucket.views, strict=True):
            if not wanted(position):
                continue
            parameter = self._parameters[position]
            if self._options.as_views:
                parameter.grad = view
            elif parameter.grad is None:
                parameter.grad = view.clone()
            else:
                parameter.grad.copy_(view)

    def shadow(self) -> None:
        """Takes part in a reduction of the other ranks, with nothing to add."""
        self._ready = {}
        self._next = 0
        self._reductions += 1
        with no_grad():
            for index, bucket in enumerate(self.buckets):
                bucket.buffer.zero_()
                self._send(index)
            answer = self._used()
            for bucket in self.buckets:
                bucket.future.wait()
            answer.wait()
