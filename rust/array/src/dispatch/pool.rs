//! Pooling over windows.

use super::{gpu_view, on_device};
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

    fn on_gpu(&self) -> gpu::pool::Windows<'_> {
        match self {
            Windows::Fixed(g) => gpu::pool::Windows::Fixed {
                kernel: &g.kernel,
                stride: &g.stride,
                padding: &g.padding,
                dilation: &g.dilation,
            },
            Windows::Adaptive { rank } => gpu::pool::Windows::Adaptive { rank: *rank },
        }
    }
}

fn divisor_on_gpu(divisor: Divisor) -> gpu::pool::Divisor {
    match divisor {
        Divisor::Inside => gpu::pool::Divisor::Inside,
        Divisor::Padded => gpu::pool::Divisor::Padded,
        Divisor::Fixed(number) => gpu::pool::Divisor::Fixed(number),
    }
}

/// Maxima of windows and, where asked, their positions in the plane.
pub fn max_pool(out: &Array, indices: Option<&Array>, x: &Array, windows: &Windows) -> Result<()> {
    on_device(
        out,
        |host, target| {
            let indices = indices.map(|a| host.view_mut(a)).transpose()?;
            match windows {
                Windows::Fixed(geometry) => {
                    kernels::max_pool(target, indices, host.view(x)?, geometry)
                }
                Windows::Adaptive { rank } => {
                    kernels::adaptive_max_pool(target, indices, host.view(x)?, *rank)
                }
            }
        },
        |target| {
            let indices = indices.map(gpu_view).transpose()?;
            gpu::pool::max_pool(target, indices, gpu_view(x)?, &windows.on_gpu())
        },
    )
}

/// Adds each element of `grad` to the position of the plane that `indices` names.
pub fn max_pool_backward(
    grad_input: &Array,
    grad: &Array,
    indices: &Array,
    rank: usize,
) -> Result<()> {
    on_device(
        grad_input,
        |host, target| {
            kernels::max_pool_backward(target, host.view(grad)?, host.view(indices)?, rank)
        },
        |target| gpu::pool::max_pool_backward(target, gpu_view(grad)?, gpu_view(indices)?, rank),
    )
}

/// Means of windows; `divisor` is for fixed windows.
pub fn avg_pool(out: &Array, x: &Array, windows: &Windows, divisor: Divisor) -> Result<()> {
    on_device(
        out,
        |host, target| match windows {
            Windows::Fixed(geometry) => kernels::avg_pool(target, host.view(x)?, geometry, divisor),
            Windows::Adaptive { rank } => kernels::adaptive_avg_pool(target, host.view(x)?, *rank),
        },
        |target| {
            let (windows, divisor) = (windows.on_gpu(), divisor_on_gpu(divisor));
            gpu::pool::avg_pool(target, gpu_view(x)?, &windows, divisor)
        },
    )
}

/// The gradient of [`avg_pool`].
pub fn avg_pool_backward(
    grad_input: &Array,
    grad: &Array,
    windows: &Windows,
    divisor: Divisor,
) -> Result<()> {
    on_device(
        grad_input,
        |host, target| match windows {
            Windows::Fixed(geometry) => {
                kernels::avg_pool_backward(target, host.view(grad)?, geometry, divisor)
            }
            Windows::Adaptive { rank } => {
                kernels::adaptive_avg_pool_backward(target, host.view(grad)?, *rank)
            }
        },
        |target| {
            let (windows, divisor) = (windows.on_gpu(), divisor_on_gpu(divisor));
            gpu::pool::avg_pool_backward(target, gpu_view(grad)?, &windows, divisor)
        },
    )
}
