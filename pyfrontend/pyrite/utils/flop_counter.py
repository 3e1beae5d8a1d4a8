"""Floating-point operations of matrix products, convolutions and attention, by module.

Layer L6, over the mode that sees every op. Gradients are counted when a result's gradient arrives:
each input that wants one costs what the forward op cost. Ops whose products lie within the core
and have no formula here raise, so that no figure is too low.
Source: https://docs.pytorch.org/docs/stable/utils.html
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from pyrite import nn
from pyrite._C import Tensor
from pyrite.nn._hooks import register_module_forward_hook, register_module_forward_pre_hook
from pyrite.overrides import TorchFunctionMode

__all__ = ["FlopCounterMode"]

Formula = Callable[..., int]


def _matmul(a: Tensor, b: Tensor, result: Tensor) -> int:
    return 2 * result.numel() * a.shape[-1]


def _addmm(input: Tensor, a: Tensor, b: Tensor, result: Tensor) -> int:
    return 2 * result.numel() * a.shape[-1]


def _convolution(input: Tensor, weight: Tensor, result: Tensor) -> int:
    # Each output element sums over the weights of one output channel.
    return 2 * result.numel() * math.prod(weight.shape[1:])


def _transposed_convolution(input: Tensor, weight: Tensor, result: Tensor) -> int:
    # Each input element is spread by the weights of its channel.
    return 2 * input.numel() * math.prod(weight.shape[1:])


def _attention(query: Tensor, key: Tensor, value: Tensor, result: Tensor) -> int:
    scores = result.numel() // value.shape[-1] * key.shape[-2]
    return 2 * scores * (query.shape[-1] + value.shape[-1])


# For each op the number of leading tensors that take part, and the operations of the forward pass.
_FORMULAS: dict[str, tuple[int, Formula]] = {
    "addmm": (3, _addmm),
    "baddbmm": (3, _addmm),
    "bmm": (2, _matmul),
    "linear": (2, _matmul),
    "matmul": (2, _matmul),
    "__matmul__": (2, _matmul),
    "mm": (2, _matmul),
    "mv": (2, _matmul),
    "scaled_dot_product_attention": (3, _attention),
    **{f"conv{n}d": (2, _convolution) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": (2, _transposed_convolution) for n in (1, 2, 3)},
}
_NO_FORMULA = frozenset(
    """
    addbmm addmv addr bilinear cdist chain_matmul einsum gru gru_cell lstm lstm_cell
    __rmatmul__ rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell tensordot
    """.split()
)


class FlopCounterMode(TorchFunctionMode):
    """Counts floating-point operations while it is entered.

    Args:
        mods: inert, modules are noticed by themselves.
        depth: how many levels of modules `get_table` shows.
        display: print the table at the end.
        custom_mapping: for names of ops, functions of the op's arguments and its result (as `out`)
            that give its number of operations.

    Example:
        >>> from pyrite.utils.flop_counter import FlopCounterMode
        >>> with FlopCounterMode(display=False) as counter:
        ...     _ = nn.Linear(4, 3)(pyrite.ones(2, 4))
        >>> counter.get_total_flops()
        48
    """

    def __init__(
        self,
        mods: Any = None,
        depth: int = 2,
        display: bool = True,
        custom_mapping: dict[Any, Any] | None = None,
    ) -> None:
        self.depth = depth
        self.display = display
        self._custom = {getattr(op, "__name__", op): f for op, f in (custom_mapping or {}).items()}
        self._counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._names: dict[nn.Module, str] = {}
        self._entered: list[str] = []

    def __enter__(self) -> FlopCounterMode:
        self._counts.clear()
        self._hooks = [
            register_module_forward_pre_hook(self._enter_module),
            register_module_forward_hook(self._leave_module, always_call=True),
        ]
        super().__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        super().__exit__(*exc_info)
        for hook in self._hooks:
            hook.remove()
        self._entered.clear()
        if self.display:
            print(self.get_table(self.depth))

    def _enter_module(self, module: nn.Module, args: Any) -> None:
        if not self._entered:
            root = type(module).__name__
            for name, child in module.named_modules():
                self._names[child] = f"{root}.{name}" if name else root
        self._entered.append(self._names.get(module, type(module).__name__))

    def _leave_module(self, module: nn.Module, args: Any, output: Any) -> None:
        if self._entered:
            self._entered.pop()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Carry the call out and count it."""
        kwargs = kwargs or {}
        name = func.__name__
        if name == "multi_head_attention_forward":
            with _Parts(self):
                return func.__wrapped__(*args, **kwargs)
        result = func(*args, **kwargs)
        if name in self._custom:
            self._add(name, self._custom[name](*args, **kwargs, out=result))
        elif name in _FORMULAS:
            count, formula = _FORMULAS[name]
            operands = [*args, *kwargs.values()][:count]
            self._count(name, operands, formula(*operands, result), result)
        elif name in _NO_FORMULA:
            raise NotImplementedError(
                f"FlopCounterMode: {name} has no formula; give one in custom_mapping"
            )
        return result

    def _count(self, name: str, operands: list[Tensor], flops: int, result: Tensor) -> None:
        self._add(name, flops)
        if not result.requires_grad:
            return
        products = operands[1:] if len(operands) == 3 and name in ("addmm", "baddbmm") else operands
        wanted = sum(operand.requires_grad for operand in products)
        owners = list(self._entered)
        result.register_hook(lambda grad: self._add(f"{name}_backward", wanted * flops, owners))

    def _add(self, name: str, flops: int, owners: list[str] | None = None) -> None:
        for owner in {"Global", *(self._entered if owners is None else owners)}:
            self._counts[owner][name] += flops

    def get_total_flops(self) -> int:
        """All operations counted since the mode was entered."""
        return sum(self._counts["Global"].values()) if "Global" in self._counts else 0

    def get_flop_counts(self) -> dict[str, dict[str, int]]:
        """Operations by module ("Global" for all) and op; modules within one another both count."""
        return {owner: dict(counts) for owner, counts in self._counts.items()}

    def get_table(self, depth: int | None = None) -> str:
        """Lines of module, operations and share, to `depth` levels below the outermost module."""
        depth = self.depth if depth is None else depth
        total = self.get_total_flops()
        lines = [f"{'Module':<40} {'FLOP':>15} {'% Total':>8}"]
        for owner in sorted(self._counts, key=lambda owner: (owner != "Global", owner)):
            if owner.count(".") <= depth:
                flops = sum(self._counts[owner].values())
                share = flops / total if total else 0.0
                lines.append(f"{owner:<40} {flops:>15,} {share:>8.2%}")
        return "\n".join(lines)


class _Parts(TorchFunctionMode):
    """Shows a counter the ops that a function written in Python is made of."""

    def __init__(self, counter: FlopCounterMode) -> None:
        self._counter = counter

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return self._counter.__torch_function__(func, types, args, kwargs)
