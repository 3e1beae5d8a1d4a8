"""Handles that remove a hook, and the boundary that gives a module its backward hooks.

Layer: Python front end; the module room and the optimizers register hooks through these handles.
Invariant: a handle holds its hook table weakly, so that it never keeps a module alive, and
removing twice is harmless.
"""

from __future__ import annotations

import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from functools import cache
from typing import Any

import pyrite
from pyrite._C import Tensor

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]

_NO_INPUT_GRAD = (
    "Full backward hook is firing when gradients are computed with respect to module outputs "
    "since no inputs require gradients. See "
    "https://docs.pytorch.org/docs/main/generated/"
    "torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details."
)


class RemovableHandle:
    """Removes one hook from its table, at most once; usable as a context manager.

    Args:
        hooks_dict: the table, ordered, keyed by handle id.
        extra_dict: a table or a list of tables with further entries under the same id.
    """

    id: int
    next_id: int = 0

    def __init__(self, hooks_dict: Any, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks_dict)
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        extras = extra_dict if isinstance(extra_dict, list) else [extra_dict]
        self.extra_dict_ref = tuple(weakref.ref(extra) for extra in extras if extra is not None)

    def remove(self) -> None:
        """Take the hook out of its tables; does nothing when it is already gone."""
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            table = reference()
            if table is not None:
                table.pop(self.id, None)

    def __getstate__(self) -> tuple[Any, ...]:
        state = (self.hooks_dict_ref(), self.id)
        if not self.extra_dict_ref:
            return state
        return (*state, tuple(reference() for reference in self.extra_dict_ref))

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        def revive(table: Any) -> weakref.ref[Any]:
            return weakref.ref(OrderedDict() if table is None else table)

        self.hooks_dict_ref = revive(state[0])
        self.id = state[1]
        self.extra_dict_ref = tuple(map(revive, state[2])) if len(state) > 2 else ()
        RemovableHandle.next_id = max(RemovableHandle.next_id, self.id + 1)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self.remove()


def unserializable_hook(hook: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a tensor hook as one that saving may drop without a warning."""
    hook.__torch_unserializable__ = True  # type: ignore[attr-defined]
    return hook


def warn_if_has_hooks(tensor: Tensor) -> None:
    """Warn for each hook of `tensor` that saving drops."""
    hooks: MutableMapping[int, Any] = getattr(tensor, "_backward_hooks", None) or {}
    for hook in hooks.values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be serialized.  If this is expected, "
                "you can decorate the function with @torch.utils.hooks.unserializable_hook to "
                "suppress this warning",
                stacklevel=2,
            )


@cache
def _boundary() -> Any:
    """The identity Function whose node marks the edge of a module in the graph."""
    from pyrite.autograd import Function

    class BackwardHookFunction(Function):
        @staticmethod
        def forward(ctx: Any, *tensors: Tensor) -> tuple[Tensor, ...]:
            ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
            return tensors

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
            return grads

    return BackwardHookFunction


def _spread(positions: Sequence[int], values: Iterable[Any], size: int) -> tuple[Any, ...]:
    """Put `values` at `positions` of a tuple of Nones."""
    slots: list[Any] = [None] * size
    for position, value in zip(positions, values, strict=True):
        slots[position] = value
    return tuple(slots)


class BackwardHook:
    """One call of a module with full backward hooks.

    A boundary node before the module delivers the gradients of the inputs, one behind it those of
    the outputs; the user's hooks run when both are known.

    Args:
        module: passed to the hooks.
        user_hooks: called with (module, grad_input, grad_output), may replace grad_input.
        user_pre_hooks: called with (module, grad_output), may replace grad_output.
    """

    def __init__(
        self,
        module: Any,
        user_hooks: Sequence[Callable[..., Any]],
        user_pre_hooks: Sequence[Callable[..., Any]],
    ) -> None:
        self.module = module
        self.user_hooks = user_hooks
        self.user_pre_hooks = user_pre_hooks
        self.grad_outputs: Any = None
        self.n_inputs = -1
        self.n_outputs = -1
        self.input_positions: list[int] | None = None
        self.output_positions: list[int] | None = None

    def setup_input_hook(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return `args` with their tensors passed through the boundary before the module."""
        self.n_inputs = len(args)
        args, self.input_positions = self._cross(args, self._on_grad_input)
        return args

    def setup_output_hook(self, result: Any) -> Any:
        """Return the module's result with its tensors passed through the boundary behind it."""
        results = result if isinstance(result, tuple) else (result,)
        self.n_outputs = len(results)
        crossed, self.output_positions = self._cross(results, self._on_grad_output)
        return crossed if isinstance(result, tuple) else crossed[0]

    def _cross(
        self, values: tuple[Any, ...], hook: Callable[[Any, Any], Any]
    ) -> tuple[tuple[Any, ...], list[int] | None]:
        positions = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        if not (pyrite.is_grad_enabled() and any(values[i].requires_grad for i in positions)):
            return values, None
        crossed = _boundary().apply(*(values[i] for i in positions))
        node = next(t.grad_fn for t in crossed if t.grad_fn is not None)
        node.register_hook(hook)
        out = list(values)
        for position, tensor in zip(positions, crossed, strict=True):
            out[position] = tensor
        # A named tuple takes its fields one by one.
        rebuilt = tuple(out) if type(values) is tuple else type(values)(*out)
        return rebuilt, positions

    def _on_grad_output(self, _: Any, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        assert self.output_positions is not None
        current: Any = _spread(self.output_positions, grads, self.n_outputs)
        for hook in self.user_pre_hooks:
            replaced = hook(self.module, current)
            if replaced is None:
                continue
            if len(replaced) != len(current):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(replaced)}, but expected {len(current)}"
                )
            current = replaced
        if self.input_positions is None:
            self._without_grad_input(current)
        else:
            self.grad_outputs = current
        return tuple(current[i] for i in self.output_positions)

    def _without_grad_input(self, grad_outputs: Any) -> None:
        """Call the hooks at once: no gradient will reach the inputs."""
        warnings.warn(_NO_INPUT_GRAD, stacklevel=5)
        for hook in self.user_hooks:
            replaced = hook(self.module, (None,) * self.n_inputs, grad_outputs)
            if replaced is None:
                continue
            if not (isinstance(replaced, tuple) and all(grad is None for grad in replaced)):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )

    def _on_grad_input(self, grads: tuple[Any, ...], _: Any) -> tuple[Any, ...] | None:
        if self.grad_outputs is None:
            # The gradient reached the input around the output, as in a double backward.
            return None
        assert self.input_positions is not None
        current: Any = _spread(self.input_positions, grads, self.n_inputs)
        for hook in self.user_hooks:
            replaced = hook(self.module, current, self.grad_outputs)
            if replaced is None:
                continue
            if len(replaced) != len(current):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(replaced)}, but expected {len(current)}"
                )
            current = replaced
        self.grad_outputs = None
        return tuple(current[i] for i in self.input_positions)
