"""Attention as functions (L6 over `_C`).

`scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, *,
scale=None, enable_gqa=False)`: `(..., L, E), (..., S, E), (..., S, Ev) -> (..., L, Ev)`; a boolean
mask marks the pairs that take part. `multi_head_attention_forward` is the function behind
`nn.MultiheadAttention`; there a boolean mask marks the pairs left out.

Names in shape comments: L target length, S source length, N batch, E embedding, H heads, D = E / H.
"""

from __future__ import annotations

import math
import warnings

from pyrite import _C
from pyrite._C import Tensor, scaled_dot_product_attention
from pyrite.overrides import overridable

from .activation import softmax
from .dropout import dropout
from .linear import linear
from .vision import pad

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def _require(condition: bool, message: str) -> None:
    """Raise AssertionError, PyTorch's type for attention's argument errors."""
    if not condition:
        raise AssertionError(message)


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: _C.dtype | None,
    other_name: str,
    target_type: _C.dtype,
    check_other: bool = True,
) -> Tensor | None:
    """Turn a mask into numbers to add: True becomes -inf, False 0; floating masks pass."""
    if mask is None or mask.is_floating_point():
        canonical = mask
    else:
        _require(
            mask.dtype == _C.bool, f"only bool and floating types of {mask_name} are supported"
        )
        canonical = _C.zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)
    if check_other and mask is not None and other_type is not None and mask.dtype != other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. "
            "Use same type for both instead.",
            stacklevel=3,
        )
    return canonical


def _none_or_dtype(input: Tensor | None) -> _C.dtype | None:
    return None if input is None else input.dtype


