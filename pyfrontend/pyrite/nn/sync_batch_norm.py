"""Batch normalisation whose statistics are those of the batches of all ranks together.

Layer L6, over `pyrite.distributed`. Sums travel through a differentiable all-reduce, so that the
gradient is that of one process on the joined batch. Invariant: on one rank it is BatchNorm.
"""

from __future__ import annotations

from typing import Any

from pyrite import _C
from pyrite._C import Tensor
from pyrite.autograd.function import Function
from pyrite.autograd.grad_mode import no_grad

from .module import Module
from .norm import _BatchNorm

__all__ = ["SyncBatchNorm"]


class _SumOverRanks(Function):
    """The sum of the ranks' tensors; its gradient is the sum of the ranks' gradients."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, group: Any) -> Tensor:
        import pyrite.distributed as dist

        ctx.group = group
        total = value.clone(memory_format=_C.contiguous_format)
        dist.all_reduce(total, group=group)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _SumOverRanks.apply(grads[0], ctx.group), None


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation of `(N, C, *)` over the batches of all ranks; see BatchNorm1d.

    Args:
        num_features: C.
        eps: added to the variance.
        momentum: weight of a batch in the running statistics; None averages all batches.
        affine: learn scale and shift.
        track_running_stats: keep statistics for evaluation.
        process_group: the ranks; None for the default group.
        device: where parameters and buffers live.
        dtype: their type.

    Raises:
        ValueError: the input has fewer than two dims, or no rank has two values per channel.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype)
        self.process_group = process_group

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        if input.size(1) == 0:
            raise ValueError("SyncBatchNorm number of input channels should be non-zero")
        use_batch = self.training or self.running_mean is None
        if not use_batch or self._world_size() == 1:
            return super().forward(input)
        mean, variance, count = self._statistics(input)
        if self.training and self.track_running_stats:
            self._track(mean, variance, count)
        shape = [1, -1] + [1] * (input.dim() - 2)
        scale = (variance + self.eps).rsqrt()
        scale = scale if self.weight is None else scale * self.weight
        result = (input - mean.view(shape)) * scale.view(shape)
        result = result if self.bias is None else result + self.bias.view(shape)
        return result.to(input.dtype)

    def _world_size(self) -> int:
        import pyrite.distributed as dist

        ready = dist.is_available() and dist.is_initialized()
        return dist.get_world_size(self.process_group) if ready else 1

    def _statistics(self, input: Tensor) -> tuple[Tensor, Tensor, float]:
        """Mean and variance of each channel over all ranks, and over how many values."""
        dims = [dim for dim in range(input.dim()) if dim != 1]
        values = input.float() if input.dtype in (_C.float16, _C.bfloat16) else input
        channels = input.size(1)
        mine = _C.full([1], input.numel() // channels, dtype=values.dtype, device=values.device)
        sums = _SumOverRanks.apply(_C.cat([values.sum(dims), mine]), self.process_group)
        count = float(sums[channels])
        if count <= 1.0 and self.training:
            raise ValueError(
                "Expected more than 1 value per channel when training, got input size "
                f"{input.size()}"
            )
        mean = sums[:channels] / count
        centered = values - mean.view([1, -1] + [1] * (input.dim() - 2))
        squares = _SumOverRanks.apply(centered.square().sum(dims), self.process_group)
        return mean, squares / count, count

    def _track(self, mean: Tensor, variance: Tensor, count: float) -> None:
        momentum = self.momentum
        with no_grad():
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
                if momentum is None:
                    momentum = 1.0 / float(self.num_batches_tracked)
            weight = 0.0 if momentum is None else momentum
            unbiased = variance * (count / (count - 1.0))
            for running, now in ((self.running_mean, mean), (self.running_var, unbiased)):
                if running is not None:
                    running.mul_(1.0 - weight).add_(now.to(running.dtype), alpha=weight)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """The module with each BatchNorm in it replaced; parameters and buffers stay the same.

        Args:
            module: converted in place, unless it is a BatchNorm itself.
            process_group: of the new layers.
        """
        result = module
        if isinstance(module, _BatchNorm):
            result = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
            )
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(result, name, getattr(module, name))
            result.training = module.training
        for name, child in module.named_children():
            result.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return result
