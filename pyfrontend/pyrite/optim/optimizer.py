"""The optimizer protocol: parameter groups, per-parameter state, hooks, saving and loading.

Layer L6. An optimizer owns `param_groups` (dictionaries that hold tensors and hyper-parameters) and
`state` (tensor -> dictionary). Everything PyTorch documents for `torch.optim.Optimizer` lives here;
how the built-in optimizers walk their groups is in `grouped.py`, the layout of state dictionaries
in `_state_dict.py`. Invariant: every group holds every key of `defaults`, and no tensor is in two
groups.
"""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, TypeAlias

from pyrite._C import Tensor
from pyrite._typename import typename
from pyrite.utils.hooks import RemovableHandle

from . import _state_dict

__all__ = [
    "Optimizer",
    "ParamsT",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
    "required",
]

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
StateDict: TypeAlias = dict[str, Any]
Hook: TypeAlias = Callable[..., Any]

_global_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
_global_post_hooks: OrderedDict[int, Hook] = OrderedDict()

_HOOK_TABLES = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


class _Required:
    """Marks a hyper-parameter that has no default and must be given by each group."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _Required()


def _register(table: OrderedDict[int, Hook], hook: Hook, prepend: bool = False) -> RemovableHandle:
    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before the step of every optimizer."""
    return _register(_global_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after the step of every optimizer."""
    return _register(_global_post_hooks, hook)


class Optimizer:
    """Base of all optimizers.

    Args:
        params: tensors, `(name, tensor)` pairs, or group dictionaries with a `params` entry.
        defaults: hyper-parameters of a group that does not set them itself.

    Raises:
        TypeError: `params` is one tensor, or holds something that is no tensor.
        ValueError: no parameters, a non-leaf, a tensor in two groups, or names given for some only.
    """

    defaults: dict[str, Any]
    state: defaultdict[Any, Any]
    _opt_called = False
    param_groups: list[dict[str, Any]]

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hook_tables()
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {typename(params)}"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _patch_step_function(self) -> None:
        """Makes the class's `step` run the registered hooks, once a class.

        Optimizers around another one that do not call `__init__` have no hooks, unless they call
        this.
        """
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = Optimizer.profile_hook_step(cls.step)  # type: ignore[method-assign]

    def _make_hook_tables(self) -> None:
        for table in _HOOK_TABLES:
            self.__dict__.setdefault(table, OrderedDict())

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over a pickled or loaded state; hooks are not part of it and stay as they are."""
        self.__dict__.update(state)
        self._make_hook_tables()
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            options = (f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params")
            lines.append(f"Parameter Group {i}\n{''.join(options)}")
        return "\n".join(lines) + ")"

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters with its own hyper-parameters, for example to unfreeze a layer.

        Args:
            param_group: dictionary with `params` and any hyper-parameters that differ from the
                defaults; it is completed in place and kept.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        self._split_names(param_group)
        for param in param_group["params"]:
            self._check_param(param)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        self._check_against_groups(param_group)
        self.param_groups.append(param_group)

    @staticmethod
    def _split_names(group: dict[str, Any]) -> None:
        """Make `params` a list of tensors and `param_names` the list of their names, if given."""
        params = group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params = list(params)
        names = [param[0] for param in params if isinstance(param, tuple)]
        group["params"] = [param[1] if isinstance(param, tuple) else param for param in params]
        if names:
            if len(names) != len(params):
                raise ValueError(
                    "all optimizer params should be with/without names. "
                    "Some param names are missing"
                )
            group["param_names"] = names

    def _check_param(self, param: Any) -> None:
        if not isinstance(param, Tensor):
            raise TypeError(
                f"optimizer can only optimize Tensors, but one of the params is {typename(param)}"
            )
        if not (self.defaults.get("differentiable") or param.is_leaf or param.retains_grad):
            raise ValueError("can't optimize a non-leaf Tensor")

    def _check_against_groups(self, new: dict[str, Any]) -> None:
        members = set(new["params"])
        if len(members) != len(new["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=4,
            )
        named = "param_names" in new
        if any(("param_names" in group) != named for group in self.param_groups):
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{'with' if named else 'without'} names to the optimizer"
            )
        known = chain.from_iterable(group["params"] for group in self.param_groups)
        if not members.isdisjoint(known):
            raise ValueError("some parameters appear in more than one parameter group")

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters once.

        Args:
            closure: clears the gradients, computes the loss with its gradients and returns it.

        Returns:
            What `closure` returned, or None.
        """
        raise NotImplementedError

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros if not `set_to_none`."""
        for group in self.param_groups:
            for param in group["params"]:
                grad = param.grad
                if grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                    continue
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def state_dict(self) -> StateDict:
        """State and hyper-parameters with parameters replaced by their running number.

        Returns:
            `{"state": {number: {...}}, "param_groups": [{..., "params": [number, ...]}]}`. The
            tensors of the state are the optimizer's own, not copies.
        """
        for before in self._optimizer_state_dict_pre_hooks.values():
            before(self)
        state_dict = _state_dict.pack(self.state, self.param_groups)
        for after in self._optimizer_state_dict_post_hooks.values():
            result = after(self, state_dict)
            state_dict = state_dict if result is None else result
        return state_dict

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Replace state and hyper-parameters by those of `state_dict`.

        Parameters are matched by position. Floating-point state takes its parameter's dtype, all
        state its device; the step counters keep both.

        Raises:
            ValueError: the groups or their sizes differ.
        """
        state_dict = state_dict.copy()
        for before in self._optimizer_load_state_dict_pre_hooks.values():
            result = before(self, state_dict)
            state_dict = state_dict if result is None else result
        self.__setstate__(_state_dict.unpack(state_dict, self.param_groups))
        for after in self._optimizer_load_state_dict_post_hooks.values():
            after(self)

    @staticmethod
    def profile_hook_step(step: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a `step` method so that the registered hooks run around it.

        Applied by itself to the `step` of each class of which there is an optimizer. `_opt_called`
        tells schedulers that the optimizer has stepped.
        """

        @functools.wraps(step)
        def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
            self._opt_called = True
            pre, post = self._optimizer_step_pre_hooks, self._optimizer_step_post_hooks
            if not (pre or post or _global_pre_hooks or _global_post_hooks):
                return step(self, *args, **kwargs)
            all_args: tuple[Any, ...] = (self, *args)
            for before in [*_global_pre_hooks.values(), *pre.values()]:
                result = before(self, all_args, kwargs)
                if result is None:
                    continue
                if not (isinstance(result, tuple) and len(result) == 2):
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), "
                        f"but got {result}."
                    )
                all_args, kwargs = result
            out = step(*all_args, **kwargs)
            for after in [*post.values(), *_global_post_hooks.values()]:
                after(self, all_args, kwargs)
            return out

        hooked.hooked = True  # type: ignore[attr-defined]
        return hooked

    _optimizer_step_pre_hooks: OrderedDict[int, Hook]
    _optimizer_step_post_hooks: OrderedDict[int, Hook]
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Hook]
    _optimizer_state_dict_post_hooks: OrderedDict[int, Hook]
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Hook]
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Hook]

    def register_step_pre_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step.

        The hook may return a pair of new `(args, kwargs)`; `args[0]` is the optimizer.
        """
        return _register(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Hook) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return _register(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before `state_dict` collects."""
        return _register(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` on the result, which it may change or replace."""
        return _register(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before loading; it may return another dictionary."""
        return _register(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Hook, prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(optimizer)` after loading."""
        return _register(self._optimizer_load_state_dict_post_hooks, hook, prepend)
