//! Running folds along one dimension.

use super::{gpu_view, on_device};
use crate::Array;
use base::Result;
use cpu::scan as kernels;

/// The running folds there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Scan {
    Sum,
    Prod,
    LogSumExp,
}

/// `out[i]` is the fold of `x[0..=i]` along `dim`.
pub fn scan(fold: Scan, out: &Array, x: &Array, dim: usize) -> Result<()> {
    let kernel = match fold {
        Scan::Sum => kernels::cumsum,
        Scan::Prod => kernels::cumprod,
        Scan::LogSumExp => kernels::logcumsumexp,
    };
    let on_gpu = match fold {
        Scan::Sum => gpu::scan::Scan::Sum,
        Scan::Prod => gpu::scan::Scan::Prod,
        Scan::LogSumExp => gpu::scan::Scan::LogSumExp,
    };
    on_device(
        out,
        |host, target| kernel(target, host.view(x)?, dim),
        |target| gpu::scan::scan(on_gpu, target, gpu_view(x)?, dim),
    )
}

/// The extreme so far along `dim`, and its index.
pub fn running_extreme(
    side: super::Extreme,
    values: &Array,
    indices: &Array,
    x: &Array,
    dim: usize,
) -> Result<()> {
    let kernel = match side {
        super::Extreme::Largest => kernels::cummax,
        super::Extreme::Smallest => kernels::cummin,
    };
    on_device(
        values,
        |host, target| kernel(target, host.view_mut(indices)?, host.view(x)?, dim),
        |target| {
            let largest = side == super::Extreme::Largest;
            gpu::scan::running_extreme(largest, target, gpu_view(indices)?, gpu_view(x)?, dim)
        },
    )
}
