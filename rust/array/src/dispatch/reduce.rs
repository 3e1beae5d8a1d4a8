//! Reductions over marked dimensions, and the positions of extremes along one.

use super::{on_cpu, view, view_mut};
use crate::Array;
use base::Result;
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
}

/// Folds the dimensions marked in `mask`; `out` has the others.
pub fn reduce(fold: Reduction, out: &Array, x: &Array, mask: &[bool]) -> Result<()> {
    on_cpu(out, |target| (fold.kernel())(target, view(x)?, mask))
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
    on_cpu(out, |target| kernel(target, view(x)?, mask, number))
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
    on_cpu(out, |target| kernel(target, view(x)?, dim))
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
    on_cpu(values, |target| kernel(target, view_mut(indices)?, view(x)?, dim))
}
