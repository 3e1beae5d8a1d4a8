"""Saving a module's tensors to a flat dictionary, and loading them back.

Layer: Python front end, part of `nn.Module`. Invariants: `state_dict` holds detached aliases, no
copies; loading copies in place unless `assign=True`, so that views and optimizers stay valid;
all disagreements between module and dictionary are collected and reported in one error.
"""

from __future__ import annotations

import functools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pyrite
from pyrite._C import Tensor
from pyrite.nn._traversal import Traversal
from pyrite.nn.parameter import Parameter, is_lazy
from pyrite.utils.hooks import RemovableHandle

__all__ = ["StateDict"]

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(NamedTuple):
    """The keys that module and dictionary do not share; says so in words when there are none."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        fields = f"missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r}"
        return f"{type(self).__name__}({fields})"


class _WrappedHook:
    """A hook that holds its module weakly, so that the module does not own itself."""

    def __init__(self, hook: Callable[..., Any], module: Any = None) -> None:
        self.hook = hook
        self.module = None if module is None else weakref.ref(module)
        functools.update_wrapper(self, hook)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.module is None:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"hook": self.hook, "with_module": self.module is not None}
        if self.module is not None:
            state["module"] = self.module()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.hook = state["hook"]
        self.module = None
        if state["with_module"]:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


class StateDict(Traversal):
    """`state_dict`, `load_state_dict` and their hooks."""

    _version: int = 1
    _state_dict_hooks: OrderedDict[int, Callable[..., Any]]
    _state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _load_state_dict_pre_hooks: OrderedDict[int, Callable[..., Any]]
    _load_state_dict_post_hooks: OrderedDict[int, Callable[..., Any]]

    def state_dict(
        self,
        *args: Any,
        destination: Any = None,
        prefix: str = "",
        keep_vars: bool = False,
    ) -> Any:
        """Return an ordered dictionary of all parameters and persistent buffers.

        Args:
            *args: destination, prefix and keep_vars by position; deprecated.
            destination: a dictionary to fill; a new one by default.
            prefix: put before every key.
            keep_vars: give the tensors themselves instead of detached aliases.
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html"
                "#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            options = dict(zip(("destination", "prefix", "keep_vars"), args, strict=False))
            destination = options.get("destination", destination)
            prefix = options.get("prefix", prefix)
            keep_vars = options.get("keep_vars", keep_vars)
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        for hook in self._state_dict_hooks.values():
            replaced = hook(self, destination, prefix, local_metadata)
            if getattr(hook, "_from_public_api", False):
                if replaced is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif replaced is not None:
                destination = replaced
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own tensors, not those below it, into `destination`."""
        for name, tensor in self._persistent_items():
            destination[prefix + name] = tensor if keep_vars else tensor.detach()
        if type(self).get_extra_state is not StateDict.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def _persistent_items(self) -> list[tuple[str, Any]]:
        items: list[tuple[str, Any]] = list(self._parameters.items())
        for name, buffer in self._buffers.items():
            if name not in self._non_persistent_buffers_set:
                items.append((name, buffer))
        return [(name, tensor) for name, tensor in items if tensor is not None]

    def get_extra_state(self) -> Any:
        """Return further picklable state to save; a class that has some overrides this."""
        raise RuntimeError(_never_called("get_extra_state"))

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned; overridden together with it."""
        raise RuntimeError(_never_called("set_extra_state"))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy parameters and buffers from a dictionary into this module and all below it.

        Args:
            state_dict: as `state_dict` returns it.
            strict: raise unless the keys agree exactly.
            assign: put the given tensors in place of the module's own instead of copying.

        Returns:
            The missing and the unexpected keys.

        Raises:
            TypeError: `state_dict` is no mapping.
            RuntimeError: keys, shapes or values do not fit; the text lists all of them.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        copied: Any = OrderedDict(state_dict)
        if metadata is not None:
            copied._metadata = metadata
        load = _Load(metadata or {}, strict, assign)
        load.into(self, copied, "")
        errors = load.report()
        if errors:
            listed = "\n\t".join(errors)
            owner = type(self).__name__
            raise RuntimeError(f"Error(s) in loading state_dict for {owner}:\n\t{listed}")
        return _IncompatibleKeys(load.missing_keys, load.unexpected_keys)

    def _load_from_state_dict(
        self,
        state_dict: dict[str, Any],
        prefix: str,
        local_metadata: dict[str, Any],
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own tensors; a class overrides this to read older dictionaries.

        Args:
            state_dict: the dictionary, which this method may change.
            prefix: this module's path with a dot behind it.
            local_metadata: what was saved about this module, `version` above all.
            strict: whether to collect missing and unexpected keys.
            missing_keys: takes keys that are not there.
            unexpected_keys: takes keys that belong to nothing.
            error_msgs: takes lines for the error `load_state_dict` raises.
        """
        for hook in self._load_state_dict_pre_hooks.values():
            hook(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        assign = local_metadata.get("assign_to_params_buffers", False)
        own = dict(self._persistent_items())
        for name, tensor in own.items():
            key = prefix + name
            if key in state_dict:
                error_msgs += self._load_tensor(name, key, tensor, state_dict[key], assign)
            elif strict:
                missing_keys.append(key)
        extra_key = prefix + _EXTRA_STATE_KEY_SUFFIX
        if type(self).set_extra_state is not StateDict.set_extra_state:
            if extra_key in state_dict:
                self.set_extra_state(state_dict[extra_key])
            elif strict:
                missing_keys.append(extra_key)
        elif strict and extra_key in state_dict:
            unexpected_keys.append(extra_key)
        if strict:
            for key in state_dict:
                if key.startswith(prefix) and key != extra_key:
                    name, dot, _ = key[len(prefix) :].partition(".")
                    if name not in (self._modules if dot else own):
                        unexpected_keys.append(key)

    def _load_tensor(self, name: str, key: str, tensor: Any, given: Any, assign: bool) -> list[str]:
        """Load one tensor; the result says what went wrong, in at most one line."""
        if not (isinstance(given, Tensor) or hasattr(given, "__torch_function__")):
            return [
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(given)}"
            ]
        if not is_lazy(tensor):
            if len(tensor.shape) == 0 and tuple(given.shape) == (1,):
                given = given[0]  # dictionaries from before 0-dim tensors
            if given.shape != tensor.shape:
                return [
                    f"size mismatch for {key}: copying a param with shape {given.shape} from "
                    f"checkpoint, the shape in current model is {tensor.shape}."
                ]
        if tensor.is_meta and not given.is_meta and not assign:
            warnings.warn(
                f"for {key}: copying from a non-meta parameter in the checkpoint to a meta "
                "parameter in the current model, which is a no-op. (Did you mean to pass "
                "`assign=True` to assign items in the state dictionary to their corresponding key "
                "in the module instead of copying them in place?)",
                stacklevel=2,
            )
        try:
            with pyrite.no_grad():
                if assign:
                    setattr(self, name, _as_kind_of(tensor, given))
                else:
                    tensor.copy_(given)
        except Exception as error:
            return [
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{tensor.size()} and whose dimensions in the checkpoint are {given.size()}, an "
                f"exception occurred : {error.args}."
            ]
        return []

    def _register_state_dict_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(module, state_dict, prefix, local_metadata); a result takes its place."""
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return _add(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(module, state_dict, prefix, local_metadata) after `state_dict`.

        The hook may change the dictionary but must return None.
        """
        hook._from_public_api = True  # type: ignore[attr-defined]
        return _add(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(module, prefix, keep_vars) before `state_dict` collects."""
        return _add(self._state_dict_pre_hooks, hook)

    def _register_load_state_dict_pre_hook(
        self, hook: Callable[..., Any], with_module: bool = False
    ) -> RemovableHandle:
        wrapped = _WrappedHook(hook, self if with_module else None)
        return _add(self._load_state_dict_pre_hooks, wrapped)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook` with this module and the arguments of `_load_from_state_dict` before it."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call hook(module, incompatible_keys) after loading; it may change the keys in place."""
        return _add(self._load_state_dict_post_hooks, hook)


class _Load:
    """One run of `load_state_dict` over a module tree."""

    def __init__(self, metadata: Mapping[str, Any], strict: bool, assign: bool) -> None:
        self.metadata = metadata
        self.strict = strict
        self.assign = assign
        self.missing_keys: list[str] = []
        self.unexpected_keys: list[str] = []
        self.error_msgs: list[str] = []

    def into(self, module: Any, state_dict: Any, prefix: str) -> None:
        """Load `module` and all below it from the keys that start with `prefix`."""
        local_metadata = dict(self.metadata.get(prefix[:-1], {}))
        if self.assign:
            local_metadata["assign_to_params_buffers"] = True
        module._load_from_state_dict(
            state_dict,
            prefix,
            local_metadata,
            True,
            self.missing_keys,
            self.unexpected_keys,
            self.error_msgs,
        )
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                part = {key: v for key, v in state_dict.items() if key.startswith(below)}
                self.into(child, part, below)
        incompatible = _IncompatibleKeys(self.missing_keys, self.unexpected_keys)
        for hook in module._load_state_dict_post_hooks.values():
            if hook(module, incompatible) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not expected "
                    "to return new values, if incompatible_keys need to be modified, it should be "
                    "done inplace."
                )

    def report(self) -> list[str]:
        """The lines of the error, none if all is well."""
        lines = []
        if self.strict:
            for kind, keys in (
                ("Missing", self.missing_keys),
                ("Unexpected", self.unexpected_keys),
            ):
                if keys:
                    quoted = ", ".join(f'"{key}"' for key in keys)
                    lines.append(f"{kind} key(s) in state_dict: {quoted}. ")
        return lines + self.error_msgs


def _as_kind_of(tensor: Any, given: Any) -> Any:
    """`given` as a parameter with the flags of `tensor`, if that is one."""
    if not isinstance(tensor, Parameter):
        return given
    if isinstance(given, Parameter):
        return given.requires_grad_(tensor.requires_grad)
    return Parameter(given, requires_grad=tensor.requires_grad)


def _add(table: OrderedDict[int, Any], hook: Callable[..., Any]) -> RemovableHandle:
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


def _never_called(method: str) -> str:
    return (
        f"Reached a code path in Module.{method}() that should never be called. Please file an "
        "issue at https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report "
        "this bug."
    )
