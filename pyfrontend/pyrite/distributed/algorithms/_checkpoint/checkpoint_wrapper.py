"""Modules that keep no activations: wrappers that compute them again, or put them aside.

Layer L6, over `utils.checkpoint` and `autograd.graph.save_on_cpu`. A wrapper is invisible in names:
`named_parameters` and state dicts say those of the module within.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from enum import Enum, auto
from typing import Any

from pyrite import nn
from pyrite.autograd.graph import save_on_cpu
from pyrite.utils.checkpoint import checkpoint

__all__ = [
    "ActivationWrapper",
    "CheckpointImpl",
    "CheckpointWrapper",
    "OffloadWrapper",
    "apply_activation_checkpointing",
    "checkpoint_wrapper",
    "offload_wrapper",
]

_PREFIX = "_checkpoint_wrapped_module."


class CheckpointImpl(Enum):
    """The variant of `utils.checkpoint.checkpoint`."""

    REENTRANT = auto()
    NO_REENTRANT = auto()


class ActivationWrapper(nn.Module):
    """The base of the wrappers; attributes and items are those of the module within."""

    def __init__(self, mod: nn.Module) -> None:
        super().__init__()
        self._checkpoint_wrapped_module = mod
        self._register_state_dict_hook(self._strip)
        self.register_load_state_dict_pre_hook(self._extend)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self._checkpoint_wrapped_module, name)

    def __getitem__(self, key: Any) -> Any:
        within: Any = self._checkpoint_wrapped_module
        return within[key]

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """The parameters with the names that they have without wrappers."""
        for name, parameter in super().named_parameters(*args, **kwargs):
            yield name.replace(_PREFIX, ""), parameter

    @staticmethod
    def _strip(module: nn.Module, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """After saving: the wrapper's part of the names goes."""
        _rename(state_dict, prefix + _PREFIX, prefix)

    @staticmethod
    def _extend(module: nn.Module, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Before loading: it comes back."""
        _rename(state_dict, prefix, prefix + _PREFIX)


def _rename(state_dict: dict[str, Any], old: str, new: str) -> None:
    for key in [key for key in state_dict if key.startswith(old)]:
        state_dict[new + key.removeprefix(old)] = state_dict.pop(key)


class CheckpointWrapper(ActivationWrapper):
    """A module whose activations are computed again in backward; see `checkpoint_wrapper`."""

    def __init__(
        self,
        mod: nn.Module,
        checkpoint_impl: CheckpointImpl = CheckpointImpl.NO_REENTRANT,
        checkpoint_fn: Callable[..., Any] | None = None,
        **checkpoint_fn_kwargs: Any,
    ) -> None:
        super().__init__(mod)
        self.checkpoint_impl = checkpoint_impl
        if checkpoint_fn is None:
            checkpoint_fn = checkpoint
            reentrant = checkpoint_impl is CheckpointImpl.REENTRANT
            checkpoint_fn_kwargs = {"use_reentrant": reentrant, **checkpoint_fn_kwargs}
        self.checkpoint_fn = functools.partial(checkpoint_fn, **checkpoint_fn_kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The result of the module within."""
        within = self._checkpoint_wrapped_module
        if self.checkpoint_impl is not CheckpointImpl.REENTRANT or not kwargs:
            return self.checkpoint_fn(within, *args, **kwargs)
        # That variant takes positional arguments only.
        names, count = list(kwargs), len(args)

        def unpacked(*values: Any) -> Any:
            named = dict(zip(names, values[count:], strict=True))
            return within(*values[:count], **named)

        return self.checkpoint_fn(unpacked, *args, *kwargs.values())


class OffloadWrapper(ActivationWrapper):
    """A module whose saved tensors wait on the CPU."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The result of the module within."""
        with save_on_cpu(pin_memory=True):
            return self._checkpoint_wrapped_module(*args, **kwargs)


def checkpoint_wrapper(
    module: nn.Module,
    checkpoint_impl: CheckpointImpl = CheckpointImpl.NO_REENTRANT,
    checkpoint_fn: Callable[..., Any] | None = None,
    **checkpoint_fn_kwargs: Any,
) -> nn.Module:
    """A module that computes as `module` does, and its activations again in backward.

    Args:
        module: the module within.
        checkpoint_impl: the variant.
        checkpoint_fn: called with the module and its arguments, `utils.checkpoint.checkpoint` by
            default.
        checkpoint_fn_kwargs: keyword arguments for `checkpoint_fn`.
    """
    return CheckpointWrapper(module, checkpoint_impl, checkpoint_fn, **checkpoint_fn_kwargs)


def offload_wrapper(module: nn.Module) -> nn.Module:
    """A module that computes as `module` does; what backward needs waits on the CPU."""
    return OffloadWrapper(module)


def apply_activation_checkpointing(
    model: nn.Module,
    checkpoint_wrapper_fn: Callable[[nn.Module], nn.Module] = checkpoint_wrapper,
    check_fn: Callable[[nn.Module], bool] = lambda _: True,
    auto_wrap_policy: Callable[..., bool] | None = None,
) -> None:
    """Wrap the modules below `model` that `check_fn` accepts, in place and inner ones first.

    Args:
        model: stays itself; its children are replaced.
        checkpoint_wrapper_fn: wraps a module.
        check_fn: whether to wrap a module.
        auto_wrap_policy: not available.

    Raises:
        NotImplementedError: a policy is given.
    """
    if auto_wrap_policy is not None:
        raise NotImplementedError(
            "apply_activation_checkpointing: auto_wrap_policy is not available; give check_fn"
        )
    for name, child in list(model.named_children()):
        apply_activation_checkpointing(child, checkpoint_wrapper_fn, check_fn)
        if check_fn(child):
            setattr(model, name, checkpoint_wrapper_fn(child))
