"""Hooks that average in full, or send half as many bytes.

Each takes a state (a process group, None for the default one) and a `GradBucket`, and returns a
`Future` of the averaged buffer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyrite.distributed as dist
from pyrite import _C
from pyrite._C import Tensor
from pyrite.futures import Future

__all__ = [
    "allreduce_hook",
    "average",
    "bf16_compress_hook",
    "bf16_compress_wrapper",
    "fp16_compress_hook",
    "fp16_compress_wrapper",
]

Hook = Callable[[Any, Any], Future[Any]]


def average(buffer: Tensor, group: Any) -> Future[Tensor]:
    """Starts to average a tensor over the ranks, in place."""
    buffer.div_(dist.get_world_size(group))
    work = dist.all_reduce(buffer, group=group, async_op=True)

    def wait() -> Tensor:
        if work is not None:
            work.wait()
        return buffer

    return Future.of(wait)


def allreduce_hook(process_group: Any, bucket: Any) -> Future[Tensor]:
    """Averages in full precision, as without a hook."""
    return average(bucket.buffer(), process_group)


def _compress(process_group: Any, bucket: Any, dtype: Any) -> Future[Tensor]:
    buffer = bucket.buffer()

    def decompress(future: Future[Tensor]) -> Tensor:
        result: Tensor = buffer.copy_(future.value())
        return result

    return average(buffer.to(dtype), process_group).then(decompress)


def fp16_compress_hook(process_group: Any, bucket: Any) -> Future[Tensor]:
    """Sends gradients as float16."""
    return _compress(process_group, bucket, _C.float16)


def bf16_compress_hook(process_group: Any, bucket: Any) -> Future[Tensor]:
    """Sends gradients as bfloat16."""
    return _compress(process_group, bucket, _C.bfloat16)


def _wrap(hook: Hook, dtype: Any) -> Hook:
    def wrapped(state: Any, bucket: Any) -> Future[Tensor]:
        buffer = bucket.buffer()
        bucket.set_buffer(buffer.to(dtype))

        def decompress(future: Future[Any]) -> Tensor:
            value = future.value()
            result: Tensor = buffer.copy_(value[0] if isinstance(value, list) else value)
            return result

        return hook(state, bucket).then(decompress)

    return wrapped


def fp16_compress_wrapper(hook: Hook) -> Hook:
    """A hook that gets gradients rounded to float16."""
    return _wrap(hook, _C.float16)


def bf16_compress_wrapper(hook: Hook) -> Hook:
    """A hook that gets gradients rounded to bfloat16."""
    return _wrap(hook, _C.bfloat16)
