//! Resampling of spatial dimensions.

use super::on_cpu;
use crate::Array;
use base::Result;
use cpu::interpolate as kernels;
pub use kernels::Interpolation;

/// `out` = `x` resampled to the sizes of `out`; factors override the ratio of sizes.
pub fn interpolate(
    out: &Array,
    x: &Array,
    mode: Interpolation,
    factors: &[Option<f64>],
) -> Result<()> {
    on_cpu("interpolate", out, |host, target| {
        kernels::interpolate(target, host.view(x)?, mode, factors)
    })
}

/// The gradient of [`interpolate`].
pub fn interpolate_backward(
    grad_input: &Array,
    grad: &Array,
    mode: Interpolation,
    factors: &[Option<f64>],
) -> Result<()> {
    on_cpu("interpolate_backward", grad_input, |host, target| {
        kernels::interpolate_backward(target, host.view(grad)?, mode, factors)
    })
}
