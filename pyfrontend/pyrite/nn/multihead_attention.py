"""MultiheadAttention (L6): projections held as parameters, the work in nn.functional.

Names in shape comments: L target length, S source length, N batch, E embedding, H heads.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pyrite import _C
from pyrite._C import Tensor

from . import functional as F
from . import init
from .linear import NonDynamicallyQuantizableLinear
from .module import Module
from .parameter import Parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention of several heads (Vaswani et al., Attention Is All You Need, 2017).

    Args:
        embed_dim: E, divided among the heads.
        num_heads: H.
        dropout: probability of dropout of the attention weights while training.
        bias: whether the projections have biases.
        add_bias_kv: append a learned position to keys and values.
        add_zero_attn: append a position of zeros to keys and values.
        kdim: features of the key, E if None.
        vdim: features of the value, E if None.
        batch_first: inputs are `(N, L, E)` instead of `(L, N, E)`.
        device: where the parameters live.
        dtype: their type.

    Raises:
        ValueError: if a size is not positive.
        AssertionError: if the heads do not divide `embed_dim`.

    Example:
        >>> attention = nn.MultiheadAttention(embed_dim=8, num_heads=2, batch_first=True)
        >>> x = pyrite.ones(3, 5, 8)
        >>> mixed, weights = attention(x, x, x)
        >>> mixed.shape, weights.shape
        (pyrite.Size([3, 5, 8]), pyrite.Size([3, 5, 5]))
    """

    __constants__: ClassVar[list[str]] = ["batch_first"]
    in_proj_weight: Tensor | None
    q_proj_weight: Tensor | None
    k_proj_weight: Tensor | None
    v_proj_weight: Tensor | None
    in_proj_bias: Tensor | None
    bias_k: Tensor | None
    bias_v: Tensor | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} "
                f"and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = kdim if kdim is not None else embed_dim
        self.vdim = vdim if vdim is not None else embed_dim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")
        kind = {"device": device, "dtype": dtype}
        self._make_projections(bias, kind)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **kind)
        for name in ("bias_k", "bias_v"):
            extra = Parameter(_C.empty((1, 1, embed_dim), **kind)) if add_bias_kv else None
            setattr(self, name, extra)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _make_projections(self, bias: bool, kind: dict[str, Any]) -> None:
        """Register one stacked input projection `(3E, E)`, or three where the widths differ."""
        embed = self.embed_dim
        packed = self._qkv_same_embed_dim
        widths = {"q_proj_weight": embed, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        for name, width in widths.items():
            weight = None if packed else Parameter(_C.empty((embed, width), **kind))
            self.register_parameter(name, weight)
        stacked = Parameter(_C.empty((3 * embed, embed), **kind)) if packed else None
        self.register_parameter("in_proj_weight", stacked)
        self.register_parameter(
            "in_proj_bias", Parameter(_C.empty(3 * embed, **kind)) if bias else None
        )

    def _reset_parameters(self) -> None:
        """Draw projections (Xavier uniform), zero their biases, draw the extra positions."""
        for weight in (
            self.in_proj_weight,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
        ):
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.constant_(bias, 0.0)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Layers pickled before the flag existed had one width.
        state.setdefault("_qkv_same_embed_dim", True)
        super().__setstate__(state)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            query: `(L, N, E)`, `(N, L, E)` if `batch_first`, or `(L, E)`.
            key: `(S, N, kdim)`, likewise.
            value: `(S, N, vdim)`, likewise.
            key_padding_mask: source positions left out (True or -inf), `(N, S)` or `(S)`.
            need_weights: also return the attention weights.
            attn_mask: pairs left out (True or -inf), `(L, S)` or `(N * H, L, S)`.
            average_attn_weights: average the weights over heads.
            is_causal: hint that `attn_mask` is causal.

        Returns:
            The output, shaped as `query`, and the weights `(N, L, S)`, `(N, H, L, S)` if not
            averaged, without N if unbatched, or None.
        """
        swap = self.batch_first and query.dim() == 3
        if swap:
            query, key, value = _time_first(query, key, value)
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (output.transpose(1, 0) if swap else output), weights


def _time_first(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Swap batch and time, keeping equal arguments one tensor (they are projected at once)."""
    swapped_query = query.transpose(1, 0)  # (N, L, E) -> (L, N, E)
    swapped_key = swapped_query if key is query else key.transpose(1, 0)
    swapped_value = swapped_key if value is key else value.transpose(1, 0)
    return swapped_query, swapped_key, swapped_value