def _canonical_masks(
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
    is_causal: bool,
    need_weights: bool,
    dtype: _C.dtype,
) -> tuple[Tensor | None, Tensor | None, bool]:
    """Turn both masks into numbers to add; a causal hint stands for its mask where it can."""
    key_padding_mask = _canonical_mask(
        key_padding_mask, "key_padding_mask", _none_or_dtype(attn_mask), "attn_mask", dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
            "method `generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        return None, None, True
    attn_mask = _canonical_mask(attn_mask, "attn_mask", None, "", dtype, check_other=False)
    return attn_mask, key_padding_mask, is_causal and key_padding_mask is None


def _check_shapes(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Check the numbers of dimensions; return whether the query has a batch dimension."""
    rank = query.dim()
    _require(
        rank in (2, 3),
        f"query should be unbatched 2D or batched 3D tensor but received {rank}-D query tensor",
    )
    batched = rank == 3
    start = f"For {'batched' if batched else 'unbatched'} ({rank}-D) `query`, expected"
    _require(
        key.dim() == rank and value.dim() == rank,
        f"{start} `key` and `value` to be {rank}-D "
        f"but found {key.dim()}-D and {value.dim()}-D tensors respectively",
    )
    if key_padding_mask is not None:
        _require(
            key_padding_mask.dim() == rank - 1,
            f"{start} `key_padding_mask` to be `None` or {rank - 1}-D "
            f"but found {key_padding_mask.dim()}-D tensor instead",
        )
    if attn_mask is not None:
        _require(
            attn_mask.dim() in (2, 3),
            f"{start} `attn_mask` to be `None`, 2-D or 3-D "
            f"but found {attn_mask.dim()}-D tensor instead",
        )
        expected = (num_heads, query.shape[0], key.shape[0])
        _require(
            batched or attn_mask.dim() == 2 or tuple(attn_mask.shape) == expected,
            f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}",
        )
    return batched


def _project_packed(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Project with one stacked weight `(3E, E)`, by one product where the inputs are one tensor."""
    embed = query.size(-1)
    if query is key and key is value:
        packed = linear(query, weight, bias).unflatten(-1, (3, embed))  # (L, N, 3, E)
        q, k, v = packed.unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()  # (3, L, N, E)
        return q, k, v
    if key is value:
        q_weight, kv_weight = weight.split([embed, 2 * embed])
        q_bias, kv_bias = (None, None) if bias is None else bias.split([embed, 2 * embed])
        packed = linear(key, kv_weight, kv_bias).unflatten(-1, (2, embed))  # (S, N, 2, E)
        k, v = packed.unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()  # (2, S, N, E)
        return linear(query, q_weight, q_bias), k, v
    weights = weight.chunk(3)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    q, k, v = map(linear, (query, key, value), weights, biases)
    return q, k, v


def _project_separate(
    inputs: tuple[Tensor, Tensor, Tensor],
    weights: tuple[Tensor | None, Tensor | None, Tensor | None],
    bias: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Project query, key and value with a weight each: `(*, E_in) x (E, E_in) -> (*, E)`."""
    embed = inputs[0].size(-1)
    checked: list[Tensor] = []
    for letter, name, input, weight in zip(
        "qkv", ("query", "key", "value"), inputs, weights, strict=True
    ):
        if weight is None:
            raise AssertionError(
                f"use_separate_proj_weight is True but {letter}_proj_weight is None"
            )
        expected = (embed, input.size(-1))
        _require(
            tuple(weight.shape) == expected,
            f"expecting {name} weights shape of {expected}, but got {weight.shape}",
        )
        checked.append(weight)
    biases = (None, None, None) if bias is None else bias.chunk(3)
    q, k, v = map(linear, inputs, checked, biases)
    return q, k, v


def _check_attn_mask(mask: Tensor, heads: int, target: int, source: int) -> Tensor:
    """Check the shape of an attention mask; return it as `(1 or N * H, L, S)`."""
    if mask.dim() not in (2, 3):
        raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")
    expected = (target, source) if mask.dim() == 2 else (heads, target, source)
    if tuple(mask.shape) != expected:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {expected}."
        )
    return mask.unsqueeze(0) if mask.dim() == 2 else mask


def _project(
    inputs: tuple[Tensor, Tensor, Tensor],
    packed_weight: Tensor | None,
    separate_weights: tuple[Tensor | None, Tensor | None, Tensor | None] | None,
    bias: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Project query, key and value to `(L, N, E)`, `(S, N, E)`, `(S, N, E)`."""
    query, key, value = inputs
    if separate_weights is not None:
        _require(
            key.shape[:2] == value.shape[:2],
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
        )
        return _project_separate(inputs, separate_weights, bias)
    _require(
        key.shape == value.shape, f"key shape {key.shape} does not match value shape {value.shape}"
    )
    if packed_weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    return _project_packed(query, key, value, packed_weight, bias)


def _append_bias(
    x: Tensor, bias: Tensor | None, static: Tensor | None, letter: str, name: str
) -> Tensor:
    """Append one learned position to keys or values: `(S, N, E) -> (S + 1, N, E)`."""
    if bias is None:
        raise AssertionError(f"bias_{'kv'.replace(letter, '')} is set but bias_{letter} is None")
    _require(static is None, f"bias cannot be added to static {name}.")
    return _C.cat([x, bias.repeat(1, x.size(1), 1)])


def _split_heads(x: Tensor, heads: int, head_dim: int) -> Tensor:
    return x.view(x.shape[0], heads, head_dim).transpose(0, 1)  # (L, N, E) -> (N * H, L, D)


def _static_or_split(
    x: Tensor, static: Tensor | None, name: str, heads: int, head_dim: int
) -> Tensor:
    """Return the given projected keys or values, `(N * H, S, D)`, or split the heads of `x`."""
    if static is None:
        return _split_heads(x, heads, head_dim)
    for dim, extent in ((0, heads), (2, head_dim)):
        _require(
            static.size(dim) == extent,
            f"expecting {name}.size({dim}) of {extent}, but got {static.size(dim)}",
        )
    return static


def _merge_masks(
    attn_mask: Tensor | None, key_padding_mask: Tensor | None, batch: int, heads: int, source: int
) -> Tensor | None:
    """Add the padding mask `(N, S)` to the attention mask, `(1 or N * H, L or 1, S)`."""
    if key_padding_mask is None:
        return attn_mask
    for dim, extent in ((0, batch), (1, source)):
        _require(
            key_padding_mask.shape[dim] == extent,
            f"Expected key_padded_mask.shape[{dim}] to be {extent}, "
            f"but got {key_padding_mask.shape[dim]}",
        )
    padding = key_padding_mask.view(batch, 1, 1, source).expand(-1, heads, -1, -1)
    padding = padding.reshape(batch * heads, 1, source)
    return padding if attn_mask is None else attn_mask + padding


def _attend_with_weights(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    dropout_p: float,
    batch_and_heads: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """Attention that also returns its weights: `(N * H, L, D) -> (L, N, E), (N, H, L, S)`."""
    q = q * math.sqrt(1.0 / q.size(-1))
    k = k.transpose(-2, -1)  # (N * H, S, D) -> (N * H, D, S)
    scores = _C.bmm(q, k) if mask is None else _C.baddbmm(mask, q, k)
    weights = softmax(scores, dim=-1)
    if dropout_p > 0.0:
        weights = dropout(weights, p=dropout_p)
    output = _C.bmm(weights, v).transpose(0, 1).unflatten(1, batch_and_heads)  # (L, N, H, D)
    return output.flatten(2), weights.unflatten(0, batch_and_heads)


def _attend_fused(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None,
    dropout_p: float,
    is_causal: bool,
    batch: int,
) -> Tensor:
    """Attention without weights: `(N * H, L, D) -> (L, N, E)`."""
    q, k, v = (x.view(batch, -1, *x.shape[1:]) for x in (q, k, v))  # (N, H, L or S, D)
    if mask is not None:
        shared = mask.size(0) == 1
        mask = mask.unsqueeze(0) if shared else mask.view(batch, -1, *mask.shape[1:])
    output = _C.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal)
    return output.permute(2, 0, 1, 3).flatten(2)  # (N, H, L, D) -> (L, N, E)


@overridable
def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Multi-head attention with its projections (Vaswani et al., Attention Is All You Need, 2017).

    Args:
        query: `(L, N, E)` or `(L, E)`.
        key: `(S, N, E_k)` or `(S, E_k)`.
        value: `(S, N, E_v)` or `(S, E_v)`.
        embed_dim_to_check: E.
        num_heads: H, a divisor of E.
        in_proj_weight: stacked projections, `(3E, E)`, unless `use_separate_proj_weight`.
        in_proj_bias: `(3E)`.
        bias_k: a learned key appended to the source, `(1, 1, E)`.
        bias_v: a learned value appended to the source, `(1, 1, E)`.
        add_zero_attn: append a source position of zeros.
        dropout_p: dropout of the attention weights while `training`.
        out_proj_weight: `(E, E)`.
        out_proj_bias: `(E)`.
        training: whether dropout acts.
        key_padding_mask: source positions left out (True or -inf), `(N, S)` or `(S)`.
        need_weights: also return the attention weights.
        attn_mask: pairs left out (True or -inf), `(L, S)` or `(N * H, L, S)`.
        use_separate_proj_weight: project with the three weights that follow.
        q_proj_weight: `(E, E)`.
        k_proj_weight: `(E, E_k)`.
        v_proj_weight: `(E, E_v)`.
        static_k: keys after projection, `(N * H, S, D)`.
        static_v: values after projection, `(N * H, S, D)`.
        average_attn_weights: average the weights over heads.
        is_causal: hint that `attn_mask` is causal.

    Returns:
        The output `(L, N, E)` or `(L, E)`, and the weights `(N, L, S)`, `(N, H, L, S)` if not
        averaged, or None.

    Raises:
        AssertionError: if shapes do not fit.
        RuntimeError: if `attn_mask` has another shape or is missing beside `is_causal`.
    """
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    target, batch, embed = query.shape
    head_dim = embed // num_heads
    attn_mask, key_padding_mask, is_causal = _canonical_masks(
        attn_mask, key_padding_mask, is_causal, need_weights, query.dtype
    )
    _require(
        embed == embed_dim_to_check,
        f"was expecting embedding dimension of {embed_dim_to_check}, but got {embed}",
    )
    _require(
        head_dim * num_heads == embed, f"embed_dim {embed} not divisible by num_heads {num_heads}"
    )

    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _project((query, key, value), in_proj_weight, separate, in_proj_bias)
    heads = batch * num_heads
    if attn_mask is not None:
        attn_mask = _check_attn_mask(attn_mask, heads, target, key.shape[0])
    appended = 0
    if bias_k is not None or bias_v is not None:
        k = _append_bias(k, bias_k, static_k, "k", "key")
        v = _append_bias(v, bias_v, static_v, "v", "value")
        appended += 1
    q = _split_heads(q, heads, head_dim)
    k = _static_or_split(k, static_k, "static_k", heads, head_dim)
    v = _static_or_split(v, static_v, "static_v", heads, head_dim)
    if add_zero_attn:
        k, v = (pad(x, (0, 0, 0, 1)) for x in (k, v))  # (N * H, S, D) -> (N * H, S + 1, D)
        appended += 1
    if appended and attn_mask is not None:
        attn_mask = pad(attn_mask, (0, appended))
    if appended and key_padding_mask is not None:
        key_padding_mask = pad(key_padding_mask, (0, appended))
    mask = _merge_masks(attn_mask, key_padding_mask, batch, num_heads, k.size(1))

    dropout_p = dropout_p if training else 0.0
    attention: Tensor | None = None
    if need_weights:
        output, attention = _attend_with_weights(q, k, v, mask, dropout_p, (batch, num_heads))
        attention = attention.mean(dim=1) if average_attn_weights else attention
        attention = attention if batched else attention.squeeze(0)
    else:
        output = _attend_fused(q, k, v, mask, dropout_p, is_causal, batch)
    output = linear(output, out_proj_weight, out_proj_bias)  # (L, N, E)
    return (output if batched else output.squeeze(1)), attention
