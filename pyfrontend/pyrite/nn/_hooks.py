"""Hooks around a module's forward and backward, its own and those of all modules.

Layer: Python front end, part of `nn.Module`. Invariant: order of a hooked call is global before own
pre-hooks, boundary of the backward hooks, forward, global before own forward hooks, boundary,
and hooks with `always_call` run once even when something raised. A module without any hook never
comes here.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from pyrite._C import Tensor
from pyrite.nn._members import Members
from pyrite.nn._state_dict import _WrappedHook
from pyrite.utils.hooks import BackwardHook, RemovableHandle

__all__ = ["Hooks", "call_with_hooks"]

_Table = OrderedDict[int, Any]

_global_forward_pre_hooks: _Table = OrderedDict()
_global_forward_hooks: _Table = OrderedDict()
_global_forward_hooks_with_kwargs: _Table = OrderedDict()
_global_forward_hooks_always_called: _Table = OrderedDict()
_global_backward_pre_hooks: _Table = OrderedDict()
_global_backward_hooks: _Table = OrderedDict()
_global_is_full_backward_hook: bool | None = None

_NON_FULL = "Using a non-full backward hook when "
_NON_FULL_ON = "Using non-full backward hooks on a Module that does not "
_DEPRECATED = (
    " is deprecated and will be removed in future versions. This hook will be missing some "
)
_USE_FULL = "Please use register_full_backward_hook to get the documented behavior."


def _add(table: _Table, hook: Any, prepend: bool = False, marks: Any = None) -> RemovableHandle:
    """Put `hook` into `table`, and its id into each table of `marks`."""
    handle = RemovableHandle(table, extra_dict=marks)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    for mark in marks or ():
        mark[handle.id] = True
    return handle


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(module, args) before the forward of every module; a result replaces args."""
    return _add(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call hook(module, args, output) after the forward of every module.

    Args:
        hook: a result replaces the output.
        with_kwargs: call hook(module, args, kwargs, output).
        always_call: call it even when forward raised.
    """
    marks = []
    if with_kwargs:
        marks.append(_global_forward_hooks_with_kwargs)
    if always_call:
        marks.append(_global_forward_hooks_always_called)
    return _add(_global_forward_hooks, hook, marks=marks)


def register_module_full_backward_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(module, grad_output) before the backward of every module."""
    return _add(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call hook(module, grad_input, grad_output) in the backward of every module."""
    return _register_global_backward_hook(hook, full=True)


def register_module_backward_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Deprecated form that sees the gradients of the last operation in a module only."""
    return _register_global_backward_hook(hook, full=False)


def _register_global_backward_hook(hook: Callable[..., Any], full: bool) -> RemovableHandle:
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module "
            "hook. Please use only one of them."
        )
    _global_is_full_backward_hook = full
    return _add(_global_backward_hooks, hook)


class Hooks(Members):
    """Registration of a module's own hooks; every method returns a handle that removes it."""

    _backward_pre_hooks: _Table
    _backward_hooks: _Table
    _is_full_backward_hook: bool | None
    _forward_hooks: _Table
    _forward_hooks_with_kwargs: _Table
    _forward_hooks_always_called: _Table
    _forward_pre_hooks: _Table
    _forward_pre_hooks_with_kwargs: _Table

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args) before forward; a result replaces args.

        Args:
            hook: the function.
            prepend: call it before the hooks registered so far.
            with_kwargs: call hook(module, args, kwargs), whose result is (args, kwargs).
        """
        marks = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return _add(self._forward_pre_hooks, hook, prepend, marks)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call hook(module, args, output) after forward; a result replaces the output.

        Args:
            hook: the function.
            prepend: call it before the hooks registered so far.
            with_kwargs: call hook(module, args, kwargs, output).
            always_call: call it even when forward raised.
        """
        marks = []
        if with_kwargs:
            marks.append(self._forward_hooks_with_kwargs)
        if always_call:
            marks.append(self._forward_hooks_always_called)
        return _add(self._forward_hooks, hook, prepend, marks)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(module, grad_output) before the backward; a result replaces grad_output."""
        return _add(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(module, grad_input, grad_output) once the gradients of the inputs are known.

        Args:
            hook: a result replaces grad_input.
            prepend: call it before the hooks registered so far.
        """
        return self._register_backward_hook(hook, prepend, full=True)

    def register_backward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Deprecated form that sees the gradients of the module's last operation only."""
        return self._register_backward_hook(hook, prepend=False, full=False)

    def _register_backward_hook(
        self, hook: Callable[..., Any], prepend: bool, full: bool
    ) -> RemovableHandle:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a single "
                "Module. Please use only one of them."
            )
        self._is_full_backward_hook = full
        return _add(self._backward_hooks, hook, prepend)


