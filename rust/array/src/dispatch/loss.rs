//! Losses with a kernel of their own.

use super::{Host, gpu_view, on_device};
use crate::Array;
use base::Result;
use cpu::loss as kernels;
pub use kernels::Reduction as LossReduction;

/// What the negative log-likelihood is given beside its input.
#[derive(Clone)]
pub struct NllLoss {
    /// Class of each position.
    pub target: Array,
    /// Weight of each class.
    pub weight: Option<Array>,
    /// The class that counts nothing.
    pub ignore_index: i64,
    /// What becomes of the losses.
    pub reduction: LossReduction,
}

impl NllLoss {
    fn on_host<'a>(&'a self, host: &'a Host) -> Result<kernels::NllLoss<'a>> {
        Ok(kernels::NllLoss {
            target: host.view(&self.target)?,
            weight: self.weight.as_ref().map(|a| host.view(a)).transpose()?,
            ignore_index: self.ignore_index,
            reduction: self.reduction,
        })
    }

    fn on_gpu(&self) -> Result<gpu::loss::NllLoss<'_>> {
        Ok(gpu::loss::NllLoss {
            target: gpu_view(&self.target)?,
            weight: self.weight.as_ref().map(gpu_view).transpose()?,
            ignore_index: self.ignore_index,
            reduction: match self.reduction {
                LossReduction::None => gpu::loss::Reduction::None,
                LossReduction::Mean => gpu::loss::Reduction::Mean,
                LossReduction::Sum => gpu::loss::Reduction::Sum,
            },
        })
    }
}

/// `out` = the losses of log-probabilities `x`, `total_weight` = the sum of the targets' weights.
pub fn nll_loss(out: &Array, total_weight: &Array, x: &Array, loss: &NllLoss) -> Result<()> {
    on_device(
        out,
        |host, target| {
            kernels::nll_loss(
                target,
                host.view_mut(total_weight)?,
                host.view(x)?,
                &loss.on_host(host)?,
            )
        },
        |target| {
            gpu::loss::nll_loss(target, gpu_view(total_weight)?, gpu_view(x)?, &loss.on_gpu()?)
        },
    )
}

/// The gradient of [`nll_loss`].
pub fn nll_loss_backward(
    grad_input: &Array,
    grad: &Array,
    total_weight: &Array,
    loss: &NllLoss,
) -> Result<()> {
    on_device(
        grad_input,
        |host, target| {
            kernels::nll_loss_backward(
                target,
                host.view(grad)?,
                host.view(total_weight)?,
                &loss.on_host(host)?,
            )
        },
        |target| {
            let (grad, total) = (gpu_view(grad)?, gpu_view(total_weight)?);
            gpu::loss::nll_loss_backward(target, grad, total, &loss.on_gpu()?)
        },
    )
}
