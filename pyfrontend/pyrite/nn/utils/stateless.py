"""A module called with other tensors in place of its own.

Layer: Python front end, under `func.functional_call`. Invariant: the module's own tensors are back
when the call ends, also after an exception; what the call assigned to a replaced name is
written to the given dictionary.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from pyrite._C import Tensor

__all__ = ["functional_call"]


def _untied(module: Any, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Extend `given` to all names of a shared tensor that has a value under one of them.

    Raises:
        ValueError: a shared tensor got different values.
    """
    names_of: dict[int, list[str]] = {}
    for named in (module.named_parameters, module.named_buffers):
        for name, tensor in named(remove_duplicate=False):
            names_of.setdefault(id(tensor), []).append(name)
    extended = dict(given)
    for names in names_of.values():
        present = [name for name in names if name in given]
        if len(names) == 1 or not present:
            continue
        if len({id(given[name]) for name in present}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. "
                "Consider using tie_weights=False"
            )
        extended.update(dict.fromkeys(names, given[present[0]]))
    return extended


def _check_keys(module: Any, given: dict[str, Tensor]) -> None:
    valid = {
        name
        for named in (module.named_parameters, module.named_buffers)
        for name, _ in named(remove_duplicate=False)
    }
    problems = []
    for kind, keys in (
        ("Unexpected", sorted(given.keys() - valid)),
        ("Missing", sorted(valid - given.keys())),
    ):
        if keys:
            problems.append(f"{kind} key(s): {', '.join(map(repr, keys))}.")
    if problems:
        listed = "\n\t".join(problems)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{listed}")


_ABSENT = object()


def _swap(module: Any, path: str, value: Any) -> Any:
    """Put `value` at a dotted path, past the attribute rules, and return what was there."""
    prefix, _, name = path.rpartition(".")
    try:
        owner = module.get_submodule(prefix)
    except AttributeError as error:
        raise AttributeError(f"{module._get_name()} has no attribute `{prefix}`") from error
    for table in (owner._parameters, owner._buffers):
        if name in table:
            old, table[name] = table[name], value
            return old
    if not hasattr(owner, name):
        if value is not _ABSENT:
            setattr(owner, name, value)
        return _ABSENT
    old = getattr(owner, name)
    if not isinstance(old, Tensor):
        raise TypeError(f"{old} is not an instance of torch.Tensor")
    if value is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, value)
    return old


@contextlib.contextmanager
def _reparametrize_module(
    module: Any, given: dict[str, Tensor], tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    """Replace the tensors of `module` by those of `given` within the context."""
    replacing = _untied(module, given) if tie_weights else given
    if strict:
        _check_keys(module, replacing)
    originals: dict[str, Any] = {}
    try:
        for path, value in replacing.items():
            originals[path] = _swap(module, path, value)
        yield
    finally:
        for path, original in originals.items():
            final = _swap(module, path, original)
            if path in given and final is not _ABSENT:
                given[path] = final


def _functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _reparametrize_module(module, parameters_and_buffers, tie_weights, strict):
        return module(*args, **(kwargs or {}))


def functional_call(
    module: Any,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Deprecated place of `func.functional_call`, for one dictionary."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )
