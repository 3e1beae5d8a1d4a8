"""Copies between tensors and buffers of wgpu-py (`pip install pyrite[wgpu]`).

wgpu-py has an instance of the driver of its own, so memory cannot be shared: elements pass through
the host. A buffer holds them in C order, as the shaders see them: bool is one byte, and the last
word is filled up with zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyrite import _C

__all__ = ["from_buffer", "to_buffer"]

_WORD = 4


def to_buffer(tensor: _C.Tensor, device: Any, usage: int | None = None) -> Any:
    """A new buffer of a wgpu-py device with the elements of a tensor of any device and dtype.

    Args:
        tensor: any shape and strides.
        device: a `wgpu.GPUDevice`.
        usage: flags of `wgpu.BufferUsage`; None means STORAGE, COPY_SRC and COPY_DST.

    Raises:
        ModuleNotFoundError: wgpu-py is not installed.
    """
    import wgpu

    if usage is None:
        flags = wgpu.BufferUsage
        usage = flags.STORAGE | flags.COPY_SRC | flags.COPY_DST
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    data = flat.view(_C.uint8).numpy().tobytes() if flat.numel() else b""
    size = max(len(data) + -len(data) % _WORD, _WORD)
    return device.create_buffer_with_data(data=data.ljust(size, b"\0"), usage=usage)


def from_buffer(
    buffer: Any, shape: Sequence[int], dtype: _C.dtype, device: Any = "gpu"
) -> _C.Tensor:
    """A new tensor with the first elements of a wgpu-py buffer.

    Args:
        buffer: a `wgpu.GPUBuffer` with usage COPY_SRC.
        shape: the tensor's shape.
        dtype: the type of the buffer's elements.
        device: where the tensor is to lie.

    Raises:
        ValueError: the buffer is too small.
    """
    count = 1
    for size in shape:
        count *= size
    needed = count * dtype.itemsize
    if buffer.size < needed:
        raise ValueError(
            f"interop.wgpu.from_buffer: {list(shape)} of {dtype} needs {needed} bytes; "
            f"got a buffer of {buffer.size}"
        )
    if not count:
        return _C.empty(shape, dtype=dtype, device=device)
    read = buffer._device.queue.read_buffer(buffer, size=needed + -needed % _WORD)
    flat = _C.frombuffer(bytearray(read)[:needed], dtype=_C.uint8)
    return flat.view(dtype).reshape(shape).to(device)
