//! Reductions over marked dimensions, and the positions of extremes along one.

use super::{gpu_view, on_device};
use crate::Array;
use base::{DType, Result};
use cpu::reduce as kernels;
use cpu::{View, ViewMut};

/// The folds there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Reduction {
    Sum,
    Mean,
    NanSum,
    Prod,
    Amax,
    Amin,
    Any,
    All,
    CountNonzero,
    LogSumExp,
}

impl Reduction {
    fn kernel(self) -> fn(ViewMut<'_>, View<'_>, &[bool]) -> Result<()> {
        match self {
            Reduction::Sum => kernels::sum,
            Reduction::Mean => kernels::mean,
            Reduction::NanSum => kernels::nansum,
            Reduction::Prod => kernels::prod,
            Reduction::Amax => kernels::amax,
            Reduction::Amin => kernels::amin,
            Reduction::Any => kernels::any,
            Reduction::All => kernels::all,
            Reduction::CountNonzero => kernels::count_nonzero,
            Reduction::LogSumExp => kernels::logsumexp,
        }
    }

    fn on_gpu(self) -> gpu::reduce::Fold {
        use gpu::reduce::Fold;
        match self {
            Reduction::Sum => Fold::Sum,
            Reduction::Mean => Fold::Mean,
            Reduction::NanSum => Fold::NanSum,
            Reduction::Prod => Fold::Prod,
            Reduction::Amax => Fold::Amax,
            Reduction::Amin => Fold::Amin,
            Reduction::Any => Fold::Any,
            Reduction::All => Fold::All,
            Reduction::CountNonzero => Fold::CountNonzero,
            Reduction::LogSumExp => Fold::LogSumExp,
        }
    }
}

/// Folds the dimensions marked in `mask`; `out` has the others.
pub fn reduce(fold: Reduction, out: &Array, x: &Array, mask: &[bool]) -> Result<()> {
    let fold = match fold {
        Reduction::Sum | Reduction::NanSum if out.dtype() == DType::Bool => Reduction::Any,
        Reduction::Prod if out.dtype() == DType::Bool => Reduction::All,
        fold => fold,
    };
    on_device(
        out,
        |host, target| (fold.kernel())(target, host.view(x)?, mask),
        |target| gpu::reduce::reduce(fold.on_gpu(), target, gpu_view(x)?, mask, 0.0),
    )
}

/// Folds that take a number besides the dimensions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Statistic {
    /// The variance; the number is the correction.
    Var,
    /// The standard deviation; the number is the correction.
    Std,
    /// The p-norm; the number is p.
    Norm,
}

/// [`reduce`] for folds with a number.
pub fn statistic(
    fold: Statistic,
    out: &Array,
    x: &Array,
    mask: &[bool],
    number: f64,
) -> Result<()> {
    let kernel = match fold {
        Statistic::Var => kernels::var,
        Statistic::Std => kernels::std,
        Statistic::Norm => kernels::norm,
    };
    let on_gpu = match fold {
        Statistic::Var => gpu::reduce::Fold::Var,
        Statistic::Std => gpu::reduce::Fold::Std,
        Statistic::Norm => gpu::reduce::Fold::Norm,
    };
    on_device(
        out,
        |host, target| kernel(target, host.view(x)?, mask, number),
        |target| gpu::reduce::reduce(on_gpu, target, gpu_view(x)?, mask, number),
    )
}

/// Which end of the order is looked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Extreme {
    Largest,
    Smallest,
}

/// The index of the extreme along `dim`.
pub fn arg_extreme(side: Extreme, out: &Array, x: &Array, dim: usize) -> Result<()> {
    let kernel = match side {
        Extreme::Largest => kernels::argmax,
        Extreme::Smallest => kernels::argmin,
    };
    let largest = side == Extreme::Largest;
    on_device(
        out,
        |host, target| kernel(target, host.view(x)?, dim),
        |target| gpu::reduce::extreme(largest, None, target, gpu_view(x)?, dim),
    )
}

/// The extreme along `dim` and its index.
pub fn extreme(
    side: Extreme,
    values: &Array,
    indices: &Array,
    x: &Array,
    dim: usize,
) -> Result<()> {
    let kernel = match side {
        Extreme::Largest => kernels::max_dim,
        Extreme::Smallest => kernels::min_dim,
    };
    let largest = side == Extreme::Largest;
    on_device(
        values,
        |host, target| kernel(target, host.view_mut(indices)?, host.view(x)?, dim),
        |target| gpu::reduce::extreme(largest, Some(target), gpu_view(indices)?, gpu_view(x)?, dim),
    )
}
