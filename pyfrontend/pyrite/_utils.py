"""Taking tensors apart for pickling, and putting them together again.

Layer: Python front end, on the core's storages. The `_rebuild_*` functions carry PyTorch's names
and signatures, since files name them; their arguments may come from untrusted files, and every
size, stride and offset is checked by the core.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from pyrite import _C
from pyrite._C import Tensor, UntypedStorage
from pyrite.storage import TypedStorage, has_storage_class


class TensorName:
    """Stands for the class Tensor in pickles: that class gives its module as `torch`."""


Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


def take_apart(tensor: Tensor, storage_argument: Callable[[UntypedStorage], Any]) -> Reduced:
    """Return the function and arguments that rebuild `tensor`.

    `storage_argument` gives what stands for the storage. It decides the form: a typed stand-in
    makes the arguments of `_rebuild_tensor_v2`; an untyped storage, or a dtype that no class of
    storages names, those of `_rebuild_tensor_v3`.
    """
    size, stride = tuple(tensor.size()), tuple(tensor.stride())
    if tensor.is_meta:
        rebuild: Callable[..., Any] = _rebuild_meta_tensor_no_storage
        args: tuple[Any, ...] = (tensor.dtype, size, stride, tensor.requires_grad)
    else:
        storage = storage_argument(tensor.untyped_storage())
        hooks: OrderedDict[int, Any] = OrderedDict()  # hooks are not pickled
        args = (storage, tensor.storage_offset(), size, stride, tensor.requires_grad, hooks)
        rebuild = _rebuild_tensor_v2
        if isinstance(storage, UntypedStorage) or not has_storage_class(tensor.dtype):
            rebuild, args = _rebuild_tensor_v3, (*args, tensor.dtype)
    state = tensor.__getstate__()
    kind: type = type(tensor)
    if kind is not Tensor:
        return _rebuild_from_type_v2, (rebuild, kind, args, state)
    if state:
        return _rebuild_from_type_v2, (rebuild, TensorName, args, state)
    return rebuild, args


def reduce_tensor(tensor: Tensor, protocol: object) -> Reduced:
    """Implement `Tensor.__reduce_ex__`: in-memory pickles carry the storage's bytes.

    As in PyTorch, each tensor carries its own: two tensors on one storage are apart afterwards.
    """
    return take_apart(tensor, lambda storage: storage)


def _over(
    storage: UntypedStorage | TypedStorage,
    dtype: _C.dtype,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
) -> Tensor:
    if isinstance(storage, TypedStorage):
        storage = storage.untyped()
    if storage.device.type == "meta":
        tensor = _C.empty_strided(tuple(size), tuple(stride), dtype=dtype, device="meta")
    else:
        tensor = _C._tensor_over(storage, dtype, storage_offset, tuple(size), tuple(stride))
    if requires_grad:
        tensor.requires_grad_(True)
    return tensor


def _rebuild_tensor(
    storage: TypedStorage, storage_offset: int, size: Sequence[int], stride: Sequence[int]
) -> Tensor:
    """Rebuild a tensor that takes no gradient."""
    return _over(storage, storage.dtype, storage_offset, size, stride, False)


def _rebuild_tensor_v2(
    storage: TypedStorage,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    """Rebuild a tensor on a typed storage."""
    _refuse_metadata(metadata)
    return _over(storage, storage.dtype, storage_offset, size, stride, requires_grad)


def _rebuild_tensor_v3(
    storage: UntypedStorage | TypedStorage,
    storage_offset: int,
    size: Sequence[int],
    stride: Sequence[int],
    requires_grad: bool,
    backward_hooks: Any,
    dtype: _C.dtype,
    metadata: Any = None,
) -> Tensor:
    """Rebuild a tensor on an untyped storage."""
    _refuse_metadata(metadata)
    return _over(storage, dtype, storage_offset, size, stride, requires_grad)


def _refuse_metadata(metadata: Any) -> None:
    if metadata:
        raise NotImplementedError(
            f"load: tensors with metadata {metadata!r} (conjugate or negative views) are not "
            "supported; save them with resolve_conj() or resolve_neg()"
        )


def _rebuild_meta_tensor_no_storage(
    dtype: _C.dtype, size: Sequence[int], stride: Sequence[int], requires_grad: bool
) -> Tensor:
    """Rebuild a tensor of the meta device."""
    tensor = _C.empty_strided(tuple(size), tuple(stride), dtype=dtype, device="meta")
    return tensor.requires_grad_(True) if requires_grad else tensor


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Any:
    """Rebuild a parameter on the storage of `data`."""
    from pyrite.nn.parameter import Parameter

    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any
) -> Any:
    """Rebuild a parameter with attributes."""
    return _set_state(_rebuild_parameter(data, requires_grad, backward_hooks), state)


def _rebuild_from_type_v2(
    func: Callable[..., Tensor], new_type: type, args: tuple[Any, ...], state: Any
) -> Tensor:
    """Rebuild a tensor of a subclass, or one with attributes.

    Raises:
        TypeError: `func` rebuilds no tensor or `new_type` is no tensor class.
    """
    if new_type is TensorName:
        new_type = Tensor
    if func not in _REBUILDERS or not (isinstance(new_type, type) and issubclass(new_type, Tensor)):
        raise TypeError(f"cannot rebuild a tensor of type {new_type!r} by {func!r}")
    tensor = func(*args)
    if type(tensor) is not new_type:
        tensor = tensor.as_subclass(new_type)
    return _set_state(tensor, state)


def _set_state(tensor: Tensor, state: Any) -> Tensor:
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in {**(attributes or {}), **(slots or {})}.items():
        setattr(tensor, name, value)
    return tensor


def _rebuild_sparse_tensor(layout: Any, data: tuple[Any, ...]) -> Tensor:
    """Put a sparse tensor together: its layout, then indices, values and size."""
    from pyrite.sparse.pickling import rebuild

    return rebuild(layout, data)


_REBUILDERS = (
    _rebuild_tensor,
    _rebuild_tensor_v2,
    _rebuild_tensor_v3,
    _rebuild_meta_tensor_no_storage,
    _rebuild_parameter,
    _rebuild_parameter_with_state,
    _rebuild_sparse_tensor,
)