def call_with_hooks(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call `module.forward` with all hooks around it."""
    call = _HookedCall(module, args, kwargs)
    try:
        return call.run()
    except Exception:
        call.run_always_called()
        raise


class _HookedCall:
    """One call of a module that has hooks."""

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.finished: set[int] = set()

    def run(self) -> Any:
        """The whole call."""
        module = self.module
        boundary, grad_fn_hooks = self._backward_hooks()
        self._run_pre_hooks()
        if boundary is not None:
            self.args = boundary.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self._run_forward_hooks()
        if boundary is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple "
                    f"of Tensors but received {type(self.result)}",
                    stacklevel=4,
                )
            self.result = boundary.setup_output_hook(self.result)
        if grad_fn_hooks:
            _hook_last_node(module, grad_fn_hooks, self.args, self.result)
        return self.result

    def _backward_hooks(self) -> tuple[BackwardHook | None, list[Any]]:
        """The boundary for the full backward hooks, and the hooks of the deprecated form."""
        module = self.module
        pre = [*_global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        full: list[Any] = []
        non_full: list[Any] = []
        for kind, table in (
            (_global_is_full_backward_hook, _global_backward_hooks),
            (module._is_full_backward_hook, module._backward_hooks),
        ):
            (full if kind else non_full).extend(table.values())
        return BackwardHook(module, full, pre) if full or pre else None, non_full

    def _run_pre_hooks(self) -> None:
        module = self.module
        hooks = [*_global_forward_pre_hooks.items(), *module._forward_pre_hooks.items()]
        for hook_id, hook in hooks:
            if hook_id in module._forward_pre_hooks_with_kwargs:
                replaced = hook(module, self.args, self.kwargs)
                if replaced is None:
                    continue
                if not (isinstance(replaced, tuple) and len(replaced) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {replaced}."
                    )
                self.args, self.kwargs = replaced
            else:
                replaced = hook(module, self.args)
                if replaced is not None:
                    self.args = replaced if isinstance(replaced, tuple) else (replaced,)

    def _run_forward_hooks(self) -> None:
        module = self.module
        for hook_id, hook in [*_global_forward_hooks.items(), *module._forward_hooks.items()]:
            self.finished.add(hook_id)
            self._run_forward_hook(hook_id, hook)

    def _run_forward_hook(self, hook_id: int, hook: Callable[..., Any]) -> None:
        module = self.module
        if (
            hook_id in module._forward_hooks_with_kwargs
            or hook_id in _global_forward_hooks_with_kwargs
        ):
            replaced = hook(module, self.args, self.kwargs, self.result)
        else:
            replaced = hook(module, self.args, self.result)
        if replaced is not None:
            self.result = replaced

    def run_always_called(self) -> None:
        """After an exception: the `always_call` hooks that have not run, their own errors muted."""
        module = self.module
        for owner, hooks, always in (
            ("global module", _global_forward_hooks, _global_forward_hooks_always_called),
            ("module", module._forward_hooks, module._forward_hooks_always_called),
        ):
            for hook_id, hook in list(hooks.items()):
                if hook_id not in always or hook_id in self.finished:
                    continue
                try:
                    self._run_forward_hook(hook_id, hook)
                except Exception as error:
                    warnings.warn(
                        f"{owner} forward hook with ``always_call=True`` raised an exception that "
                        f"was silenced as another error was raised in forward: {error}",
                        stacklevel=4,
                    )


def _hook_last_node(module: Any, hooks: list[Any], args: tuple[Any, ...], result: Any) -> None:
    """The deprecated backward hooks: on the node of the (first) output."""
    output = result
    while not isinstance(output, Tensor):
        if isinstance(output, dict):
            output = next(value for value in output.values() if isinstance(value, Tensor))
        else:
            output = output[0]
    grad_fn = output.grad_fn
    if grad_fn is None:
        return
    for hook in hooks:
        grad_fn.register_hook(_WrappedHook(hook, module))
    problem = _what_is_missed(args, result, grad_fn)
    if problem is not None:
        warnings.warn(problem, FutureWarning, stacklevel=5)


def _what_is_missed(args: Any, result: Any, grad_fn: Any) -> str | None:
    """Why a deprecated backward hook on `grad_fn` does not see all gradients of the module."""
    results = result if isinstance(result, tuple) else (result,)
    if not all(isinstance(value, Tensor) for value in results):
        single = "return a single Tensor or a tuple of Tensors"
        return f"{_NON_FULL_ON}{single}{_DEPRECATED}of the grad_output. {_USE_FULL}"
    if not all(isinstance(value, Tensor) for value in args):
        single = "take as input a single Tensor or a tuple of Tensors"
        return f"{_NON_FULL_ON}{single}{_DEPRECATED}of the grad_input. {_USE_FULL}"
    nodes = {value.grad_fn for value in results if value.grad_fn is not None}
    if len(nodes) > 1:
        outputs = "outputs are generated by different autograd Nodes"
        return f"{_NON_FULL}{outputs}{_DEPRECATED}grad_output. {_USE_FULL}"
    if grad_fn not in nodes:
        return f"{_NON_FULL}outputs are nested in python data structure{_DEPRECATED}grad_output."
    sources = {value.grad_fn for value in args if value.grad_fn is not None}
    if sources != {edge[0] for edge in grad_fn.next_functions}:
        forward = "the forward contains multiple autograd Nodes"
        return f"{_NON_FULL}{forward}{_DEPRECATED}grad_input. {_USE_FULL}"
    return None
