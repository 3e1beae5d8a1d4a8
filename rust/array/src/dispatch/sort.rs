//! Order along one dimension, groups of equal elements, places in sorted sequences.

use super::{ask_host, on_cpu};
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
    on_cpu("sort", values, |host, target| {
        kernels::sort(Some(target), Some(host.view_mut(indices)?), host.view(x)?, dim, descending)
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
    on_cpu("topk", values, |host, target| {
        kernels::topk(target, host.view_mut(indices)?, host.view(x)?, dim, k, largest)
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

impl Rank {
    fn name(self) -> &'static str {
        match self {
            Rank::Kth(_) => "kthvalue",
            Rank::Median => "median",
            Rank::NanMedian => "nanmedian",
            Rank::Mode => "mode",
        }
    }
}

/// The element of that rank along `dim` and where it was.
pub fn rank(kind: Rank, values: &Array, indices: &Array, x: &Array, dim: usize) -> Result<()> {
    on_cpu(kind.name(), values, |host, target| {
        let (indices, x) = (host.view_mut(indices)?, host.view(x)?);
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
    on_cpu("searchsorted", out, |host, target| {
        let sorter = sorter.map(|a| host.view(a)).transpose()?;
        kernels::searchsorted(target, host.view(sequence)?, host.view(values)?, sorter, right)
    })
}

/// Groups of equal elements of the flattened array: in ascending order, or of neighbours only.
pub fn unique(x: &Array, sorted: bool) -> Result<Groups> {
    let kernel = if sorted { kernels::unique } else { kernels::unique_consecutive };
    ask_host("unique", x, |host| kernel(host.view(x)?))
}

/// Groups of equal rows of a matrix.
pub fn unique_rows(x: &Array, sorted: bool) -> Result<Groups> {
    ask_host("unique", x, |host| kernels::unique_rows(host.view(x)?, sorted))
}
