//! Order along one dimension, groups of equal elements, places in sorted sequences.

use super::{on_cpu, view, view_mut};
use crate::Array;
use base::Result;
use cpu::sort as kernels;
pub use cpu::sort::Groups;

/// The elements in order along `dim` and where they were; stable.
pub fn sort(
    values: &Array,
    indices: &Array,
    x: &Array,
    dim: usize,
    descending: bool,
) -> Result<()> {
    on_cpu("sort", values, |target| {
        kernels::sort(Some(target), Some(view_mut(indices)?), view(x)?, dim, descending)
    })
}

/// The `k` largest or smallest elements along `dim`, best first, and where they were.
pub fn topk(
    values: &Array,
    indices: &Array,
    x: &Array,
    dim: usize,
    k: usize,
    largest: bool,
) -> Result<()> {
    on_cpu("topk", values, |target| {
        kernels::topk(target, view_mut(indices)?, view(x)?, dim, k, largest)
    })
}

/// One element of the order along a dimension.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rank {
    /// The k-th smallest, from 1.
    Kth(usize),
    /// The lower median.
    Median,
    /// The lower median of those that are not NaN.
    NanMedian,
    /// The most frequent.
    Mode,
}

/// The element of that rank along `dim` and where it was.
pub fn rank(kind: Rank, values: &Array, indices: &Array, x: &Array, dim: usize) -> Result<()> {
    on_cpu("rank", values, |target| {
        let (indices, x) = (view_mut(indices)?, view(x)?);
        match kind {
            Rank::Kth(k) => kernels::kthvalue(target, indices, x, dim, k),
            Rank::Median => kernels::median(target, indices, x, dim, false),
            Rank::NanMedian => kernels::median(target, indices, x, dim, true),
            Rank::Mode => kernels::mode(target, indices, x, dim),
        }
    })
}

/// For each value the place before which it stands in its sorted sequence.
pub fn searchsorted(
    out: &Array,
    sequence: &Array,
    values: &Array,
    sorter: Option<&Array>,
    right: bool,
) -> Result<()> {
    on_cpu("searchsorted", out, |target| {
        let sorter = sorter.map(view).transpose()?;
        kernels::searchsorted(target, view(sequence)?, view(values)?, sorter, right)
    })
}

/// Groups of equal elements of the flattened array: in ascending order, or of neighbours only.
pub fn unique(x: &Array, sorted: bool) -> Result<Groups> {
    if sorted { kernels::unique(view(x)?) } else { kernels::unique_consecutive(view(x)?) }
}

/// Groups of equal rows of a matrix.
pub fn unique_rows(x: &Array, sorted: bool) -> Result<Groups> {
    kernels::unique_rows(view(x)?, sorted)
}
