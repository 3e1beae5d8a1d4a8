"""Transformer stacks (L6) after Vaswani et al., Attention Is All You Need, 2017.

Shapes and masks as in transformer_layer.py: `(S, N, E)` source, `(T, N, E)` target, batch first if
the layers are; masks mark what is left out (True or -inf).
"""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any, ClassVar

from pyrite import _C
from pyrite._C import Tensor

from . import functional as F
from . import init
from .container import ModuleList
from .module import Module
from .norm import LayerNorm
from .transformer_layer import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    canonical_masks,
)

__all__ = ["Transformer", "TransformerDecoder", "TransformerEncoder"]


def _causal_mask(size: int, device: Any = None, dtype: Any = None) -> Tensor:
    """Mask of -inf above the diagonal, zero elsewhere: `(size, size)`."""
    return _C.full((size, size), -math.inf, device=device, dtype=dtype).triu(diagonal=1)


def _detect_causal(mask: Tensor | None, is_causal: bool | None, size: int) -> bool:
    """Return the hint where given, else whether the mask is the causal one."""
    if is_causal is not None or mask is None:
        return bool(is_causal)
    causal = _causal_mask(size, device=mask.device, dtype=mask.dtype)
    return mask.size() == causal.size() and bool((mask == causal).all())


def _length(sequence: Tensor, batch_first: bool) -> int:
    return int(sequence.size(1 if batch_first and sequence.dim() == 3 else 0))


def _clones(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """A stack of copies of an encoder layer.

    Args:
        encoder_layer: the layer to copy.
        num_layers: number of copies.
        norm: applied to the output.
        enable_nested_tensor: in evaluation without gradients, set padded outputs of the stack to
            zero, as PyTorch's nested tensors do, where the layer allows it (warns if it does not).
        mask_check: do so only for padding at the end of the sequences.
    """

    __constants__: ClassVar[list[str]] = ["norm"]

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _clones(encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        obstacle = _nested_obstacle(encoder_layer)
        self.use_nested_tensor = enable_nested_tensor and not obstacle
        if enable_nested_tensor and obstacle:
            warnings.warn(
                "enable_nested_tensor is True, but self.use_nested_tensor is False because "
                f"encoder_layer{obstacle}",
                stacklevel=2,
            )

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Encode `(S, N, E) -> (S, N, E)`; `is_causal` None detects a causal mask."""
        mask, padding = canonical_masks(
            mask, "mask", src_key_padding_mask, "src_key_padding_mask", src
        )
        first = self.layers[0]
        causal = _detect_causal(mask, is_causal, _length(src, first.self_attn.batch_first))
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=causal, src_key_padding_mask=padding)
        if padding is not None and mask is None and self._zeroes_padding(src, padding):
            output = output.masked_fill(padding.unsqueeze(-1) != 0, 0.0)  # (N, S, E)
        return output if self.norm is None else self.norm(output)

    def _zeroes_padding(self, src: Tensor, padding: Tensor) -> bool:
        """Whether PyTorch would run this batch as nested tensors, which zero padded outputs."""
        first = self.layers[0]
        if not self.use_nested_tensor or first.training or src.dim() != 3:
            return False
        if _C.is_grad_enabled() and (
            src.requires_grad or any(p.requires_grad for p in first.parameters())
        ):
            return False
        if not self.mask_check:
            return True
        kept = padding == 0  # (N, S)
        return not bool((kept[:, 1:] & ~kept[:, :-1]).any())


def _nested_obstacle(layer: Module) -> str:
    """Say what keeps a layer from PyTorch's nested tensors, in its words; empty if nothing."""
    if not isinstance(layer, TransformerEncoderLayer):
        return " was not TransformerEncoderLayer"
    attention = layer.self_attn
    if layer.norm_first:
        return ".norm_first was True"
    if not attention.batch_first:
        return (
            ".self_attn.batch_first was not True(use batch_first for better inference performance)"
        )
    if not attention._qkv_same_embed_dim:
        return ".self_attn._qkv_same_embed_dim was not True"
    if attention.in_proj_bias is None:
        return ".self_attn was passed bias=False"
    if not layer.activation_relu_or_gelu:
        return ".activation_relu_or_gelu was not True"
    if layer.norm1.eps != layer.norm2.eps:
        return ".norm1.eps was not equal to encoder_layer.norm2.eps"
    if attention.num_heads % 2 == 1:
        return ".self_attn.num_heads is odd"
    return ""


class TransformerDecoder(Module):
    """A stack of `num_layers` copies of a decoder layer, with an optional last norm."""

    __constants__: ClassVar[list[str]] = ["norm"]

    def __init__(
        self,
        decoder_layer: TransformerDecoderLayer,
        num_layers: int,
        norm: Module | None = None,
    ) -> None:
        super().__init__()
        self.layers = _clones(decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Decode `(T, N, E)` given the encoder's output `(S, N, E)`; `-> (T, N, E)`."""
        batch_first = self.layers[0].self_attn.batch_first
        causal = _detect_causal(tgt_mask, tgt_is_causal, _length(tgt, batch_first))
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=causal,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """Encoder and decoder; weights of two or more dimensions are drawn again, Xavier uniform.

    Args:
        d_model: E.
        nhead: attention heads.
        num_encoder_layers: encoder layers.
        num_decoder_layers: decoder layers.
        dim_feedforward: width of the feed-forward networks.
        dropout: probability of dropout.
        activation: "relu", "gelu" or a function.
        custom_encoder: used instead of the encoder.
        custom_decoder: used instead of the decoder.
        layer_norm_eps: eps of the norms.
        batch_first: inputs are `(N, S, E)` and `(N, T, E)`.
        norm_first: normalise before each block instead of after.
        bias: whether linear layers and norms have biases.
        device: where the parameters live.
        dtype: their type.
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        kind = {"device": device, "dtype": dtype}
        settings = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps)
        order = (batch_first, norm_first, bias)
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(*settings, *order, **kind)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **kind)
            custom_encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(*settings, *order, **kind)
            norm = LayerNorm(d_model, eps=layer_norm_eps, bias=bias, **kind)
            custom_decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for parameter in self.parameters():
            if parameter.dim() > 1:
                init.xavier_uniform_(parameter)

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """Causal mask `(sz, sz)`: -inf above the diagonal, zero elsewhere."""
        return _causal_mask(sz, device=device, dtype=dtype)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Encode `src`, decode `tgt` with it: `(S, N, E), (T, N, E) -> (T, N, E)`.

        Raises:
            RuntimeError: if batch or feature sizes differ.
        """
        batch_dim = 0 if self.batch_first else 1
        if src.dim() == 3 and src.size(batch_dim) != tgt.size(batch_dim):
            raise RuntimeError("the batch number of src and tgt must be equal")
        if src.size(-1) != self.d_model or tgt.size(-1) != self.d_model:
            raise RuntimeError("the feature number of src and tgt must be equal to d_model")
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        decoded: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return decoded
