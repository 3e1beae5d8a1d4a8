"""Trade time for memory: run a part of a model again in backward, keep no activations.

Layer L6, in two variants with one interface. Without reentry (recommended) the tensors that the
part saves are replaced by slots through `saved_tensors_hooks`; the first slot that backward opens
runs the part again and fills all that are still wanted. With reentry the part is one Function whose
backward runs it again and calls `backward` within. Both repeat random draws and autocast in the
second run.

Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, TypeAlias

from pyrite import _C, autograd, gpu
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import enable_grad, no_grad
from pyrite.autograd.graph import saved_tensors_hooks

from ._pytree import tree_leaves
from ._replay import Replay

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "checkpoint",
    "checkpoint_sequential",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_early_stop",
    "set_device_states",
]

Contexts: TypeAlias = tuple[AbstractContextManager[Any], AbstractContextManager[Any]]

_MODE_MISSING = (
    "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. Starting in "
    "PyTorch 2.9, calling checkpoint without use_reentrant will raise an exception. "
)
_MODE_MISSING_SEQUENTIAL = (
    "torch.utils.checkpoint.checkpoint_sequential: the use_reentrant parameter should be passed "
    "explicitly. In version 2.9 we will raise an exception if use_reentrant is not passed. "
)
_MODE_ADVICE = (
    "use_reentrant=False is recommended, but if you need to preserve the current default "
    "behavior, you can pass use_reentrant=True. Refer to docs for more details on the differences "
    "between the two variants."
)
_NOT_PLAIN_BACKWARD = (
    "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an "
    "`inputs` parameter to .backward(). To resolve this error, you can either set "
    "use_reentrant=False, or call .backward() without passing the `inputs` argument."
)


class CheckpointError(RuntimeError):
    """The second run of a function saved other tensors than the first."""


def noop_context_fn() -> Contexts:
    """Contexts for the first and the second run that do nothing."""
    return nullcontext(), nullcontext()


@contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Inert: it chooses whether PyTorch ends a second run at the last tensor it needs."""
    yield


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], Contexts] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call a function now without keeping what its backward needs, and again in backward.

    Args:
        function: run twice; it should give the same results both times.
        args: its arguments.
        use_reentrant: which variant; to be given. With True, at least one tensor among `args` must
            require grad, and only plain `backward()` works.
        context_fn: gives contexts for the first and the second run; without reentry only.
        determinism_check: "default" compares shapes, dtypes and devices of saved tensors, "none"
            compares nothing.
        debug: not available.
        early_stop: inert.
        preserve_rng_state: repeat random draws in the second run.
        kwargs: keyword arguments of `function`; without reentry only.

    Returns:
        What `function` returns.

    Example:
        >>> from pyrite.utils.checkpoint import checkpoint
        >>> block, x = nn.Linear(2, 2), pyrite.ones(1, 2)
        >>> checkpoint(block, x, use_reentrant=False).sum().backward()
        >>> block.bias.grad
        tensor([1., 1.])
    """
    if use_reentrant is None:
        warnings.warn(_MODE_MISSING + _MODE_ADVICE, stacklevel=2)
        use_reentrant = True
    if not use_reentrant:
        if debug:
            raise NotImplementedError(
                "checkpoint: debug=True is not available; it needs a trace of single operations"
            )
        frame = _Frame(function, args, kwargs, preserve_rng_state, context_fn, determinism_check)
        return frame.run()
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if context_fn is not noop_context_fn or debug:
        raise ValueError(
            "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
        )
    return CheckpointFunction.apply(function, preserve_rng_state, *args)


def checkpoint_sequential(
    functions: Any,
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Checkpoint a sequence of modules or functions in equal segments; the last one runs plainly.

    Args:
        functions: a Sequential, or a list of functions of one argument.
        segments: number of segments.
        input: of the first function.
        use_reentrant: which variant, see `checkpoint`.
        kwargs: `preserve_rng_state`.
    """
    if use_reentrant is None:
        warnings.warn(_MODE_MISSING_SEQUENTIAL + _MODE_ADVICE, stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    steps = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(steps) // segments
    split = size * (segments - 1)
    for start in range(0, split, size or 1):
        input = checkpoint(
            _chain(steps[start : start + size]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    return _chain(steps[split:])(input)


def get_device_states(*args: Any) -> tuple[list[int], list[Tensor]]:
    """The GPUs of the tensors among `args`, one entry a tensor, and their generators' states."""
    devices = [
        arg.get_device()
        for arg in tree_leaves(args)
        if isinstance(arg, Tensor) and arg.device.type not in ("cpu", "meta")
    ]
    return devices, [gpu.get_rng_state(index) for index in devices]


def set_device_states(
    devices: Iterable[int], states: Iterable[Tensor], *, device_type: str | None = None
) -> None:
    """Gives the GPUs' generators the states of `get_device_states`; `device_type` is inert."""
    for index, state in zip(devices, states, strict=False):
        gpu.set_rng_state(state, index)


def _chain(steps: Sequence[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


class _Slot:
    """Stands in the graph for a tensor that the function saved; holds it between runs and use."""

    __slots__ = ("__weakref__", "frame", "index", "value")

    def __init__(self, frame: _Frame, index: int) -> None:
        self.frame = frame
        self.index = index
        self.value: Tensor | None = None


class _SaveInputs(autograd.Function):
    """Saves tensors for backward: an outer checkpoint manages them, and versions are checked."""

    @staticmethod
    def forward(ctx: Any, marker: Tensor, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        return marker.new_empty((0,))

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        raise AssertionError("checkpoint: the node that holds the inputs takes no part in backward")


class _Frame:
    """One call of a checkpointed function without reentry.

    Slots are known weakly: one that nobody holds any more belongs to a freed part of the graph, and
    the second run drops its tensor.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        preserve_rng_state: bool,
        context_fn: Callable[[], Contexts],
        determinism_check: str,
    ) -> None:
        if determinism_check not in ("default", "none"):
            raise ValueError(
                "determinism_check should be one of ['default', 'none'], but got "
                f"{determinism_check}"
            )
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._preserve_rng_state = preserve_rng_state
        self._first, self._second = context_fn()
        self._checks_metadata = determinism_check == "default"
        self._slots: list[weakref.ref[_Slot]] = []
        self._metadata: list[dict[str, Any]] = []

    def run(self) -> Any:
        """The first run."""
        if not _C.is_grad_enabled():
            with self._first:
                return self._function(*self._args, **self._kwargs)
        function, args, kwargs = self._function, self._args, self._kwargs
        self._replay = Replay((*args, *kwargs.values()), self._preserve_rng_state)
        self._save_inputs()
        with saved_tensors_hooks(self._pack, _open), self._first:
            return function(*args, **kwargs)

    def _save_inputs(self) -> None:
        """Replace the tensors among the arguments by their positions in a saving node."""
        names = list(self._kwargs)
        values = [*self._args, *self._kwargs.values()]
        places = [i for i, value in enumerate(values) if isinstance(value, Tensor)]
        marker = _C.empty((0,), requires_grad=True)
        self._node = _SaveInputs.apply(marker, *(values[i] for i in places)).grad_fn
        others = [None if isinstance(value, Tensor) else value for value in values]
        self._args, self._kwargs = (), {}

        def inputs() -> tuple[list[Any], dict[str, Any]]:
            filled = list(others)
            for i, tensor in zip(places, self._node.saved_tensors, strict=True):
                filled[i] = tensor
            count = len(filled) - len(names)
            return filled[:count], dict(zip(names, filled[count:], strict=True))

        self._inputs = inputs

    def _pack(self, tensor: Tensor) -> _Slot:
        slot = _Slot(self, len(self._slots))
        self._slots.append(weakref.ref(slot))
        self._metadata.append(_describe(tensor))
        return slot

    def run_again(self) -> None:
        """The second run: fill the slots that are still held."""
        args, kwargs = self._inputs()
        count = 0

        def pack(tensor: Tensor) -> Tensor:
            nonlocal count
            value = tensor.detach() if tensor.requires_grad else tensor
            if count < len(self._slots):
                slot = self._slots[count]()
                if slot is not None:
                    self._check_metadata(count, value)
                    slot.value = value
            count += 1
            return value

        hooks = saved_tensors_hooks(pack, lambda value: value)
        with self._replay.restored(), enable_grad(), hooks, self._second:
            self._function(*args, **kwargs)
        if count != len(self._slots):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self._slots)}\n"
                f"Number of tensors saved during recomputation: {count}."
            )

    def _check_metadata(self, index: int, value: Tensor) -> None:
        first, second = self._metadata[index], _describe(value)
        if self._checks_metadata and first != second:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                "different metadata than during the forward pass.\n"
                f"tensor at position {index}:\n"
                f"saved metadata: {first}\n"
                f"recomputed metadata: {second}\n"
            )


def _describe(tensor: Tensor) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


def _open(slot: _Slot) -> Tensor:
    """Take the tensor out of a slot, after a second run if there is none in it."""
    if slot.value is None:
        slot.frame.run_again()
    value, slot.value = slot.value, None
    if value is None:
        raise CheckpointError(
            "torch.utils.checkpoint: the second run of the function did not save the tensor at "
            f"position {slot.index}."
        )
    return value


class CheckpointFunction(autograd.Function):
    """The reentrant variant: `apply(function, preserve_rng_state, *args)`."""

    @staticmethod
    def forward(ctx: Any, function: Any, preserve_rng_state: bool, *args: Any) -> Any:
        """Run the function without a graph."""
        tensors = [arg for arg in args if isinstance(arg, Tensor)]
        if not any(tensor.requires_grad for tensor in tensors):
            warnings.warn(
                "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
            )
        ctx.function = function
        ctx.replay = Replay(args, preserve_rng_state)
        ctx.others = [None if isinstance(arg, Tensor) else arg for arg in args]
        ctx.places = [i for i, arg in enumerate(args) if isinstance(arg, Tensor)]
        ctx.save_for_backward(*tensors)
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Run the function again with a graph, and backward through it."""
        if not _C._is_checkpoint_valid():
            raise RuntimeError(_NOT_PLAIN_BACKWARD)
        inputs = list(ctx.others)
        for i, tensor in zip(ctx.places, ctx.saved_tensors, strict=True):
            inputs[i] = tensor.detach().requires_grad_(tensor.requires_grad)
        with ctx.replay.restored(), enable_grad():
            outputs = ctx.function(*inputs)
        outputs = outputs if isinstance(outputs, tuple | list) else (outputs,)
        pairs = [
            (output, grad)
            for output, grad in zip(outputs, grads, strict=True)
            if isinstance(output, Tensor) and output.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        autograd.backward([output for output, _ in pairs], [grad for _, grad in pairs])
        found = (value.grad if isinstance(value, Tensor) else None for value in inputs)
        return (None, None, *found)
