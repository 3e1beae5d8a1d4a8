"""L-BFGS: a quasi-Newton method for full batches.

Layer L6, composed of tensor operations on one flat vector of all gradients. State belongs to all
parameters at once; as in PyTorch it is kept under the first one: `d` and `t` are the last direction
and step length, `old_dirs`, `old_stps` and `ro` the history of gradient changes, moves and their
inverse products, `H_diag` the scale of the initial inverse Hessian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.grad_mode import enable_grad, no_grad

from .grouped import check_lr
from .line_search import Point, StrongWolfe
from .optimizer import Optimizer, ParamsT

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Limited-memory BFGS, with an optional strong Wolfe line search.

    Args:
        params: tensors or named tensors, one group at most, on one device.
        lr: step length, or first guess of the line search; a number or a tensor of one element.
        max_iter: iterations in a call of `step`.
        max_eval: evaluations of the closure in a call of `step`; 1.25 * max_iter if None.
        tolerance_grad: largest gradient element at which the search ends.
        tolerance_change: change of value or parameters at which the search ends.
        history_size: number of past moves that shape the direction.
        line_search_fn: "strong_wolfe" or None.

    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Tensor]:
        params: list[Tensor] = self.param_groups[0]["params"]
        return params

    @no_grad()
    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Search for a minimum with up to `max_iter` moves.

        Args:
            closure: clears the gradients, computes the loss with its gradients and returns it;
                called
                up to `max_eval` times.

        Returns:
            The loss before the first move.
        """
        group = self.param_groups[0]
        evaluate = enable_grad()(closure)
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first_loss = evaluate()
        state["func_evals"] += 1
        loss, grad = float(first_loss), self._flat_grad()
        evaluations = 1
        if grad.abs().max() <= group["tolerance_grad"]:
            return first_loss
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction, t = self._direction(group, state, grad)
            slope = grad.dot(direction)
            state.update(d=direction, t=t, prev_flat_grad=grad, prev_loss=loss)
            if slope > -group["tolerance_change"]:
                break
            here = Point(0, loss, grad, slope)
            is_last = iteration == group["max_iter"]
            there, spent = self._move(evaluate, here, is_last, group["max_eval"] - evaluations)
            loss, grad, state["t"] = there.value, there.grad, there.t
            evaluations += spent
            state["func_evals"] += spent
            if is_last or evaluations >= group["max_eval"] or self._has_converged(there):
                break
        return first_loss

    def _has_converged(self, point: Point) -> bool:
        """Whether the gradient is small at this point, or the move to it was."""
        group, state = self.param_groups[0], self.state[self._params[0]]
        tolerance = group["tolerance_change"]
        return bool(
            point.grad.abs().max() <= group["tolerance_grad"]
            or state["d"].mul(point.t).abs().max() <= tolerance
            or abs(point.value - state["prev_loss"]) < tolerance
        )

    @staticmethod
    def _direction(
        group: dict[str, Any], state: dict[str, Any], grad: Tensor
    ) -> tuple[Tensor, Any]:
        """Direction of the next move and the first guess of its length."""
        lr = group["lr"]
        lr = lr.detach().reshape(()).clone() if isinstance(lr, Tensor) else lr
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            inverse = 1.0 / grad.abs().sum()
            return grad.neg(), (inverse if inverse < 1.0 else 1.0) * lr
        _remember(state, grad, group["history_size"])
        state.setdefault("al", [None] * group["history_size"])
        return _apply_inverse_hessian(state, grad.neg()), lr

    def _move(
        self, evaluate: Callable[[], Any], here: Point, is_last: bool, budget: int
    ) -> tuple[Point, int]:
        """Move the parameters along the direction.

        Returns:
            The point reached and the number of evaluations. Without a line search the last point is
            not evaluated: it keeps the value and gradient of `here`.
        """
        group, state = self.param_groups[0], self.state[self._params[0]]
        direction, t = state["d"], state["t"]
        if group["line_search_fn"] is None:
            self._add(t, direction)
            if is_last:
                return here._replace(t=t), 0
            return Point(t, float(evaluate()), self._flat_grad(), None), 1
        if group["line_search_fn"] != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        origin = [param.clone(memory_format=_C.contiguous_format) for param in self._params]

        def probe(t: Any) -> tuple[float, Tensor]:
            self._add(t, direction)
            result = float(evaluate()), self._flat_grad()
            for param, value in zip(self._params, origin, strict=True):
                param.copy_(value)
            return result

        line = StrongWolfe(probe, direction, here, group["tolerance_change"], budget)
        there = line.search(t)
        self._add(there.t, direction)
        return there, line.evaluations

    def _flat_grad(self) -> Tensor:
        """All gradients as one new vector; complex ones as pairs of real numbers."""
        views = []
        for param in self._params:
            grad = _C.zeros_like(param) if param.grad is None else param.grad
            grad = grad.to_dense() if grad.is_sparse else grad
            views.append(_as_real(grad).reshape(-1))
        return _C.cat(views, 0)

    def _add(self, t: Any, direction: Tensor) -> None:
        """Add `t` times the flat direction to the parameters."""
        params = [_as_real(param) for param in self._params]
        pieces = direction.split([param.numel() for param in params])
        for param, piece in zip(params, pieces, strict=True):
            param.add_(piece.view_as(param), alpha=float(t))


def _as_real(tensor: Tensor) -> Tensor:
    return _C.view_as_real(tensor) if tensor.is_complex() else tensor


def _remember(state: dict[str, Any], grad: Tensor, history_size: int) -> None:
    """Add the last move to the history unless it has no positive curvature."""
    change = grad.sub(state["prev_flat_grad"])
    move = state["d"].mul(state["t"])
    product = change.dot(move)
    if not product > 1e-10:
        return
    if len(state["old_dirs"]) == history_size:
        for name in ("old_dirs", "old_stps", "ro"):
            state[name].pop(0)
    state["old_dirs"].append(change)
    state["old_stps"].append(move)
    state["ro"].append(1.0 / product)
    state["H_diag"] = product / change.dot(change)


def _apply_inverse_hessian(state: dict[str, Any], vector: Tensor) -> Tensor:
    """The two-loop recursion (Nocedal, 1980); overwrites `vector`."""
    history = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
    al = state["al"]
    for i, (change, move, ro) in reversed(list(enumerate(history))):
        al[i] = move.dot(vector) * ro
        vector.add_(change, alpha=-float(al[i]))
    result = vector.mul(state["H_diag"])
    for i, (change, move, ro) in enumerate(history):
        result.add_(move, alpha=float(al[i] - change.dot(result) * ro))
    return result
