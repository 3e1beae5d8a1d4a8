"""Attention whose scores and masks are functions of positions.

Layer L6, in primitive ops and with the whole matrix of scores: what PyTorch computes when nothing
is compiled. The functions are called once, with positions that broadcast against each other:
batch `(B, 1, 1, 1)`, head `(1, H, 1, 1)`, query `(1, 1, Q, 1)`, key `(1, 1, 1, K)`.
Source: Dong et al., Flex Attention: A Programming Model for Generating Optimized Attention
Kernels, 2024.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import pyrite
from pyrite._C import Tensor

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_DEFAULT_SPARSE_BLOCK_SIZE = 128
_mask_mod_signature = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
_score_mod_signature = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


class AuxRequest(NamedTuple):
    """What `flex_attention` gives besides its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by `AuxRequest`, each `(B, H, Q)`."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """Every query sees every key."""
    return batch.new_ones(size=(), dtype=pyrite.bool)


def _positions(*lengths: int, device: Any) -> list[Tensor]:
    """For each dimension its positions, with size 1 in the others."""
    rank = len(lengths)
    return [
        pyrite.arange(length, device=device).view([-1 if i == dim else 1 for i in range(rank)])
        for dim, length in enumerate(lengths)
    ]


def create_mask(
    mod_fn: Callable[..., Tensor],
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = "cpu",
) -> Tensor:
    """The mask of a function as a tensor `(B, H, Q, K)`, true where a query sees a key.

    Args:
        mod_fn: gives a bool for positions of batch, head, query and key.
        B: how many batches; None for a mask that is the same in all.
        H: how many heads, or None.
        Q_LEN: how many queries.
        KV_LEN: how many keys.
        device: where the mask lies.
    """
    sizes = (B or 1, H or 1, Q_LEN, KV_LEN)
    return mod_fn(*_positions(*sizes, device=device)).expand(sizes)


def and_masks(*mask_mods: _mask_mod_signature) -> _mask_mod_signature:
    """Positions that all masks let through."""

    def both(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = b.new_ones((), dtype=pyrite.bool)
        for mask in mask_mods:
            result = result & mask(b, h, q_idx, kv_idx)
        return result

    return both


def or_masks(*mask_mods: _mask_mod_signature) -> _mask_mod_signature:
    """Positions that any mask lets through."""

    def either(b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor) -> Tensor:
        result = b.new_zeros((), dtype=pyrite.bool)
        for mask in mask_mods:
            result = result | mask(b, h, q_idx, kv_idx)
        return result

    return either


class BlockMask:
    """A mask for `flex_attention`, made by `create_block_mask`.

    Args:
        mask_mod: the function.
        shape: `(B, H, Q, K)`.
        block_size: the blocks' sizes in queries and keys.
        device: where masks are made.
    """

    def __init__(
        self,
        mask_mod: _mask_mod_signature,
        shape: tuple[int, int, int, int],
        block_size: tuple[int, int],
        device: Any,
    ) -> None:
        self.mask_mod = mask_mod
        self.shape = shape
        self.seq_lengths = shape[2:]
        self.BLOCK_SIZE = block_size
        self.device = device

    def __repr__(self) -> str:
        return f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%)"

    def to_dense(self) -> Tensor:
        """For each block of queries and keys `(B, H, Q blocks, K blocks)` 1 if it is needed."""
        mask = create_mask(self.mask_mod, *self.shape, device=self.device)
        for dim, size in zip((-2, -1), self.BLOCK_SIZE, strict=True):
            short = -mask.shape[dim] % size
            zeros = list(mask.shape)
            zeros[dim] = short
            mask = pyrite.cat([mask, mask.new_zeros(zeros)], dim)
            mask = mask.unflatten(dim, (-1, size)).any(dim if dim == -1 else -2)
        return mask.to(pyrite.int32)

    def sparsity(self) -> float:
        """The share of products that needed blocks leave out, in percent."""
        needed = int(self.to_dense().sum()) * math.prod(self.BLOCK_SIZE)
        return 100.0 * (1.0 - needed / math.prod(self.shape))

    def to(self, device: Any) -> BlockMask:
        """The mask on another device."""
        return BlockMask(self.mask_mod, self.shape, self.BLOCK_SIZE, device)


def create_block_mask(
    mask_mod: _mask_mod_signature,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = "cpu",
    BLOCK_SIZE: int | tuple[int, int] = _DEFAULT_SPARSE_BLOCK_SIZE,
    _compile: bool = False,
) -> BlockMask:
    """A mask for `flex_attention`; see `create_mask` for the arguments; `_compile` is inert."""
    size = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    return BlockMask(mask_mod, (B or 1, H or 1, Q_LEN, KV_LEN), size, device)


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: _score_mod_signature | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: dict[str, Any] | None = None,
    *,
    return_aux: AuxRequest | None = None,
) -> Any:
    """Attention with scores changed by a function, and masked by another.

    Args:
        query: `(B, H, Q, E)`.
        key: `(B, H, K, E)`; with `enable_gqa` fewer heads, each for several of the queries'.
        value: `(B, H, K, V)`, as many heads as `key`.
        score_mod: gives the new score for a score and the positions of batch, head, query and key.
        block_mask: which keys a query sees; its length may exceed the sequences'.
        scale: of the products, `1 / sqrt(E)` by default.
        enable_gqa: allow fewer heads of keys.
        return_lse: return the logarithm of the sum of exponentials of scores, too.
        kernel_options: inert.
        return_aux: what to return besides the result.

    Returns:
        `(B, H, Q, V)`, zeros where a query sees no key; with `return_lse` or `return_aux` a pair.

    Raises:
        ValueError: heads do not fit.
    """
    heads, kv_heads = query.shape[-3], key.shape[-3]
    if heads != kv_heads:
        if not enable_gqa or heads % kv_heads:
            raise ValueError(
                f"Expect query and key/value to have the same number of heads but got Hq={heads} "
                f"and Hkv={kv_heads}. Try setting enable_gqa=True for GQA."
            )
        key = key.repeat_interleave(heads // kv_heads, -3)
        value = value.repeat_interleave(heads // kv_heads, -3)
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    scores = query @ key.transpose(-2, -1) * scale
    positions = _positions(*scores.shape, device=scores.device)
    if score_mod is not None:
        scores = score_mod(scores, *positions)
    if block_mask is not None:
        scores = scores.masked_fill(~block_mask.mask_mod(*positions), -math.inf)
    largest = scores.detach().amax(-1)
    # A query that sees nothing has only -inf: its weights would be NaN.
    seen = (largest > -math.inf).unsqueeze(-1)
    weights = pyrite.where(seen, scores, 0.0).softmax(-1).masked_fill(~seen, 0.0)
    result = weights.to(value.dtype) @ value
    if return_aux is not None:
        lse = scores.logsumexp(-1) if return_aux.lse else None
        return result, AuxOutput(lse, largest if return_aux.max_scores else None)
    return (result, scores.logsumexp(-1)) if return_lse else result
