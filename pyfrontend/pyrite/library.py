"""Operators that programs define: one name for a function, its gradient and its shape rule.

Layer L6. An operator is called as a function, by its object or as `pyrite.ops.namespace.name`. Its
function runs without recording; the registered formula is its gradient. On `meta` tensors the
registered shape rule runs instead.
Source: https://docs.pytorch.org/docs/stable/library.html
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from pyrite import autograd, ops
from pyrite._C import Tensor
from pyrite._doors import door_class, door_function
from pyrite.utils._pytree import tree_leaves

__all__ = [
    "CustomOpDef",
    "Library",
    "custom_op",
    "define",
    "impl",
    "opcheck",
    "register_autograd",
    "register_fake",
    "register_kernel",
    "triton_op",
]

_MISSING = "operators for single dispatch keys; see library.custom_op"

Library = door_class("library.Library", _MISSING)
define = door_function("library.define", _MISSING)
impl = door_function("library.impl", _MISSING)
opcheck = door_function("library.opcheck", "checks of operators")
triton_op = door_function("library.triton_op", "Triton compiler")

_FAKES: dict[str, Callable[..., Any]] = {}  # shape rules that came before their operators


class _Call(autograd.Function):
    """A call that gradients flow through."""

    @staticmethod
    def forward(ctx: Any, op: CustomOpDef, *args: Any) -> Any:
        output = op.compute(*args)
        ctx.op = op
        if op.setup_context is not None:
            op.setup_context(ctx=ctx, inputs=args, output=output)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if ctx.op.backward is None:
            raise RuntimeError(
                f"Trying to backward through {ctx.op.name}.default but no autograd formula was "
                "registered. Please use register_autograd to add one."
            )
        found = ctx.op.backward(ctx, *grads)
        return (None, *(found if isinstance(found, tuple | list) else (found,)))


class CustomOpDef:
    """An operator made by `custom_op`; called as the function it was made of."""

    def __init__(self, namespace: str, name: str, fn: Callable[..., Any]) -> None:
        self.name = f"{namespace}.{name}"
        self._signature = inspect.signature(fn)
        self._kernels: dict[str, Callable[..., Any]] = {}
        self._default = fn
        self._fake = _FAKES.pop(f"{namespace}::{name}", None)
        self.backward: Callable[..., Any] | None = None
        self.setup_context: Callable[..., Any] | None = None
        space = ops.namespace(namespace)
        setattr(space, name, self)

    def __repr__(self) -> str:
        return f"<CustomOpDef({self.name.replace('.', '::')})>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result for the arguments, which may be named."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return _Call.apply(self, *bound.args, *bound.kwargs.values())

    def compute(self, *args: Any) -> Any:
        """The result by the function for the device of the first tensor."""
        tensors = (leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor))
        device = next((tensor.device.type for tensor in tensors), "cpu")
        if device == "meta":
            if self._fake is None:
                raise NotImplementedError(
                    f"{self.name}: on meta tensors it needs a shape rule, see register_fake"
                )
            return self._fake(*args)
        return self._kernels.get(device, self._default)(*args)

    def register_fake(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """`fn` makes an empty result of the right shape from `meta` tensors; a decorator."""
        self._fake = fn
        return fn

    def register_kernel(
        self, device_types: str | Iterable[str], fn: Callable[..., Any] | None = None
    ) -> Any:
        """`fn` computes where the first tensor is on one of the devices; a decorator without it."""

        def register(fn: Callable[..., Any]) -> Callable[..., Any]:
            kinds = [device_types] if isinstance(device_types, str) else device_types
            self._kernels.update(dict.fromkeys(kinds, fn))
            return fn

        return register if fn is None else register(fn)

    def register_autograd(
        self, backward: Callable[..., Any], /, *, setup_context: Callable[..., Any] | None = None
    ) -> None:
        """How gradients flow.

        Args:
            backward: called with the context and the result's gradients; gives one gradient, or
                None, for each argument.
            setup_context: called as `setup_context(ctx, inputs, output)` to keep what `backward`
                needs.
        """
        self.backward = backward
        self.setup_context = setup_context


def custom_op(
    name: str,
    fn: Callable[..., Any] | None = None,
    /,
    *,
    mutates_args: str | Iterable[str],
    device_types: str | Iterable[str] | None = None,
    schema: str | None = None,
    tags: Any = None,
) -> Any:
    """Make a function an operator.

    Args:
        name: `"namespace::name"`.
        fn: the function; without it, the result is a decorator.
        mutates_args: inert: which arguments the function writes to, for compilers.
        device_types: the devices that the function is for, all by default.
        schema: inert: the types of arguments and results, for compilers.
        tags: inert.

    Raises:
        ValueError: the name has no namespace.

    Example:
        >>> @pyrite.library.custom_op("mine::double", mutates_args=())
        ... def double(x: pyrite.Tensor) -> pyrite.Tensor:
        ...     return 2 * x
        >>> pyrite.ops.mine.double(pyrite.ones(2))
        tensor([2., 2.])
    """
    namespace, separator, short = name.partition("::")
    if not separator:
        raise ValueError(f"custom_op: the name should be 'namespace::name'; got {name!r}")

    def define_op(fn: Callable[..., Any]) -> CustomOpDef:
        op = CustomOpDef(namespace, short, fn)
        if device_types is not None:
            op.register_kernel(device_types, fn)
        return op

    return define_op if fn is None else define_op(fn)


def _is_defined(name: str) -> bool:
    namespace, _, short = name.partition("::")
    return hasattr(ops.namespace(namespace), short)


def _found(op: str | CustomOpDef) -> CustomOpDef:
    if isinstance(op, CustomOpDef):
        return op
    if not _is_defined(op):
        raise RuntimeError(f"operator {op} does not exist")
    namespace, _, name = op.partition("::")
    found: CustomOpDef = getattr(ops.namespace(namespace), name)
    return found


def register_fake(op: str | CustomOpDef, func: Callable[..., Any] | None = None, /) -> Any:
    """`CustomOpDef.register_fake` of an operator given by name; a decorator without `func`.

    The rule of an operator that is not defined waits for it: packages register rules for operators
    of a library that `ops.load_library` has refused.
    """

    def register(fn: Callable[..., Any]) -> Callable[..., Any]:
        if isinstance(op, str) and not _is_defined(op):
            _FAKES[op] = fn
            return fn
        return _found(op).register_fake(fn)

    return register if func is None else register(func)


def register_kernel(
    op: str | CustomOpDef,
    device_types: str | Iterable[str],
    func: Callable[..., Any] | None = None,
    /,
) -> Any:
    """`CustomOpDef.register_kernel` of an operator given by name."""
    return _found(op).register_kernel(device_types, func)


def register_autograd(
    op: str | CustomOpDef,
    backward: Callable[..., Any],
    /,
    *,
    setup_context: Callable[..., Any] | None = None,
) -> None:
    """`CustomOpDef.register_autograd` of an operator given by name."""
    _found(op).register_autograd(backward, setup_context=setup_context)
