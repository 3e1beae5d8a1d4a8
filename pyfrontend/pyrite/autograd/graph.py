"""Looking into the graph: nodes and edges, hooks on several gradients, hooks on saved values."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, NamedTuple

from pyrite import _C
from pyrite._C import Node, Tensor
from pyrite._native import add_methods

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


def _register_hook(self: Node, hook: Callable[..., Any]) -> Any:
    """Call `hook(grad_inputs, grad_outputs)` after the node ran; it may replace `grad_inputs`."""
    from pyrite.autograd._handles import NativeHandle

    return NativeHandle(self._add_hook(hook))


def _register_prehook(self: Node, hook: Callable[..., Any]) -> Any:
    """Call `hook(grad_outputs)` before the node runs; it may replace them."""
    from pyrite.autograd._handles import NativeHandle

    return NativeHandle(self._add_prehook(hook))


add_methods(Node, {"register_hook": _register_hook, "register_prehook": _register_prehook})


class GradientEdge(NamedTuple):
    """Where the gradient of a tensor goes: a node, and which of its outputs the tensor is."""

    node: Node
    output_nr: int
    ownership_token: Node | None = None


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """The edge to the node of `tensor`, or to its accumulation if it is a leaf.

    Raises:
        RuntimeError: if the tensor does not require gradients.
    """
    edge = tensor._gradient_edge()
    if edge is None:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    return GradientEdge(*edge)


def increment_version(tensor: Tensor | Sequence[Tensor]) -> None:
    """Note a write to the memory of `tensor` that its ops did not see."""
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        one._bump_version()


class saved_tensors_hooks:
    """Pack what ops save inside by `pack_hook`; backward gets it back through `unpack_hook`.

    Source: https://docs.pytorch.org/docs/stable/autograd.html#saved-tensors-hooks
    """

    def __init__(
        self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]
    ) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        _C._push_saved_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _C._pop_saved_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Keep what ops save on the host until backward needs it.

    `pin_memory` and `device_type` are inert: host memory needs no pinning here.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        def pack(tensor: Tensor) -> tuple[Any, Tensor]:
            return tensor.device, tensor.cpu()

        def unpack(packed: tuple[Any, Tensor]) -> Tensor:
            device, tensor = packed
            return tensor.to(device)

        super().__init__(pack, unpack)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Make saved-tensor hooks raise `error_message` inside."""
    before = _C._forbid_saved_hooks(error_message)
    try:
        yield
    finally:
        _C._forbid_saved_hooks(before)


class _AllGradients:
    """Collects the gradients of several tensors in one backward pass, then calls the hook once."""

    def __init__(self, tensors: Sequence[Tensor], hook: Callable[..., None]) -> None:
        self.nodes = [get_gradient_edge(tensor).node for tensor in tensors]
        self.hook = hook
        self.lock = threading.Lock()
        self.awaited: dict[int, int] = {}
        self.grads: dict[int, list[Tensor | None]] = {}

    def seen(self, index: int, grad: Tensor) -> None:
        walk = _C._current_walk()
        with self.lock:
            if walk not in self.awaited:
                self.awaited[walk] = sum(node._will_run() for node in self.nodes)
                self.grads[walk] = [None] * len(self.nodes)
            self.awaited[walk] -= 1
            self.grads[walk][index] = grad
            if self.awaited[walk] > 0:
                return
            del self.awaited[walk]
            grads = self.grads.pop(walk)
        self.hook(grads)


def _first_gradient(hook: Callable[..., None]) -> Callable[[Tensor], None]:
    """A tensor hook that calls `hook` once in each backward pass, with whichever comes first."""
    lock = threading.Lock()
    done: set[int] = set()

    def first(grad: Tensor) -> None:
        walk = _C._current_walk()
        with lock:
            if walk in done:
                return
            done.clear()
            done.add(walk)
        hook(grad)

    return first


class _MultiHandle:
    """Removes the hooks on all tensors."""

    def __init__(self, handles: Sequence[Any]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __enter__(self) -> _MultiHandle:
        return self

    def __exit__(self, *_: Any) -> None:
        self.remove()


def register_multi_grad_hook(
    tensors: Sequence[Tensor],
    fn: Callable[..., None],
    *,
    mode: Literal["all", "any"] = "all",
) -> _MultiHandle:
    """Call `fn` once the gradients of all `tensors` are known, or the first one (`mode="any"`).

    With `"all"`, `fn` gets a list with None for the tensors that the backward pass does not reach.

    Raises:
        ValueError: for another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        first = _first_gradient(fn)
        return _MultiHandle([tensor.register_hook(first) for tensor in tensors])
    collector = _AllGradients(tensors, fn)

    def hook(index: int) -> Callable[[Tensor], None]:
        return lambda grad: collector.seen(index, grad)

    return _MultiHandle([tensor.register_hook(hook(i)) for i, tensor in enumerate(tensors)])
