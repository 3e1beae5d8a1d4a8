"""Moves and casts of everything a module owns.

Layer: Python front end, part of `nn.Module`. Invariant: a parameter keeps its identity under every
conversion, so that optimizers go on holding it; only a change from or to the meta device makes
a new Parameter, as in PyTorch.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, Self

import pyrite
from pyrite import _C
from pyrite._C import Tensor
from pyrite.nn._traversal import Traversal
from pyrite.nn.parameter import Parameter

__all__ = ["Conversion", "parse_to"]

_COMPLEX_MODULE = (
    "Complex modules are a new feature under active development whose design may change, and some "
    "modules might not work as expected when using complex tensors as parameters or buffers. "
    "Please file an issue at "
    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml "
    "if a complex module does not work as expected."
)


def parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """Read the arguments of `to`: (device, dtype[, ...]), (dtype[, ...]) or (tensor[, ...]).

    Returns:
        device or None, dtype or None, non_blocking, memory_format or None.
    """
    values = dict(kwargs)
    memory_format = values.pop("memory_format", None)
    first = args[0] if args else None
    if isinstance(first, Tensor) or "tensor" in values:
        names: tuple[str, ...] = ("tensor", "non_blocking", "copy")
    elif isinstance(first, _C.dtype):
        names = ("dtype", "non_blocking", "copy")
    else:
        names = ("device", "dtype", "non_blocking", "copy")
    clash = len(args) > len(names) or any(name in values for name in names[: len(args)])
    values.update(zip(names, args, strict=False))
    if clash or not _well_typed(values, names):
        given = [type(value).__name__ for value in args]
        given += [f"{name}={type(value).__name__}" for name, value in kwargs.items()]
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({', '.join(given)}), "
            "but expected one of:\n"
            " * (torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, "
            "bool copy = False, *, torch.memory_format memory_format = None)\n"
            " * (torch.dtype dtype, bool non_blocking = False, bool copy = False, *, "
            "torch.memory_format memory_format = None)\n"
            " * (Tensor tensor, bool non_blocking = False, bool copy = False, *, "
            "torch.memory_format memory_format = None)\n"
        )
    if values.get("copy"):
        raise RuntimeError(".to() does not accept copy argument")
    like = values.get("tensor")
    device = values.get("device") if like is None else like.device
    dtype = values.get("dtype") if like is None else like.dtype
    if device is not None:
        device = _C.device(device)
    return device, dtype, bool(values.get("non_blocking", False)), memory_format


def _well_typed(values: dict[str, Any], names: tuple[str, ...]) -> bool:
    kinds: dict[str, tuple[Any, ...]] = {
        "device": (str, int, _C.device, type(None)),
        "dtype": (_C.dtype, type(None)),
        "tensor": (Tensor,),
        "non_blocking": (bool,),
        "copy": (bool,),
    }
    return all(
        name in names
        and isinstance(value, kinds[name])
        and not (name == "device" and isinstance(value, bool))
        for name, value in values.items()
    )


class Conversion(Traversal):
    """Conversions: every method returns the module itself, changed in place."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace every parameter, its gradient and every buffer by `fn` of it."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for name, parameter in self._parameters.items():
            if parameter is not None:
                self._parameters[name] = _convert_parameter(parameter, fn)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move and/or cast the parameters and buffers.

        Called as to(device=None, dtype=None, non_blocking=False), to(dtype, non_blocking=False),
        to(tensor, non_blocking=False) or to(memory_format=...). A dtype applies to floating point
        and complex tensors, a memory format to those of 4 or 5 dims.

        Raises:
            TypeError: the dtype is neither floating point nor complex.
            NotImplementedError: the values are on the meta device.
        """
        device, dtype, non_blocking, memory_format = parse_to(*args, **kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                    f"dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(_COMPLEX_MODULE, stacklevel=2)

        def convert(tensor: Tensor) -> Tensor:
            casts = tensor.is_floating_point() or tensor.is_complex()
            layout = memory_format if tensor.dim() in (4, 5) else None
            try:
                return tensor.to(
                    device, dtype if casts else None, non_blocking, memory_format=layout
                )
            except NotImplementedError as error:
                if str(error).startswith("Cannot copy out of meta tensor; no data!"):
                    raise NotImplementedError(
                        f"{error} Please use torch.nn.Module.to_empty() instead of "
                        "torch.nn.Module.to() when moving module from meta to a different device."
                    ) from None
                raise

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without copying the values, which are then unset.

        Args:
            device: where to.
            recurse: include the modules below.
        """
        return self._apply(lambda t: _C.empty_like(t, device=device), recurse=recurse)

    def type(self, dst_type: Any) -> Self:
        """Cast all parameters and buffers, integers too."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Cast floating point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self) -> Self:
        """Cast floating point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self) -> Self:
        """Cast floating point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self) -> Self:
        """Cast floating point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def cpu(self) -> Self:
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def cuda(self, device: Any = None) -> Self:
        """Move all parameters and buffers to a GPU, the current one by default."""
        return self._apply(lambda t: t.to("cuda" if device is None else device))

    def share_memory(self) -> Self:
        """Move all parameters and buffers to memory that other processes can map."""
        return self._apply(lambda t: t.share_memory_())


def _convert_parameter(parameter: Any, fn: Callable[[Tensor], Tensor]) -> Any:
    grad = parameter.grad
    with pyrite.no_grad():
        values = fn(parameter)
    converted = parameter
    if values is parameter:
        pass
    elif values.is_meta == parameter.is_meta:
        parameter.data = values
    else:
        converted = Parameter(values, parameter.requires_grad)
    if grad is not None:
        with pyrite.no_grad():
            new_grad = fn(grad)
        if new_grad.is_meta == grad.is_meta:
            if new_grad is not grad:
                grad.data = new_grad
            converted.grad = grad
        else:
            converted.grad = new_grad.requires_grad_(grad.requires_grad)
    return converted
