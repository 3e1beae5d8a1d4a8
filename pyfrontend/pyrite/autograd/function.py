"""`Function`: ops whose forward and backward the user writes in Python.

A call records one node; the object given to the user's methods as `ctx` is that node (an instance
of a class `<Name>Backward` made with each subclass). Recording, aliasing rules and error checks are
native (`_C._FunctionNode`); this module holds the class protocol.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

from pyrite import _C
from pyrite._C import Tensor

__all__ = [
    "BackwardCFunction",
    "Function",
    "FunctionCtx",
    "InplaceFunction",
    "NestedIOFunction",
    "once_differentiable",
]


class FunctionCtx:
    """What `forward`, `setup_context` and `backward` may do with their `ctx`."""

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `backward`; they come back as `ctx.saved_tensors`."""
        self.to_save = tensors

    def save_for_forward(self, *tensors: Tensor | None) -> None:
        """Keep tensors for `jvp`."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Say which inputs were written in place; they must be returned as outputs."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Say which outputs never need a gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether absent output gradients reach `backward` as zeros (the default) or as None."""
        self.materialize_grads = value


class BackwardCFunction(_C._FunctionNode, FunctionCtx):
    """The node of a `Function` call; each `Function` subclass has its own class of nodes."""

    _forward_cls: type[Function]

    def apply(self, *args: Any) -> Any:
        """Run the user's `backward` (or `vjp`) on gradients of the outputs."""
        backward, vjp = self._forward_cls.backward, self._forward_cls.vjp
        if backward is not Function.backward and vjp is not Function.vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. "
                "You should only implement one of them."
            )
        return (backward if vjp is Function.vjp else vjp)(self, *args)


class FunctionMeta(type):
    """Gives every `Function` subclass its class of nodes."""

    _backward_cls: type[BackwardCFunction]

    def __init__(cls, name: str, bases: tuple[type, ...], attrs: dict[str, Any]) -> None:
        fields = {"_forward_cls": cls, "__module__": cls.__module__}
        cls._backward_cls = type(name + "Backward", (BackwardCFunction,), fields)
        super().__init__(name, bases, attrs)


class Function(metaclass=FunctionMeta):
    """Base of user-written ops: define `forward` and `backward` as static methods, call `apply`.

    Source: https://docs.pytorch.org/docs/stable/autograd.html#torch.autograd.Function

    Example:
        >>> class Cube(pyrite.autograd.Function):
        ...     @staticmethod
        ...     def forward(ctx, x):
        ...         ctx.save_for_backward(x)
        ...         return x**3
        ...
        ...     @staticmethod
        ...     def backward(ctx, grad):
        ...         (x,) = ctx.saved_tensors
        ...         return 3 * x**2 * grad
        >>> x = pyrite.tensor(2.0, requires_grad=True)
        >>> Cube.apply(x).backward()
        >>> x.grad
        tensor(12.)
    """

    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Functions are called through `apply`."""
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. "
            "Please use new-style autograd function with static forward method. "
            "(Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the outputs: `forward(ctx, *args)`, or `forward(*args)` with `setup_context`."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> Any:
        """Fill `ctx` after a `forward` that was not given it."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs, one for each argument of `forward`."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for "
            "your custom autograd.Function to use it with backward mode AD."
        )

    @staticmethod
    def vjp(ctx: Any, *grad_outputs: Any) -> Any:
        """Another name of `backward`."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for "
            "your custom autograd.Function to use it with backward mode AD."
        )

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Forward-mode derivative."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run `forward` on `args` and record the call."""
        setup = None if cls.setup_context is Function.setup_context else cls.setup_context
        if setup is not None:
            bound = inspect.signature(cls.forward).bind(*args, **kwargs)
            bound.apply_defaults()
            args, kwargs = bound.args, bound.kwargs
        return cls._backward_cls._record(cls.forward, setup, args, kwargs)


class InplaceFunction(Function):
    """A `Function` that may work in place (kept for old programs)."""


class NestedIOFunction(Function):
    """A `Function` over nested inputs: not available."""

    def __init_subclass__(cls) -> None:
        """Refuses subclasses."""
        raise NotImplementedError("autograd.function.NestedIOFunction: legacy nested Functions")


class _Twice(Function):
    """Identity on results that may not be differentiated again."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        return tuple(a.detach() if isinstance(a, Tensor) else a for a in args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> NoReturn:
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a `backward` whose own derivative is not defined: using it raises."""

    @functools.wraps(backward)
    def wrapper(ctx: Any, *args: Any) -> Any:
        recording = _C.is_grad_enabled()
        _C._set_grad_enabled(False)
        try:
            outputs = backward(ctx, *args)
        finally:
            _C._set_grad_enabled(recording)
        if not recording or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outputs
        listed = outputs if isinstance(outputs, tuple) else (outputs,)
        fakes = (
            o.detach().requires_grad_() if isinstance(o, Tensor) and o.is_floating_point() else o
            for o in listed
        )
        refused = _Twice.apply(*fakes)
        return refused if isinstance(outputs, tuple) else refused[0]

    return wrapper
