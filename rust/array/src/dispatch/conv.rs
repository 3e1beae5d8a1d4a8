//! Convolutions: the three maps of one trilinear form.

use super::{gpu_view, on_device};
use crate::Array;
use base::Result;
use cpu::conv as kernels;
pub use kernels::ConvGeometry;

fn on_gpu(geometry: &ConvGeometry) -> gpu::conv::Geometry<'_> {
    gpu::conv::Geometry {
        stride: &geometry.stride,
        padding: &geometry.padding,
        dilation: &geometry.dilation,
        groups: geometry.groups,
    }
}

/// `out` = the convolution of `x` with `weight`, plus a bias per output channel.
pub fn conv(
    out: &Array,
    x: &Array,
    weight: &Array,
    bias: Option<&Array>,
    geometry: &ConvGeometry,
) -> Result<()> {
    on_device(
        out,
        |host, target| {
            let bias = bias.map(|a| host.view(a)).transpose()?;
            kernels::conv_forward(target, host.view(x)?, host.view(weight)?, bias, geometry)
        },
        |target| {
            let bias = bias.map(gpu_view).transpose()?;
            gpu::conv::conv(target, gpu_view(x)?, gpu_view(weight)?, bias, on_gpu(geometry))
        },
    )
}

/// The gradient of [`conv`] in its input: the transposed convolution, plus a bias per channel.
pub fn conv_input(
    grad_input: &Array,
    grad: &Array,
    weight: &Array,
    bias: Option<&Array>,
    geometry: &ConvGeometry,
) -> Result<()> {
    on_device(
        grad_input,
        |host, target| {
            let bias = bias.map(|a| host.view(a)).transpose()?;
            kernels::conv_input_gradient(
                target,
                host.view(grad)?,
                host.view(weight)?,
                bias,
                geometry,
            )
        },
        |target| {
            let (bias, geometry) = (bias.map(gpu_view).transpose()?, on_gpu(geometry));
            gpu::conv::conv_input(target, gpu_view(grad)?, gpu_view(weight)?, bias, geometry)
        },
    )
}

/// The gradient of [`conv`] in its weight.
pub fn conv_weight(
    grad_weight: &Array,
    grad: &Array,
    x: &Array,
    geometry: &ConvGeometry,
) -> Result<()> {
    on_device(
        grad_weight,
        |host, target| {
            kernels::conv_weight_gradient(target, host.view(grad)?, host.view(x)?, geometry)
        },
        |target| gpu::conv::conv_weight(target, gpu_view(grad)?, gpu_view(x)?, on_gpu(geometry)),
    )
}
