//! Resampling of spatial dimensions.

use super::{Place, not_on_gpu, on_cpu, place};
use crate::Array;
use base::{DType, Result};
use cpu::interpolate as kernels;
pub use kernels::{Interpolation, taps};

/// Whether the sum over [`taps`] is the meaning: whole numbers between positions round in their own way.
pub fn is_sum_of_taps(mode: Interpolation, dtype: DType) -> bool {
    dtype.is_float() || matches!(mode, Interpolation::Nearest | Interpolation::NearestExact)
}

/// `out` = `x` resampled to the sizes of `out`; factors override the ratio of sizes.
pub fn interpolate(
    out: &Array,
    x: &Array,
    mode: Interpolation,
    factors: &[Option<f64>],
) -> Result<()> {
    if matches!(place(out), Place::Gpu(_)) && is_sum_of_taps(mode, x.dtype()) {
        // Not to be fallen back from: the op has its meaning.
        return not_on_gpu("interpolate", out.device());
    }
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
