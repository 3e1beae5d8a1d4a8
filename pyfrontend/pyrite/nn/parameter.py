"""Tensors that a module owns: Parameter, Buffer and their forms of yet unknown shape.

Layer: Python front end, directly on the core's Tensor. Invariants: `Parameter(t)` shares the
storage of `t`; the data of a tensor subclass stays of that class and only carries a mark;
an uninitialized tensor becomes a plain Parameter or Buffer in place, keeping its identity.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from pyrite import _C
from pyrite._C import Tensor

__all__ = ["Buffer", "Parameter", "UninitializedBuffer", "UninitializedParameter", "is_lazy"]


class _MarkedMeta(type(Tensor)):  # type: ignore[misc]
    """Lets `isinstance` see the mark that stands for the class on tensor subclasses."""

    _mark: ClassVar[str]

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        # Only the class that declares the mark: a subclass of Parameter is a class of its own.
        mark = cls.__dict__.get("_mark")
        return (
            mark is not None
            and isinstance(instance, Tensor)
            and bool(getattr(instance, mark, False))
        )


def _mark(tensor: Any, **attributes: Any) -> Any:
    """Set the attributes that stand for a class."""
    for name, value in attributes.items():
        setattr(tensor, name, value)
    return tensor


class Parameter(Tensor, metaclass=_MarkedMeta):
    """A tensor that a module registers as one of its parameters when it is assigned.

    Args:
        data: the values, shared and not copied; an empty tensor by default.
        requires_grad: whether gradients are computed, also under `no_grad`.

    Example:
        >>> module = nn.Module()
        >>> module.scale = nn.Parameter(pyrite.ones(2))
        >>> list(module.parameters())
        [Parameter containing:
        tensor([1., 1.], requires_grad=True)]
    """

    _mark = "_is_param"
    __torch_function__: Any = _C._disabled_torch_function_impl

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Any:
        """Wrap `data`; a tensor subclass is detached and marked instead."""
        if data is None:
            data = _C.empty(0)
        if type(data) is Tensor or type(data) is Parameter:
            return Tensor._make_subclass(cls, data, requires_grad)
        marked = data.detach().requires_grad_(requires_grad)
        if type(marked) is not type(data):
            raise RuntimeError(
                f"Creating a Parameter from an instance of type {type(data).__name__} requires "
                "that detach() returns an instance of the same type, but return type "
                f"{type(marked).__name__} was found instead. To use the type as a Parameter, "
                "please correct the detach() semantics defined by its __torch_dispatch__() "
                "implementation."
            )
        return _mark(marked, _is_param=True)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            values = self.data.clone(memory_format=_C.preserve_format)
            memo[id(self)] = type(self)(values, self.requires_grad)
        return memo[id(self)]

    def __repr__(self) -> str:
        return "Parameter containing:\n" + str(super().__repr__())

    def __reduce_ex__(self, protocol: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        hooks: OrderedDict[int, Any] = OrderedDict()  # hooks are not pickled
        state = self.__getstate__()  # what a person added: attributes, slots
        if not state:
            return _rebuild_parameter, (self.data, self.requires_grad, hooks)
        return _rebuild_parameter_with_state, (self.data, self.requires_grad, hooks, state)


_C._add_plain_class(Parameter)


def _rebuild_parameter(data: Tensor, requires_grad: bool, backward_hooks: Any) -> Any:
    """Unpickle a parameter."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Tensor, requires_grad: bool, backward_hooks: Any, state: Any
) -> Any:
    """Unpickle a parameter with attributes."""
    parameter = Parameter(data, requires_grad)
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    for name, value in {**(attributes or {}), **(slots or {})}.items():
        setattr(parameter, name, value)
    return parameter


class Buffer(Tensor, metaclass=_MarkedMeta):
    """Marks a tensor so that a module registers it as a buffer when it is assigned.

    Args:
        data: the values, shared and not copied; an empty tensor by default.
        persistent: whether the buffer is part of the module's `state_dict`.
    """

    _mark = "_is_buffer"
    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Any:
        """Return a detached alias of `data` that carries the mark."""
        if data is None:
            data = _C.empty(0)
        alias = data.detach().requires_grad_(data.requires_grad)
        return _mark(alias, persistent=persistent, _is_buffer=True)


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet; only conversions and `materialize` work on it."""

    _allowed: ClassVar[frozenset[str]] = frozenset(
        "__hash__ size copy_ is_complex is_floating_point half float double char short int long "
        "cuda cpu to get_device _has_compatible_shallow_copy_type".split()
    )
    cls_to_become: ClassVar[Any]
    data: Any

    def materialize(self, shape: Sequence[int], device: Any = None, dtype: Any = None) -> None:
        """Become a plain tensor of `shape` with unset values, in place.

        Args:
            shape: the shape.
            device: the present device by default.
            dtype: the present dtype by default.
        """
        self.data = _C.empty(
            shape,
            device=self.data.device if device is None else device,
            dtype=self.data.dtype if dtype is None else dtype,
        )
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        """Not known before `materialize`: raises RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self) -> Any:
        """Not possible before `materialize`: raises RuntimeError."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.requires_grad,)  # type: ignore[attr-defined]

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Refuse every operation on values, which do not exist yet."""
        # A method-wrapper is the getter or setter of an attribute.
        if func.__name__ in cls._allowed or type(func).__name__ == "method-wrapper":
            return super().__torch_function__(func, types, args, kwargs or {})  # type: ignore[misc]
        raise ValueError(
            f"Attempted to use an uninitialized parameter in {func}. This error happens when you "
            "are using a `LazyModule` or explicitly manipulating "
            f"`torch.nn.parameter.{cls.__name__}` objects. When using LazyModules Call `forward` "
            "with a dummy batch to initialize the parameters before calling torch functions"
        )


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape the first forward call decides.

    Args:
        requires_grad: as for Parameter.
        device: where the values will be.
        dtype: their type.
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        """Make a parameter without elements."""
        data = _C.empty(0, device=device, dtype=dtype)
        return Tensor._make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            values = self.data
            memo[id(self)] = type(self)(self.requires_grad, values.device, values.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape the first forward call decides.

    Args:
        requires_grad: whether gradients are computed.
        device: where the values will be.
        dtype: their type.
        persistent: whether the buffer is part of the module's `state_dict`.
    """

    cls_to_become = Buffer

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> Any:
        """Make a buffer without elements."""
        data = _C.empty(0, device=device, dtype=dtype)
        buffer = Tensor._make_subclass(cls, data, requires_grad)
        return _mark(buffer, persistent=persistent, _is_buffer=True)


def is_lazy(param: object) -> bool:
    """Whether `param` still waits for its shape."""
    return isinstance(param, UninitializedTensorMixin)
