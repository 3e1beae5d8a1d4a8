"""Recurrent layers (L6): RNN, LSTM and GRU over sequences; cells are in recurrent_cell.py.

A layer hands its weights to one native call as a flat list: per layer and direction W_ih
`(gates * H, in)`, W_hh `(gates * H, out)`, then b_ih and b_hh `(gates * H)`, then W_hr `(P, H)`
where an LSTM projects. Gates come in the order (i, f, g, o) for LSTM and (r, z, n) for GRU. All
weights start from `U(-1 / sqrt(H), 1 / sqrt(H))`, drawn in that order.

Names in shape comments: L steps, N batch, H hidden size, P projection, D directions.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from numbers import Number
from typing import Any, ClassVar

from pyrite import _C
from pyrite._C import Tensor

from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
State = Any  # a Tensor, or (h, c) for LSTM


def _check_flag(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} should be of type bool, got: {type(value).__name__}")


def _check_extent(name: str, value: Any) -> None:
    if not isinstance(value, int):
        raise TypeError(f"{name} should be of type int, got: {type(value).__name__}")
    if value <= 0:
        raise ValueError(f"{name} must be greater than zero")


def _check_dropout(dropout: Any, num_layers: int) -> None:
    number = isinstance(dropout, Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an "
            "element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            stacklevel=4,
        )


class RNNBase(Module):
    """Weights, checks and the walk over a batch shared by RNN, LSTM and GRU.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input_size: features of a step.
        hidden_size: H.
        num_layers: layers, each over the output of the one before.
        bias: whether the cells have biases.
        batch_first: inputs are `(N, L, in)` instead of `(L, N, in)`.
        dropout: probability of dropout between layers while training.
        bidirectional: also run backwards and join both outputs.
        proj_size: P, size of the projected LSTM output, 0 for none.
        device: where the weights live.
        dtype: their type.

    Raises:
        TypeError: if a flag is no bool or a size no int.
        ValueError: if a number is out of range.
    """

    __constants__: ClassVar[list[str]] = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_dropout(dropout, num_layers)
        _check_flag("bias", bias)
        _check_flag("batch_first", batch_first)
        _check_extent("input_size", input_size)
        _check_extent("hidden_size", hidden_size)
        if num_layers <= 0:
            raise ValueError("num_layers must be greater than zero")
        if proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if proj_size >= hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if mode not in _GATES:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights = [
            self._make_cell(layer, suffix, device, dtype)
            for layer in range(num_layers)
            for suffix in ("", "_reverse")[: self._num_directions]
        ]
        self.reset_parameters()

    @property
    def _num_directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def _output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def _make_cell(self, layer: int, suffix: str, device: Any, dtype: Any) -> list[str]:
        """Register the weights of one layer and direction; return their names in native order."""
        below = self.input_size if layer == 0 else self._output_size * self._num_directions
        gates = _GATES[self.mode] * self.hidden_size
        shapes: dict[str, tuple[int, ...]] = {
            "weight_ih": (gates, below),
            "weight_hh": (gates, self._output_size),
        }
        if self.bias:
            shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
        if self.proj_size > 0:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for stem, shape in shapes.items():
            name = f"{stem}_l{layer}{suffix}"
            self.register_parameter(name, Parameter(_C.empty(shape, device=device, dtype=dtype)))
            names.append(name)
        return names

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """Weights of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Tensor]:
        """Weights in the order the native operators take them."""
        return [getattr(self, name) for names in self._all_weights for name in names]

    def reset_parameters(self) -> None:
        """Draw all weights within `1 / sqrt(hidden_size)`."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: the weights need no common block of memory here."""

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.proj_size != 0:
            parts.append(f"proj_size={self.proj_size}")
        if self.num_layers != 1:
            parts.append(f"num_layers={self.num_layers}")
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if self.batch_first is not False:
            parts.append(f"batch_first={self.batch_first}")
        if self.dropout != 0:
            parts.append(f"dropout={self.dropout}")
        if self.bidirectional is not False:
            parts.append(f"bidirectional={self.bidirectional}")
        return ", ".join(parts)

    # State: a Tensor (D * layers, N, H); LSTM overrides what follows for its pair.

    def _zero_state(self, input: Tensor, batch: int) -> State:
        layers = self.num_layers * self._num_directions
        return _C.zeros(layers, batch, self.hidden_size, dtype=input.dtype, device=input.device)

    def _map_state(self, function: Callable[[Tensor], Tensor], state: State) -> State:
        return function(state)

    def _check_state_rank(self, state: State, batched: bool) -> None:
        rank = 3 if batched else 2
        if state.dim() != rank:
            raise RuntimeError(
                f"For {'batched' if batched else 'unbatched'} {rank}-D input, "
                f"hx should also be {rank}-D but got {state.dim()}-D tensor"
            )

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise if the input's dtype, rank or feature size does not fit."""
        dtype = getattr(self, self._all_weights[0][0]).dtype
        if input.dtype != dtype and not _C.is_autocast_enabled(input.device.type):
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). "
                f"Convert input: input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        rank = 3 if batch_sizes is None else 2
        if input.dim() != rank:
            raise RuntimeError(f"input must have {rank} dimensions, got {input.dim()}")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """Shape of a hidden state for this input: `(D * layers, N, H or P)`."""
        layers = self.num_layers * self._num_directions
        return layers, self._batch_size(input, batch_sizes), self._output_size

    def _batch_size(self, input: Tensor, batch_sizes: Tensor | None) -> int:
        if batch_sizes is not None:
            return int(batch_sizes[0])
        return int(input.size(0 if self.batch_first else 1))

    def check_hidden_size(
        self,
        hx: Tensor,
        expected_hidden_size: tuple[int, int, int],
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:
        """Raise if a state has another shape than expected."""
        if tuple(hx.size()) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input: Tensor, hidden: State, batch_sizes: Tensor | None) -> None:
        """Raise if input or state do not fit the layer."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: State, permutation: Tensor | None) -> State:
        """Reorder the batch dimension of a state; None keeps it."""
        if permutation is None:
            return hx
        return self._map_state(lambda state: state.index_select(1, permutation), hx)

    def _run(
        self, input: Tensor, state: State, batch_sizes: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Check, then call the native layer on a padded or a packed batch."""
        self.check_forward_args(input, state, batch_sizes)
        settings = (self.bias, self.num_layers, self.dropout, self.training, self.bidirectional)
        function = getattr(_C, self.mode.lower())
        if batch_sizes is None:
            found = function(input, state, self._flat_weights, *settings, self.batch_first)
        else:
            found = function(input, batch_sizes, state, self._flat_weights, *settings)
        output, *states = found
        return output, states[0] if len(states) == 1 else tuple(states)

    def forward(
        self, input: Tensor | PackedSequence, hx: State | None = None
    ) -> tuple[Tensor | PackedSequence, State]:
        """Run all steps.

        Args:
            input: `(L, N, in)`, `(N, L, in)` if `batch_first`, `(L, in)`, or a PackedSequence.
            hx: first state `(D * layers, N, H)`, without N for unbatched input; zeros if None.

        Returns:
            The outputs of the last layer, `(L, N, D * H)` in the input's form, and the last state.
        """
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        return self._forward_padded(input, hx)

    def _forward_packed(self, input: PackedSequence, hx: State | None) -> tuple[Any, State]:
        data, batch_sizes, sorted_indices, unsorted_indices = input
        if hx is None:
            hx = self._zero_state(data, int(batch_sizes[0]))
        else:
            hx = self.permute_hidden(hx, sorted_indices)
        output, hidden = self._run(data, hx, batch_sizes)
        packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return packed, self.permute_hidden(hidden, unsorted_indices)

    def _forward_padded(self, input: Tensor, hx: State | None) -> tuple[Any, State]:
        if input.dim() not in (2, 3):
            word = " tensor" if self.mode.startswith("RNN") else ""
            raise ValueError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, "
                f"got {input.dim()}D{word} instead"
            )
        batched = input.dim() == 3
        batch_dim = 0 if self.batch_first else 1
        if hx is not None:
            self._check_state_rank(hx, batched)
        if not batched:
            input = input.unsqueeze(batch_dim)  # (L, in) -> (L, 1, in)
            hx = None if hx is None else self._map_state(lambda state: state.unsqueeze(1), hx)
        if hx is None:
            hx = self._zero_state(input, input.size(batch_dim))
        output, hidden = self._run(input, hx)
        if not batched:
            output = output.squeeze(batch_dim)
            hidden = self._map_state(lambda state: state.squeeze(1), hidden)
        return output, hidden


