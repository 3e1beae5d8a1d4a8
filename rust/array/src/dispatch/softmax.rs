//! Softmax and log-softmax along one dimension.

use super::{gpu_view, on_device};
use crate::Array;
use base::Result;
use cpu::softmax as kernels;

/// Softmax, or its logarithm.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Softmax {
    Plain,
    Log,
}

/// `out` = softmax of `x` along `dim`.
pub fn softmax(form: Softmax, out: &Array, x: &Array, dim: usize) -> Result<()> {
    on_device(
        out,
        |host, target| match form {
            Softmax::Plain => kernels::softmax(target, host.view(x)?, dim),
            Softmax::Log => kernels::log_softmax(target, host.view(x)?, dim),
        },
        |target| gpu::softmax::softmax(form == Softmax::Log, target, gpu_view(x)?, dim),
    )
}

/// The gradient of [`softmax`] from the gradient of its output and the output.
pub fn softmax_backward(
    form: Softmax,
    grad_input: &Array,
    grad: &Array,
    output: &Array,
    dim: usize,
) -> Result<()> {
    on_device(
        grad_input,
        |host, target| match form {
            Softmax::Plain => {
                kernels::softmax_backward(target, host.view(grad)?, host.view(output)?, dim)
            }
            Softmax::Log => {
                kernels::log_softmax_backward(target, host.view(grad)?, host.view(output)?, dim)
            }
        },
        |target| {
            let (grad, output) = (gpu_view(grad)?, gpu_view(output)?);
            gpu::softmax::softmax_backward(form == Softmax::Log, target, grad, output, dim)
        },
    )
}
