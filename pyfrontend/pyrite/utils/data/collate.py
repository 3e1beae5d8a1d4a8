"""Collation: a list of samples becomes a batch.

Python layer; numbers and tensors are stacked by the core, containers are rebuilt around them.
`default_collate_fn_map` is the registry users extend: element type -> function. NumPy is never
imported here, only recognised. Invariant: in a worker process a large batch of tensors is stacked
straight into shared memory, so that sending it copies nothing.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

from pyrite import _C

from .worker_info import get_worker_info

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

CollateMap = dict[type | tuple[type, ...], Callable[..., Any]]

_ERROR = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)
_TEXT_OR_OBJECT = re.compile("[SaUO]")  # numpy's dtype.str of text and object arrays


def default_convert(data: Any) -> Any:
    """Turn the NumPy arrays and numbers inside nested containers into tensors.

    The collate function of a DataLoader without batching. Tuples become lists, named tuples and
    other containers keep their type where it can be rebuilt.
    """
    kind = type(data)
    if isinstance(data, _C.Tensor):
        return data
    if kind.__module__ == "numpy" and kind.__name__ not in ("str_", "bytes_"):
        if kind.__name__ == "ndarray" and _TEXT_OR_OBJECT.search(data.dtype.str):
            return data
        return _C.as_tensor(data)
    if isinstance(data, Mapping):
        return _rebuild_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return kind(*(default_convert(item) for item in data))
    if isinstance(data, tuple):
        return [default_convert(item) for item in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _rebuild_sequence(data, [default_convert(item) for item in data])
    return data


def default_collate(batch: Any) -> Any:
    """Stack a list of samples into a batch, by `default_collate_fn_map`.

    Tensors, arrays and numbers gain a leading dim (N, ...); float gives float64, int gives int64;
    text stays a list; mappings, named tuples and sequences are collated field by field.

    Raises:
        TypeError: an element of another type.
        RuntimeError: sequences of different lengths, or tensors of different shapes.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Collate with another registry.

    Args:
        batch: the samples.
        collate_fn_map: element type, or tuple of types, to `function(batch, *, collate_fn_map)`.
            An exact type wins, else the first entry of which the element is an instance.
    """
    element = batch[0]
    function = _registered(element, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)
    if type(element).__module__ == "numpy":
        return _collate_numpy(batch, collate_fn_map)
    if isinstance(element, Mapping):
        fields = {
            key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map)
            for key in element
        }
        return _rebuild_mapping(element, fields)
    if isinstance(element, Sequence):
        return _collate_sequences(batch, collate_fn_map)
    raise TypeError(_ERROR.format(type(element)))


def _registered(element: Any, collate_fn_map: CollateMap) -> Callable[..., Any] | None:
    exact = collate_fn_map.get(type(element))
    if exact is not None:
        return exact
    for kind, function in collate_fn_map.items():
        if isinstance(element, kind):
            return function
    return None


def _collate_sequences(batch: Any, collate_fn_map: CollateMap | None) -> Any:
    element = batch[0]
    named = isinstance(element, tuple) and hasattr(element, "_fields")
    if not named and any(len(sample) != len(element) for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    columns = [
        collate(samples, collate_fn_map=collate_fn_map) for samples in zip(*batch, strict=False)
    ]
    if named:
        return type(element)(*columns)
    return columns if isinstance(element, tuple) else _rebuild_sequence(element, columns)


def _rebuild_mapping(original: Mapping[Any, Any], fields: dict[Any, Any]) -> Any:
    """A mapping of the original's type; a plain dict where that type cannot be rebuilt."""
    try:
        if isinstance(original, MutableMapping):
            clone = copy.copy(original)  # keeps what the type holds besides its items
            clone.update(fields)
            return clone
        return type(original)(fields)  # type: ignore[call-arg]
    except TypeError:
        return fields


def _rebuild_sequence(original: Sequence[Any], items: list[Any]) -> Any:
    """A sequence of the original's type; a list where that type cannot be rebuilt."""
    try:
        if isinstance(original, MutableSequence):
            clone = copy.copy(original)
            for position, item in enumerate(items):
                clone[position] = item
            return clone
        return type(original)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _collate_numpy(batch: Any, collate_fn_map: CollateMap | None) -> Any:
    element = batch[0]
    if type(element).__name__ == "ndarray":
        if _TEXT_OR_OBJECT.search(element.dtype.str):
            raise TypeError(_ERROR.format(element.dtype))
        tensors = [_C.as_tensor(array) for array in batch]
        return collate(tensors, collate_fn_map=collate_fn_map)
    if element.dtype.kind not in "biufc":
        raise TypeError(_ERROR.format(type(element)))
    return _C.as_tensor(batch)


def collate_tensor_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Stack tensors of one shape: N x (...) -> (N, ...)."""
    out = _shared_output(batch) if get_worker_info() is not None else None
    return _C.stack(batch, 0) if out is None else _C.stack(batch, 0, out=out)


def _shared_output(batch: Any) -> _C.Tensor | None:
    """Shared memory for the stacked batch, where it pays and nothing forbids `out=`."""
    from ...multiprocessing import _transfer

    first = batch[0]
    plain = all(
        type(item) is _C.Tensor
        and item.dtype == first.dtype
        and item.shape == first.shape
        and item.device.type == "cpu"
        and not item.requires_grad
        for item in batch
    )
    return _transfer.shared_empty((len(batch), *first.shape), first.dtype) if plain else None


def collate_float_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Floats to a float64 tensor of shape (N,)."""
    return _C.tensor(batch, dtype=_C.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Integers to an int64 tensor, bools to a bool tensor, of shape (N,)."""
    return _C.tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Text and bytes stay as they are."""
    return batch


default_collate_fn_map: CollateMap = {
    _C.Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}