def _refuse_projection(kwargs: dict[str, Any]) -> None:
    if "proj_size" in kwargs:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """Elman layer: `h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`, or relu.

    Arguments as RNNBase's without mode and projection, with `nonlinearity` ("tanh" or "relu") as
    the fourth.

    Raises:
        ValueError: if the nonlinearity is unknown.
    """

    _modes: ClassVar[dict[str, str]] = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        if len(args) > 3:
            nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if nonlinearity not in self._modes:
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(self._modes[nonlinearity], *args, **kwargs)
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """Gated recurrent unit (Cho et al., 2014); arguments as RNNBase's without projection.

    `r, z = sigmoid(...)`, `n = tanh(W_in x + b_in + r * (W_hn h + b_hn))`,
    `h' = (1 - z) * n + z * h`.

    Example:
        >>> output, h = nn.GRU(5, 7)(pyrite.ones(11, 3, 5))  # (L, N, input_size)
        >>> output.shape, h.shape
        (pyrite.Size([11, 3, 7]), pyrite.Size([1, 3, 7]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs)
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997); arguments as RNNBase's.

    `i, f, o = sigmoid(...)`, `g = tanh(...)`, `c' = f * c + i * g`, `h' = o * tanh(c')`, then
    `h' = W_hr h'` with a projection. The state is the pair (h, c).

    Example:
        >>> lstm = nn.LSTM(input_size=5, hidden_size=7, num_layers=2, batch_first=True)
        >>> output, (h, c) = lstm(pyrite.ones(3, 11, 5))  # (N, L, input_size)
        >>> output.shape, h.shape
        (pyrite.Size([3, 11, 7]), pyrite.Size([2, 3, 7]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def _zero_state(self, input: Tensor, batch: int) -> State:
        layers = self.num_layers * self._num_directions
        sizes = (self._output_size, self.hidden_size)
        hidden, cell = (input.new_zeros(layers, batch, size) for size in sizes)
        return hidden, cell

    def _map_state(self, function: Callable[[Tensor], Tensor], state: State) -> State:
        return function(state[0]), function(state[1])

    def _check_state_rank(self, state: State, batched: bool) -> None:
        rank = 3 if batched else 2
        hidden, cell = state[0].dim(), state[1].dim()
        if hidden != rank or cell != rank:
            raise RuntimeError(
                f"For {'batched' if batched else 'unbatched'} {rank}-D input, hx and cx should "
                f"also be {rank}-D but got ({hidden}-D, {cell}-D) tensors"
            )

    def get_expected_cell_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """Shape of a cell state for this input: `(D * layers, N, H)`."""
        layers = self.num_layers * self._num_directions
        return layers, self._batch_size(input, batch_sizes), self.hidden_size

    def check_forward_args(self, input: Tensor, hidden: State, batch_sizes: Tensor | None) -> None:
        """Raise if input, hidden or cell state do not fit the layer."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0],
            self.get_expected_hidden_size(input, batch_sizes),
            "Expected hidden[0] size {}, got {}",
        )
        self.check_hidden_size(
            hidden[1],
            self.get_expected_cell_size(input, batch_sizes),
            "Expected hidden[1] size {}, got {}",
        )
