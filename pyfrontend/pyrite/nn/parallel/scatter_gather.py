"""Batches taken apart for several devices, and results put together on one.

Layer: Python front end. Tensors are divided, containers are walked through, and everything else is
given to every device as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyrite
from pyrite._C import Tensor

__all__ = ["gather", "is_namedtuple", "scatter", "scatter_kwargs"]


def is_namedtuple(obj: object) -> bool:
    """Whether `obj` is a named tuple."""
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> list[Any]:
    """The parts of `inputs` for each device.

    Args:
        inputs: tensors, in lists, tuples and dictionaries.
        target_gpus: the devices; fewer parts come back when `dim` is too short for all.
        dim: the dimension that is divided.
    """
    if isinstance(inputs, Tensor):
        parts = inputs.chunk(len(target_gpus), dim)
        return [part.to(device) for part, device in zip(parts, target_gpus, strict=False)]
    if is_namedtuple(inputs) or (isinstance(inputs, tuple | list) and inputs):
        make = type(inputs)._make if is_namedtuple(inputs) else type(inputs)
        columns = (scatter(item, target_gpus, dim) for item in inputs)
        return [make(items) for items in zip(*columns, strict=False)]
    if isinstance(inputs, dict) and inputs:
        columns = (scatter(item, target_gpus, dim) for item in inputs.items())
        return [type(inputs)(items) for items in zip(*columns, strict=False)]
    return [inputs for _ in target_gpus]


def scatter_kwargs(
    inputs: tuple[Any, ...],
    kwargs: dict[str, Any] | None,
    target_gpus: Sequence[Any],
    dim: int = 0,
) -> tuple[tuple[Any, ...], tuple[dict[str, Any], ...]]:
    """`scatter` of positional and of named arguments, as many parts of both."""
    positional = scatter(inputs, target_gpus, dim) if inputs else []
    named = scatter(kwargs, target_gpus, dim) if kwargs else []
    count = max(len(positional), len(named))
    positional += [()] * (count - len(positional))
    named += [{}] * (count - len(named))
    return tuple(positional), tuple(named)


def gather(outputs: Any, target_device: Any, dim: int = 0) -> Any:
    """Results of several devices joined along `dim` on `target_device`.

    Args:
        outputs: a list of tensors, or of containers of them with the same structure.
        target_device: where the result lies; a number is that of a GPU.
        dim: the dimension along which tensors are joined; those without one become a vector.

    Raises:
        ValueError: dictionaries of different lengths.
    """
    first = outputs[0]
    if isinstance(first, Tensor):
        there = [output.to(target_device) for output in outputs]
        return pyrite.stack(there) if first.dim() == 0 else pyrite.cat(there, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(output) != len(first) for output in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)(
            (key, gather([output[key] for output in outputs], target_device, dim)) for key in first
        )
    joined = (gather(list(items), target_device, dim) for items in zip(*outputs, strict=True))
    return type(first)._make(joined) if is_namedtuple(first) else type(first)(joined)
