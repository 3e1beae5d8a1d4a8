"""Methods of `Tensor` about its memory: copies, storages, parts of complex numbers, element loops.

Layer: Python front end, put onto the native class at import; the core does the work. Copies keep
what is shared shared: views of one storage are views of one storage afterwards.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from pyrite import _C
from pyrite._C import Tensor, UntypedStorage
from pyrite._native import add_methods
from pyrite.storage import TypedStorage, storage_class

__all__: list[str] = []


def _deepcopy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    """Copy a leaf with its gradient and attributes; storages are copied once per `memo`.

    Raises:
        RuntimeError: the tensor is the result of a recorded op, or of a subclass whose `new_empty`
            gives plain tensors.
    """
    if id(self) in memo:
        known: Tensor = memo[id(self)]
        return known
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if type(self.new_empty([])) is not type(self):
        raise RuntimeError(
            "The default implementation of __deepcopy__() for non-wrapper subclasses only works "
            "for subclass types that implement new_empty() and for which that function returns "
            "another instance of the same subclass. You should either properly implement "
            "new_empty() for your subclass or override __deepcopy__() if it is intended behavior "
            "for new_empty() to return an instance of a different type."
        )
    made: Tensor = _with_storage_copied(self, memo)
    if type(self) is not Tensor:
        made = Tensor._make_subclass(type(self), made)
    made._bump_version()  # the copy counts as written, as PyTorch counts it
    if self.requires_grad:
        made.requires_grad_(True)
    memo[id(self)] = made
    if self.grad is not None:
        made.grad = copy.deepcopy(self.grad, memo)
    for name, value in getattr(self, "__dict__", {}).items():
        setattr(made, name, copy.deepcopy(value, memo))
    return made


def _setstate(self: Tensor, state: tuple[Any, ...]) -> None:
    """Take over what old pickles of tensors carry: a storage with geometry, or data and flags.

    Raises:
        RuntimeError: the tensor is the result of a recorded op.
    """
    if not self.is_leaf:
        raise RuntimeError("__setstate__ can be only called on leaf Tensors")
    if len(state) == 4:
        self.set_(*state)
        return
    if len(state) == 5:
        self.data = state[0]
        state = (state[3], state[4], state[2])
    self.requires_grad, _, _ = state  # hooks are not pickled


def _with_storage_copied(tensor: Tensor, memo: dict[int, Any]) -> Tensor:
    size, stride = tuple(tensor.size()), tuple(tensor.stride())
    if tensor.is_meta:
        return _C.empty_strided(size, stride, dtype=tensor.dtype, device="meta")
    storage = copy.deepcopy(tensor.untyped_storage(), memo)
    return _C._tensor_over(storage, tensor.dtype, tensor.storage_offset(), size, stride)


def _storage_deepcopy(self: UntypedStorage, memo: dict[int, Any]) -> UntypedStorage:
    copies = memo.setdefault("pyrite.storages", {})  # type: ignore[call-overload]
    if self._cdata not in copies:
        copies[self._cdata] = (self.clone(), self)  # the original stays, so its key stays its own
    made: UntypedStorage = copies[self._cdata][0]
    return made


def _storage(self: Tensor) -> TypedStorage:
    """The storage as elements of this dtype."""
    return storage_class(self.dtype)(wrap_storage=self.untyped_storage())


def _storage_type(self: Tensor) -> type[TypedStorage]:
    """The class of `storage()`."""
    return storage_class(self.dtype)


def _storage_share_memory(self: UntypedStorage) -> UntypedStorage:
    """Move the bytes to memory that child processes see; a GPU's and a meta storage stay."""
    if self.device.type == "cpu" and not self.is_shared():
        from pyrite.multiprocessing._shm import Segment

        segment = Segment(max(self.nbytes(), 1))
        self._move_to(segment.memory, segment)
    return self


def _share_memory(self: Tensor) -> Tensor:
    """Move the storage to memory that child processes see, for all tensors on it."""
    self.untyped_storage().share_memory_()
    return self


def _is_shared(self: Tensor) -> bool:
    """Whether other processes can see the memory."""
    return self.untyped_storage().is_shared()


def _is_pinned(self: Tensor, device: object = None) -> bool:
    """Whether the memory is page-locked; host memory never needs to be here. `device` is inert."""
    return False


def _cuda(
    self: Tensor,
    device: _C.device | str | int | None = None,
    non_blocking: bool = False,
    memory_format: _C.memory_format = _C.preserve_format,
) -> Tensor:
    """A copy on a GPU, the first one where `device` does not say; `non_blocking` is inert."""
    place = "cuda" if device is None else device
    return self.to(place, non_blocking=non_blocking, memory_format=memory_format)


def _pin_memory(self: Tensor, device: object = None) -> Tensor:
    """The tensor itself: copies to a device need no page-locked memory. `device` is inert."""
    return self


def _elements(self: Tensor, name: str, *others: Tensor) -> list[list[Any]]:
    if self.requires_grad:
        raise RuntimeError(
            f"Can't call {name}() on Variable that requires grad. "
            f"Use var.detach().{name}() instead."
        )
    if self.device.type != "cpu":
        raise TypeError(f"{name} is only implemented on CPU tensors")
    return [t.expand_as(self).reshape(-1).tolist() for t in (self, *others)]


def _store(self: Tensor, values: list[Any]) -> Tensor:
    return self.copy_(_C.tensor(values, dtype=self.dtype).reshape(self.shape))


def _apply(self: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace every element by what a Python function makes of it; slow, on the CPU only."""
    (elements,) = _elements(self, "apply_")
    return _store(self, [callable(x) for x in elements])


def _map(self: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace every element by what a Python function makes of it and one of `tensor`."""
    pairs = zip(*_elements(self, "map_", tensor), strict=True)
    return _store(self, [callable(a, b) for a, b in pairs])


def _map2(self: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace every element by what a Python function makes of it, one of `x` and one of `y`."""
    triples = zip(*_elements(self, "map2_", x, y), strict=True)
    return _store(self, [callable(a, b, c) for a, b, c in triples])


def _set_real(self: Tensor, value: Tensor) -> None:
    _C.real(self).copy_(value)


def _set_imag(self: Tensor, value: Tensor) -> None:
    _C.imag(self).copy_(value)


def _real(self: Tensor) -> Tensor:
    """The real part, over the same memory."""
    return _C.real(self)


def _imag(self: Tensor) -> Tensor:
    """The imaginary part, over the same memory."""
    return _C.imag(self)


def _get_device(self: Tensor) -> int:
    """The number of the device; -1 on the CPU."""
    index = self.device.index
    return -1 if self.device.type in ("cpu", "meta") or index is None else int(index)


_METHODS: dict[str, Any] = {
    "__deepcopy__": _deepcopy,
    "__setstate__": _setstate,
    "apply_": _apply,
    "get_device": _get_device,
    "imag": property(_imag, _set_imag),
    "is_pinned": _is_pinned,
    "is_shared": _is_shared,
    "map2_": _map2,
    "map_": _map,
    "cuda": _cuda,
    "pin_memory": _pin_memory,
    "real": property(_real, _set_real),
    "share_memory_": _share_memory,
    "storage": _storage,
    "storage_type": _storage_type,
}

add_methods(Tensor, _METHODS)
add_methods(
    UntypedStorage, {"__deepcopy__": _storage_deepcopy, "share_memory_": _storage_share_memory}
)
