//! Convolutions: the three maps of one trilinear form.

use super::{on_cpu, view};
use crate::Array;
use base::Result;
use cpu::conv as kernels;
pub use kernels::ConvGeometry;

/// `out` = the convolution of `x` with `weight`, plus a bias per output channel.
pub fn conv(
    out: &Array,
    x: &Array,
    weight: &Array,
    bias: Option<&Array>,
    geometry: &ConvGeometry,
) -> Result<()> {
    on_cpu(out, |target| {
        let bias = bias.map(view).transpose()?;
        kernels::conv_forward(target, view(x)?, view(weight)?, bias, geometry)
    })
}

/// The gradient of [`conv`] in its input: the transposed convolution, plus a bias per channel.
pub fn conv_input(
    grad_input: &Array,
    grad: &Array,
    weight: &Array,
    bias: Option<&Array>,
    geometry: &ConvGeometry,
) -> Result<()> {
    on_cpu(grad_input, |target| {
        let bias = bias.map(view).transpose()?;
        kernels::conv_input_gradient(target, view(grad)?, view(weight)?, bias, geometry)
    })
}

/// The gradient of [`conv`] in its weight.
pub fn conv_weight(
    grad_weight: &Array,
    grad: &Array,
    x: &Array,
    geometry: &ConvGeometry,
) -> Result<()> {
    on_cpu(grad_weight, |target| {
        kernels::conv_weight_gradient(target, view(grad)?, view(x)?, geometry)
    })
}
