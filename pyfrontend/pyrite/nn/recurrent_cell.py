"""Recurrent cells (L6): one step of RNN, LSTM and GRU.

Gates come in the order (i, f, g, o) for LSTM and (r, z, n) for GRU, stacked in W_ih `(gates * H,
in)` and W_hh `(gates * H, H)`. Weights start from `U(-1 / sqrt(H), 1 / sqrt(H))`, drawn in the
order W_ih, W_hh, b_ih, b_hh.

Names in shape comments: N batch, H hidden size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

from pyrite import _C
from pyrite._C import Tensor

from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """Weights of one step: W_ih `(chunks * H, in)`, W_hh `(chunks * H, H)` and two biases."""

    __constants__: ClassVar[list[str]] = ["input_size", "hidden_size", "bias"]
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        kind = {"device": device, "dtype": dtype}
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(_C.empty((gates, input_size), **kind))
        self.weight_hh = Parameter(_C.empty((gates, hidden_size), **kind))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(_C.empty(gates, **kind)) if bias else None)
        self.reset_parameters()

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)

    def reset_parameters(self) -> None:
        """Draw all weights within `1 / sqrt(hidden_size)`."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _check_rank(self, what: str, value: Tensor) -> None:
        if value.dim() not in (1, 2):
            raise ValueError(
                f"{type(self).__name__}: Expected {what} to be 1D or 2D, got {value.dim()}D instead"
            )

    def _zeros(self, input: Tensor) -> Tensor:
        return _C.zeros(input.size(0), self.hidden_size, dtype=input.dtype, device=input.device)

    def _advance(self, function: Callable[..., Tensor], input: Tensor, hx: Tensor | None) -> Tensor:
        """One step of a cell whose state is one tensor."""
        self._check_rank("input", input)
        if hx is not None:
            self._check_rank("hidden", hx)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)  # (in) -> (1, in)
            hx = None if hx is None else hx.unsqueeze(0)
        hx = self._zeros(input) if hx is None else hx
        hidden = function(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return hidden if batched else hidden.squeeze(0)


class RNNCell(RNNCellBase):
    """One step of an Elman layer: `(N, in), (N, H) -> (N, H)`, or without N.

    Raises:
        RuntimeError: when called, if the nonlinearity is unknown.
    """

    __constants__: ClassVar[list[str]] = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity == "tanh":
            return self._advance(_C.rnn_tanh_cell, input, hx)
        if self.nonlinearity == "relu":
            return self._advance(_C.rnn_relu_cell, input, hx)
        raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")


class GRUCell(RNNCellBase):
    """One step of a GRU: `(N, in), (N, H) -> (N, H)`, or without N."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._advance(_C.gru_cell, input, hx)


class LSTMCell(RNNCellBase):
    """One step of an LSTM: `(N, in), ((N, H), (N, H)) -> ((N, H), (N, H))`, or without N."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device=device, dtype=dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        self._check_rank("input", input)
        if hx is not None:
            for index, value in enumerate(hx):
                self._check_rank(f"hx[{index}]", value)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)  # (in) -> (1, in)
            hx = None if hx is None else (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        if hx is None:
            zeros = self._zeros(input)
            hx = zeros, zeros
        hidden, cell = _C.lstm_cell(
            input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        )
        return (hidden, cell) if batched else (hidden.squeeze(0), cell.squeeze(0))
