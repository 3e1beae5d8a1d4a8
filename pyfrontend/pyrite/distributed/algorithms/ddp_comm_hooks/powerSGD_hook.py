"""PowerSGD: gradients of matrices travel as two thin factors (Vogels, Karimireddy, Jaggi, 2019).

One step of a power iteration a backward, warm-started from the last one; what the factors miss is
added to the next gradient. Invariant: all ranks start from the same factors and stay in step.
"""

from __future__ import annotations

from typing import Any

import pyrite.distributed as dist
from pyrite import _C
from pyrite._C import Tensor
from pyrite.futures import Future

from .default_hooks import average

__all__ = ["PowerSGDState", "powerSGD_hook"]


class PowerSGDState:
    """What the hook keeps from one backward to the next.

    Args:
        process_group: the ranks; None for the default group.
        matrix_approximation_rank: columns of a factor.
        start_powerSGD_iter: backwards that are averaged in full before.
        min_compression_rate: a matrix is factored if that makes it so many times smaller.
        use_error_feedback: add what was missed to the next gradient.
        warm_start: begin with the last factors.
        orthogonalization_epsilon: added to the columns' norms.
        random_seed: of the first factors.
    """

    def __init__(
        self,
        process_group: Any,
        matrix_approximation_rank: int = 1,
        start_powerSGD_iter: int = 1000,
        min_compression_rate: float = 2,
        use_error_feedback: bool = True,
        warm_start: bool = True,
        orthogonalization_epsilon: float = 0,
        random_seed: int = 0,
    ) -> None:
        if (use_error_feedback or warm_start) and start_powerSGD_iter <= 1:
            raise ValueError(
                "Expect `start_powerSGD_iter` > 1 if `use_error_feedback` or `warm_start` is "
                "enabled, because PowerSGD can only be applied after the first two iterations in "
                "DDP."
            )
        self.process_group = process_group
        self.matrix_approximation_rank = matrix_approximation_rank
        self.start_powerSGD_iter = start_powerSGD_iter
        self.min_compression_rate = min_compression_rate
        self.use_error_feedback = use_error_feedback
        self.warm_start = warm_start
        self.orthogonalization_epsilon = orthogonalization_epsilon
        self.generator = _C.Generator().manual_seed(random_seed)
        self.iter = 0
        self.errors: dict[int, Tensor] = {}
        self.factors: dict[tuple[int, int], Tensor] = {}

    def count(self, bucket: Any) -> None:
        """A backward is over with its last bucket."""
        if bucket.is_last():
            self.iter += 1

    def pays(self, rows: int, columns: int) -> bool:
        """Whether the factors of a matrix are enough smaller than it."""
        rank = min(rows, columns, self.matrix_approximation_rank)
        return (rows + columns) * rank * self.min_compression_rate < rows * columns


def powerSGD_hook(state: PowerSGDState, bucket: Any) -> Future[Tensor]:
    """Averages a bucket: matrices by their factors, the rest in full."""
    group, index, buffer = state.process_group, bucket.index(), bucket.buffer()
    in_full = state.iter < state.start_powerSGD_iter
    state.count(bucket)
    if in_full:
        return average(buffer, group)
    if state.use_error_feedback:
        buffer.add_(state.errors.setdefault(index, _C.zeros_like(buffer)))
        whole = buffer.clone()
    matrices, rest = [], []
    for gradient in bucket.gradients():
        flat = gradient.view(gradient.shape[0], -1) if gradient.dim() > 1 else None
        if flat is not None and state.pays(*flat.shape):
            matrices.append(flat)
        else:
            rest.append(gradient)
    for position, matrix in enumerate(matrices):
        _approximate(state, (index, position), matrix)
    if rest:
        joined = average(_C.cat([gradient.reshape(-1) for gradient in rest]), group).wait()
        for gradient, part in zip(rest, joined.split([g.numel() for g in rest]), strict=True):
            gradient.copy_(part.view(gradient.shape))
    if state.use_error_feedback:
        state.errors[index] = whole - buffer
        for gradient in rest:  # these were averaged without a loss
            start = gradient.storage_offset() - buffer.storage_offset()
            state.errors[index][start : start + gradient.numel()] = 0
    result: Future[Tensor] = Future()
    result.set_result(buffer)
    return result


def _approximate(state: PowerSGDState, key: tuple[int, int], matrix: Tensor) -> None:
    """Replaces a matrix M by P Q^T, where P = orthogonal(mean(M Q)) and Q = mean(M^T P)."""
    rank = min(*matrix.shape, state.matrix_approximation_rank)
    right = state.factors.get(key) if state.warm_start else None
    if right is None:
        right = _C.randn(matrix.shape[1], rank, generator=state.generator).to(matrix)
        right = _orthogonal(right, state.orthogonalization_epsilon)
    left = matrix @ right
    dist.all_reduce(left, group=state.process_group)
    left = _orthogonal(left, state.orthogonalization_epsilon)
    right = average((matrix.t() @ left).contiguous(), state.process_group).wait()
    state.factors[key] = right
    matrix.copy_(left @ right.t())


def _orthogonal(columns: Tensor, epsilon: float) -> Tensor:
    """Gram and Schmidt's basis of the columns' span."""
    basis: list[Tensor] = []
    for column in columns.unbind(1):
        for earlier in basis:
            column = column - (column @ earlier) * earlier
        norm = column.norm() + epsilon
        basis.append(column / norm if float(norm) > 0.0 else column)
    return _C.stack(basis, 1).contiguous()
