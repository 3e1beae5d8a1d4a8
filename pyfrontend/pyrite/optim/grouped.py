"""The walk that the built-in optimizers share: groups -> lists of tensors -> one native call.

Layer L6. A step collects, for each group, the parameters that have a gradient with their gradients
and states, counts the step, and calls `_update`, which hands whole lists to one native of
`pyrite._C` (`rust/cpu/src/optim.rs`). No arithmetic on elements happens here. `foreach` and `fused`
choose between
implementations in PyTorch and are inert: every update is fused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import enable_grad, no_grad

from .optimizer import Optimizer

Group: TypeAlias = dict[str, Any]
State: TypeAlias = dict[str, Any]


def require(condition: object, message: str) -> None:
    """Raise ValueError(message) unless the condition holds."""
    if not condition:
        raise ValueError(message)


def check_lr(lr: float | Tensor, text: str = "Invalid learning rate: {}") -> None:
    """A learning rate is a number >= 0 or a tensor of one element."""
    require(not isinstance(lr, Tensor) or lr.numel() == 1, "Tensor lr must be 1-element")
    require(0.0 <= lr, text.format(lr))


def check_betas(betas: tuple[Any, Any]) -> None:
    """Decay rates of running averages lie in [0, 1)."""
    for i in (0, 1):
        require(0.0 <= betas[i] < 1.0, f"Invalid beta parameter at index {i}: {betas[i]}")


def check_moments(
    lr: float | Tensor, betas: tuple[Any, Any], eps: float, weight_decay: float
) -> None:
    """What Adam's kin ask of the settings they share."""
    check_lr(lr)
    require(eps >= 0.0, f"Invalid epsilon value: {eps}")
    check_betas(betas)
    require(weight_decay >= 0.0, f"Invalid weight_decay value: {weight_decay}")


def check_implementation(defaults: dict[str, Any]) -> None:
    """`fused` excludes PyTorch's other two ways to run a step."""
    if defaults.get("fused"):
        if defaults.get("differentiable"):
            raise RuntimeError("`fused` does not support `differentiable`")
        if defaults.get("foreach"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def to_float(value: float | Tensor) -> float:
    """A hyper-parameter as a Python number."""
    return value.item() if isinstance(value, Tensor) else value


def column(states: list[State], name: str) -> list[Tensor]:
    """The tensors that the states hold under `name`."""
    return [state[name] for state in states]


def new_counter(value: float = 0.0) -> Tensor:
    """A 0-d tensor on the CPU: float64 if that is the default dtype, else float32."""
    default = _C.get_default_dtype()
    return _C.tensor(value, dtype=_C.float64 if default == _C.float64 else _C.float32, device="cpu")


def zeros_like(tensor: Tensor) -> Tensor:
    """State beside a parameter: its shape, dtype, device and memory layout."""
    return _C.zeros_like(tensor, memory_format=_C.preserve_format)


def with_values(grad: Tensor, values: Tensor) -> Tensor:
    """A sparse gradient's places with other values."""
    made: Tensor = grad.with_values(values)  # type: ignore[attr-defined]
    return made


class GroupedOptimizer(Optimizer):
    """Base of the optimizers that treat the tensors of a group alike, with one native call a group.

    A subclass sets its defaults and defines `_init_state` (what a parameter starts with) and
    `_update`. Tensors named `step` in the state count the steps and are advanced here.
    """

    _sparse_hint = ""
    _sparse_support = False
    _complex_support = True

    def add_param_group(self, param_group: Group) -> None:
        """Add a group; see `Optimizer.add_param_group`.

        Raises:
            NotImplementedError: `differentiable` or `capturable` is set.
        """
        for option in ("differentiable", "capturable"):
            if isinstance(param_group, dict) and param_group.get(option, self.defaults.get(option)):
                raise NotImplementedError(
                    f"{type(self).__name__}: {option}=True is not available; updates are fused "
                    "calls that autograd and graph capture do not see"
                )
        super().add_param_group(param_group)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Complete groups and counters of states that older versions wrote."""
        super().__setstate__(state)
        for group in self.param_groups:
            for name, default in self.defaults.items():
                group.setdefault(name, default)
            for param in group["params"]:
                saved = self.state.get(param)
                if saved and "step" in saved and not isinstance(saved["step"], Tensor):
                    saved["step"] = new_counter(float(saved["step"]))

    @no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters that have a gradient.

        Args:
            closure: clears the gradients, computes the loss with its gradients and returns it.

        Returns:
            What `closure` returned, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            params, grads, states = self._collect(group)
            if any(grad.is_sparse for grad in grads):
                params, grads, states = self._without_sparse(group, params, grads, states)
            if params:
                if "step" in states[0]:
                    _C._foreach_add_(column(states, "step"), 1)
                self._update(group, params, grads, states)
        return loss

    def _collect(self, group: Group) -> tuple[list[Tensor], list[Tensor], list[State]]:
        params, grads, states = [], [], []
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            self._check_grad(param, grad)
            params.append(param)
            grads.append(grad)
            states.append(self._state_of(group, param, grad))
        return params, grads, states

    def _without_sparse(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> tuple[list[Tensor], list[Tensor], list[State]]:
        """Update the parameters with sparse gradients, one by one; return what is left."""
        for param, grad, state in zip(params, grads, states, strict=True):
            if grad.is_sparse:
                self._update_sparse(group, param, grad, state)
        left = [i for i, grad in enumerate(grads) if not grad.is_sparse]
        return [params[i] for i in left], [grads[i] for i in left], [states[i] for i in left]

    def _state_of(self, group: Group, param: Tensor, grad: Tensor) -> State:
        state: State = self.state[param]
        if not state:
            state.update(self._init_state(group, param, grad))
        return state

    def _check_grad(self, param: Tensor, grad: Tensor) -> None:
        name = type(self).__name__
        if not self._complex_support and param.is_complex():
            raise RuntimeError(f"{name} does not support complex parameters")
        if grad.is_sparse and not self._sparse_support:
            raise RuntimeError(f"{name} does not support sparse gradients{self._sparse_hint}")

    def _init_state(self, group: Group, param: Tensor, grad: Tensor) -> State:
        """State of a parameter before its first update."""
        raise NotImplementedError

    def _update(
        self, group: Group, params: list[Tensor], grads: list[Tensor], states: list[State]
    ) -> None:
        """One update of `params`; `states[i]` belongs to `params[i]`."""
        raise NotImplementedError

    def _update_sparse(self, group: Group, param: Tensor, grad: Tensor, state: State) -> None:
        """One update of a parameter with a sparse gradient, where these are supported."""
        raise NotImplementedError
