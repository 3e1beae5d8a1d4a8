//! Pooling over windows.

use super::{on_cpu, view, view_mut};
use crate::Array;
use base::Result;
use cpu::pool2d as kernels;
pub use kernels::{Divisor, PoolGeometry};

/// Windows of fixed size, or the number of windows along the last `rank` dimensions.
#[derive(Clone, Debug)]
// One lives on the stack per call; boxing the geometry would cost an allocation each.
#[allow(missing_docs, clippy::large_enum_variant)]
pub enum Windows {
    Fixed(PoolGeometry),
    Adaptive { rank: usize },
}

impl Windows {
    /// How many spatial dimensions.
    pub fn rank(&self) -> usize {
        match self {
            Windows::Fixed(geometry) => geometry.kernel.len(),
            Windows::Adaptive { rank } => *rank,
        }
    }
}

/// Maxima of windows and, where asked, their positions in the plane.
pub fn max_pool(out: &Array, indices: Option<&Array>, x: &Array, windows: &Windows) -> Result<()> {
    on_cpu(out, |target| {
        let indices = indices.map(view_mut).transpose()?;
        match windows {
            Windows::Fixed(geometry) => kernels::max_pool(target, indices, view(x)?, geometry),
            Windows::Adaptive { rank } => {
                kernels::adaptive_max_pool(target, indices, view(x)?, *rank)
            }
        }
    })
}

/// Adds each element of `grad` to the position of the plane that `indices` names.
pub fn max_pool_backward(
    grad_input: &Array,
    grad: &Array,
    indices: &Array,
    rank: usize,
) -> Result<()> {
    on_cpu(grad_input, |target| {
        kernels::max_pool_backward(target, view(grad)?, view(indices)?, rank)
    })
}

/// Means of windows; `divisor` is for fixed windows.
pub fn avg_pool(out: &Array, x: &Array, windows: &Windows, divisor: Divisor) -> Result<()> {
    on_cpu(out, |target| match windows {
        Windows::Fixed(geometry) => kernels::avg_pool(target, view(x)?, geometry, divisor),
        Windows::Adaptive { rank } => kernels::adaptive_avg_pool(target, view(x)?, *rank),
    })
}

/// The gradient of [`avg_pool`].
pub fn avg_pool_backward(
    grad_input: &Array,
    grad: &Array,
    windows: &Windows,
    divisor: Divisor,
) -> Result<()> {
    on_cpu(grad_input, |target| match windows {
        Windows::Fixed(geometry) => {
            kernels::avg_pool_backward(target, view(grad)?, geometry, divisor)
        }
        Windows::Adaptive { rank } => {
            kernels::adaptive_avg_pool_backward(target, view(grad)?, *rank)
        }
    })
}
