//! Resampling of spatial dimensions.

use super::{on_cpu, view};
use crate::Array;
use base::Result;
use cpu::interpolate as kernels;
pub use kernels::{Interpolation, taps};

/// `out` = `x` resampled to the sizes of `out`; factors override the ratio of sizes.
pub fn interpolate(
    out: &Array,
    x: &Array,
    mode: Interpolation,
    factors: &[Option<f64>],
) -> Result<()> {
    on_cpu("interpolate", out, |target| kernels::interpolate(target, view(x)?, mode, factors))
}

/// The gradient of [`interpolate`].
pub fn interpolate_backward(
    grad_input: &Array,
    grad: &Array,
    mode: Interpolation,
    factors: &[Option<f64>],
) -> Result<()> {
    on_cpu("interpolate_backward", grad_input, |target| {
        kernels::interpolate_backward(target, view(grad)?, mode, factors)
    })
}
