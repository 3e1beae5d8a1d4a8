"""Transformer layers (L6) after Vaswani et al., Attention Is All You Need, 2017.

Inputs are `(S, N, E)` (source) and `(T, N, E)` (target), `(N, S, E)` and `(N, T, E)` with
`batch_first`, or without N. Masks mark what is left out (True or -inf): `*_mask` pairs of
positions, `(T, S)` or `(N * heads, T, S)`; `*_key_padding_mask` positions, `(N, S)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from pyrite._C import Tensor

from . import functional as F
from .activation import GELU, ReLU
from .dropout import Dropout
from .linear import Linear
from .module import Module
from .multihead_attention import MultiheadAttention
from .norm import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation = str | Callable[[Tensor], Tensor]


def canonical_masks(
    mask: Tensor | None, mask_name: str, padding: Tensor | None, padding_name: str, like: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Turn both masks into numbers to add, of the dtype of `like`."""
    padding = F._canonical_mask(
        padding, padding_name, F._none_or_dtype(mask), mask_name, like.dtype
    )
    return F._canonical_mask(mask, mask_name, None, "", like.dtype, False), padding


def _get_activation_fn(activation: Activation) -> Callable[[Tensor], Tensor]:
    if not isinstance(activation, str):
        return activation
    if activation == "relu":
        return F.relu
    if activation == "gelu":
        return F.gelu
    raise RuntimeError(f"activation should be relu/gelu, not {activation}")


class _Layer(Module):
    """Self-attention and feed-forward block of encoder and decoder layers."""

    __constants__: ClassVar[list[str]] = ["norm_first"]

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int,
        dropout: float,
        activation: Activation,
        layer_norm_eps: float,
        batch_first: bool,
        norm_first: bool,
        bias: bool,
        kind: dict[str, Any],
        attends_memory: bool,
    ) -> None:
        super().__init__()
        attentions = ("self_attn", "multihead_attn") if attends_memory else ("self_attn",)
        for name in attentions:
            attention = MultiheadAttention(
                d_model, nhead, dropout=dropout, bias=bias, batch_first=batch_first, **kind
            )
            setattr(self, name, attention)
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **kind)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **kind)
        self.norm_first = norm_first
        blocks = range(1, len(attentions) + 2)
        for block in blocks:
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **kind)
            setattr(self, f"norm{block}", norm)
        for block in blocks:
            setattr(self, f"dropout{block}", Dropout(dropout))
        self.activation = _get_activation_fn(activation)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("activation", F.relu)
        super().__setstate__(state)

    def _sa_block(
        self,
        x: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        """Self-attention, `(T, N, E) -> (T, N, E)`."""
        attended, _ = self.self_attn(
            x,
            x,
            x,
            attn_mask=attn_mask,
            key_padding_mask=key_padding_mask,
            need_weights=False,
            is_causal=is_causal,
        )
        kept: Tensor = self.dropout1(attended)
        return kept

    def _feed_forward(self, x: Tensor) -> Tensor:
        """`(T, N, E) -> (T, N, F) -> (T, N, E)`."""
        out: Tensor = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return out


class TransformerEncoderLayer(_Layer):
    """Self-attention and a feed-forward network, each with residual and LayerNorm.

    Args:
        d_model: E.
        nhead: attention heads.
        dim_feedforward: width of the feed-forward network.
        dropout: probability of dropout.
        activation: "relu", "gelu" or a function.
        layer_norm_eps: eps of the norms.
        batch_first: inputs are `(N, S, E)`.
        norm_first: normalise before each block instead of after.
        bias: whether linear layers and norms have biases.
        device: where the parameters live.
        dtype: their type.

    Example:
        >>> layer = nn.TransformerEncoderLayer(d_model=8, nhead=2, batch_first=True)
        >>> mask = nn.Transformer.generate_square_subsequent_mask(5)
        >>> layer(pyrite.ones(3, 5, 8), src_mask=mask, is_causal=True).shape
        pyrite.Size([3, 5, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            {"device": device, "dtype": dtype},
            attends_memory=False,
        )

    @property
    def activation_relu_or_gelu(self) -> int:
        """1 for relu, 2 for gelu, 0 for another function."""
        if self.activation is F.relu or isinstance(self.activation, ReLU):
            return 1
        return 2 if self.activation is F.gelu or isinstance(self.activation, GELU) else 0

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Encode `(S, N, E) -> (S, N, E)`; `is_causal` says that `src_mask` is causal."""
        mask, padding = canonical_masks(
            src_mask, "src_mask", src_key_padding_mask, "src_key_padding_mask", src
        )
        x = src
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), mask, padding, is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + self._sa_block(x, mask, padding, is_causal))
        out: Tensor = self.norm2(x + self._ff_block(x))
        return out

    def _ff_block(self, x: Tensor) -> Tensor:
        kept: Tensor = self.dropout2(self._feed_forward(x))
        return kept


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output and a feed-forward network.

    Arguments as TransformerEncoderLayer's.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            layer_norm_eps,
            batch_first,
            norm_first,
            bias,
            {"device": device, "dtype": dtype},
            attends_memory=True,
        )

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Decode `(T, N, E)` given the encoder's output `(S, N, E)`; `-> (T, N, E)`."""
        own = (tgt_mask, tgt_key_padding_mask, tgt_is_causal)
        other = (memory_mask, memory_key_padding_mask, memory_is_causal)
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *own)
            x = x + self._mha_block(self.norm2(x), memory, *other)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *own))
        x = self.norm2(x + self._mha_block(x, memory, *other))
        out: Tensor = self.norm3(x + self._ff_block(x))
        return out

    def _mha_block(
        self,
        x: Tensor,
        mem: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        """Attention to the memory, `(T, N, E), (S, N, E) -> (T, N, E)`."""
        attended, _ = self.multihead_attn(
            x,
            mem,
            mem,
            attn_mask=attn_mask,
            key_padding_mask=key_padding_mask,
            need_weights=False,
            is_causal=is_causal,
        )
        kept: Tensor = self.dropout2(attended)
        return kept

    def _ff_block(self, x: Tensor) -> Tensor:
        kept: Tensor = self.dropout3(self._feed_forward(x))
        return kept
