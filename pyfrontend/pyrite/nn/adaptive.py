"""Adaptive softmax (L6; Grave et al., Efficient softmax approximation for GPUs, 2017).

Classes sorted by frequency are cut into a shortlist and clusters. The head scores the shortlist and
the clusters; a cluster's tail, a low-rank projection, scores its classes. A class's log probability
is the head's, plus the tail's where it lies in a cluster.

Names in shape comments: N batch, F in_features, C classes, S shortlist size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from pyrite import _C
from pyrite._C import Tensor

from . import functional as F
from .container import ModuleList, Sequential
from .linear import Linear
from .module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    """Log probability of each target, `(N)`, and their mean's negative, `()`."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log probabilities of very many classes, and the loss of targets.

    Args:
        in_features: F.
        n_classes: C.
        cutoffs: first class of each cluster, increasing.
        div_value: each further cluster's projection is smaller by this factor.
        head_bias: whether the head has a bias.
        device: where the parameters live.
        dtype: their type.

    Raises:
        ValueError: if the cutoffs are not increasing integers in `[1, n_classes - 1]`.
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_cutoffs(cutoffs, n_classes)
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        kind = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **kind)
        self.tail = ModuleList()
        for index, (low, high) in enumerate(pairwise(self.cutoffs), start=1):
            width = int(in_features // div_value**index)
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **kind),
                    Linear(width, high - low, bias=False, **kind),
                )
            )

    def reset_parameters(self) -> None:
        """Draw head, then tails."""
        self.head.reset_parameters()
        for projection in self.tail:
            for layer in projection.children():
                layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """Log probabilities of the targets: `(N, F), (N) -> (N)`, or `(F), () -> ()`.

        Raises:
            RuntimeError: if shapes do not fit or a target is no class.
        """
        _check_shapes(input_, target_)
        batched = target_.dim() > 0
        input = input_ if batched else input_.unsqueeze(0)
        target = target_ if batched else target_.unsqueeze(0)
        # Each target's column of the head, and its log probability within its cluster.
        column = target
        output = input.new_zeros(target.size(0))
        for index, (low, high) in enumerate(pairwise(self.cutoffs)):
            rows = ((target >= low) & (target < high)).nonzero().squeeze(1)
            if rows.numel() == 0:
                continue
            column = column.index_fill(0, rows, self.shortlist_size + index)
            within = F.log_softmax(self.tail[index](input.index_select(0, rows)), dim=1)
            local = within.gather(1, (target[rows] - low).unsqueeze(1)).squeeze(1)
            output = output.index_copy(0, rows, local)
        if ((target < 0) | (target >= self.n_classes)).any():
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        head = F.log_softmax(self.head(input), dim=1)  # (N, S + clusters)
        output = output + head.gather(1, column.unsqueeze(1)).squeeze(1)
        loss = (-output).mean()
        return _ASMoutput(output if batched else output.squeeze(0), loss)

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        """`(N, F), (N, S + clusters) -> (N, C)`."""
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for index, tail in enumerate(self.tail):
            cluster = head[:, self.shortlist_size + index].unsqueeze(1)  # (N, 1)
            parts.append(F.log_softmax(tail(input), dim=1) + cluster)
        return _C.cat(parts, dim=1)

    def log_prob(self, input: Tensor) -> Tensor:
        """Log probabilities of all classes, `(N, F) -> (N, C)`."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """Most probable class, `(N, F) -> (N)`; tails are evaluated only where they may win."""
        head_output: Tensor = self.head(input)
        best = head_output.argmax(dim=1)
        in_cluster = best >= self.shortlist_size
        if not in_cluster.any():
            return best
        full = self._get_full_log_prob(input[in_cluster], head_output[in_cluster])
        best[in_cluster] = full.argmax(dim=1)
        return best


def _check_cutoffs(cutoffs: Sequence[int], n_classes: int) -> None:
    if len(cutoffs) == 0:
        raise ValueError("cutoffs should be a sequence of length larger than 0")
    increasing = all(low < high for low, high in pairwise((0, *cutoffs, n_classes)))
    if not increasing or any(int(cutoff) != cutoff for cutoff in cutoffs):
        raise ValueError(
            "cutoffs should be a sequence of unique, positive integers sorted in an increasing "
            "order, where each value is between 1 and n_classes-1"
        )


def _check_shapes(input: Tensor, target: Tensor) -> None:
    if target.dim() > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target.dim() == 1 and input.size(0) != target.size(0):
        raise RuntimeError("Input and target should have the same size in the batch dimension.")
    if input.dim() != target.dim() + 1:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {target.dim() + 1}D input tensors, "
            f"but found inputs with size {input.size()}"
        )
