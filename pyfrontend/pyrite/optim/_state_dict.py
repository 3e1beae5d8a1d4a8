"""Layout of an optimizer's state dictionary: tensors to numbers and back.

Layer L6, pure functions used by `optimizer.py`. Saved form, as PyTorch's: parameters are numbered
over all groups in order, each the first time it appears; state is keyed by these numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from pyrite import _C
from pyrite._C import Tensor

Group = dict[str, Any]


def pack(state: dict[Any, Any], groups: list[Group]) -> dict[str, Any]:
    """The saved form of `state` and `groups`; tensors are shared, dictionaries of groups copied."""
    numbers: dict[int, int] = {}
    packed_groups = []
    start = 0
    for group in groups:
        params = group["params"]
        for number, param in enumerate(params, start):
            numbers.setdefault(id(param), number)
        start += len(params)
        packed = {key: value for key, value in group.items() if key != "params"}
        packed["params"] = [numbers[id(param)] for param in params]
        packed_groups.append(packed)
    packed_state = {
        numbers[id(key)] if isinstance(key, Tensor) else key: value for key, value in state.items()
    }
    return {"state": packed_state, "param_groups": packed_groups}


def unpack(state_dict: dict[str, Any], groups: list[Group]) -> dict[str, Any]:
    """The `state` and `param_groups` attributes that `state_dict` stands for.

    Args:
        state_dict: saved form; not changed.
        groups: the loading optimizer's groups, which give the tensors.

    Raises:
        ValueError: the groups or their sizes differ.
    """
    saved_groups = deepcopy(state_dict["param_groups"])
    if len(groups) != len(saved_groups):
        raise ValueError("loaded state dict has a different number of parameter groups")
    if any(len(g["params"]) != len(s["params"]) for g, s in zip(groups, saved_groups, strict=True)):
        raise ValueError(
            "loaded state dict contains a parameter group that doesn't match the size of "
            "optimizer's group"
        )
    params = chain.from_iterable(group["params"] for group in groups)
    numbers = chain.from_iterable(group["params"] for group in saved_groups)
    by_number = dict(zip(numbers, params, strict=True))
    fused = {number for group in saved_groups if _on_device(group) for number in group["params"]}

    state: defaultdict[Any, Any] = defaultdict(dict)
    for key, value in state_dict["state"].items():
        if key in by_number:
            state[by_number[key]] = _fit(value, by_number[key], None, key in fused)
        else:
            state[key] = value
    for group, saved in zip(groups, saved_groups, strict=True):
        saved["params"] = group["params"]
        if "param_names" in group:
            saved.setdefault("param_names", group["param_names"])
    return {"state": state, "param_groups": saved_groups}


def _on_device(group: Group) -> bool:
    """Whether PyTorch keeps the step counters of this group beside the parameters."""
    return bool(group.get("fused") or group.get("capturable"))


def _fit(value: Any, param: Tensor, key: object, step_on_device: bool) -> Any:
    """Copy of nested state with tensors moved to the parameter's device and, if real, its dtype."""
    if isinstance(value, Tensor):
        if key == "step":
            if step_on_device:
                return value.to(dtype=_C.float32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: _fit(v, param, k, step_on_device) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        rebuild: Any = type(value)
        return rebuild(_fit(v, param, None, step_on_device) for v in value)
    return value
