"""Attention with scores and masks by position, against `scaled_dot_product_attention`."""

from __future__ import annotations

import pytest

import pyrite as torch
from pyrite.nn.attention.flex_attention import (
    AuxRequest,
    and_masks,
    create_block_mask,
    create_mask,
    flex_attention,
    noop_mask,
    or_masks,
)
from pyrite.nn.functional import scaled_dot_product_attention


def causal(b: torch.Tensor, h: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
    """A query sees the keys up to its own position."""
    return i >= j


def inputs() -> list[torch.Tensor]:
    """Query, key and value `(B, H, T, E)`."""
    return [torch.randn(2, 4, 10, 8, requires_grad=True) for _ in range(3)]


def test_causal_mask_and_gradients() -> None:
    q, k, v = inputs()
    mask = create_block_mask(causal, None, None, 10, 10)
    result = flex_attention(q, k, v, block_mask=mask)
    expected = scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(result, expected)
    got = torch.autograd.grad(result.square().sum(), (q, k, v))
    wanted = torch.autograd.grad(expected.square().sum(), (q, k, v))
    torch.testing.assert_close(got, wanted)


def test_scores_by_head_and_position() -> None:
    q, k, v = inputs()
    slopes = torch.tensor([0.5, 0.25, 0.1, 0.2])
    result = flex_attention(q, k, v, lambda s, b, h, i, j: s + slopes[h] * (j - i))
    place = torch.arange(10)
    bias = slopes.view(4, 1, 1) * (place.view(1, 10) - place.view(10, 1))
    torch.testing.assert_close(result, scaled_dot_product_attention(q, k, v, attn_mask=bias))


def test_fewer_heads_of_keys() -> None:
    q, k, v = inputs()
    result = flex_attention(q, k[:, :2], v[:, :2], enable_gqa=True)
    expected = scaled_dot_product_attention(q, k[:, :2], v[:, :2], enable_gqa=True)
    torch.testing.assert_close(result, expected)
    with pytest.raises(ValueError, match="same number of heads but got Hq=4 and Hkv=2"):
        flex_attention(q, k[:, :2], v[:, :2])


def test_a_query_that_sees_nothing_gets_zeros() -> None:
    q, k, v = inputs()
    mask = create_block_mask(lambda b, h, i, j: (i > 3) & (j < 5), None, None, 10, 10)
    result = flex_attention(q, k, v, block_mask=mask)
    assert (result[:, :, :4] == 0).all() and (result[:, :, 4:] != 0).all()
    (grad,) = torch.autograd.grad(result.sum(), q)
    assert grad.isfinite().all()


def test_what_else_is_returned() -> None:
    q, k, v = inputs()
    _, aux = flex_attention(q, k, v, return_aux=AuxRequest(lse=True, max_scores=True))
    scores = q @ k.mT / 8**0.5
    torch.testing.assert_close(aux.lse, scores.logsumexp(-1))
    torch.testing.assert_close(aux.max_scores, scores.amax(-1))


# PyTorch 2.13.0's figures.
def test_masks() -> None:
    mask = create_block_mask(causal, None, None, 10, 10, BLOCK_SIZE=4)
    assert mask.to_dense().tolist() == [[[[1, 0, 0], [1, 1, 0], [1, 1, 1]]]]
    assert mask.shape == (1, 1, 10, 10) and mask.sparsity() == pytest.approx(4.0)
    window = and_masks(causal, lambda b, h, i, j: i - j < 3, noop_mask)
    assert create_mask(window, 1, 1, 5, 5).int().tolist() == [
        [[[1, 0, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1]]]
    ]
    assert create_mask(or_masks(window, lambda b, h, i, j: j == 0), 2, 3, 5, 5).sum() == 14 * 6
